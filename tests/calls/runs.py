"""Run one call with one version of the program in a folder of its own, and read back what it did."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

#: Seconds that one step may take.
LIMIT = 300
_REDIRECTS = ("<", ">")
_INPUT = re.compile(r"\bin/([\w.-]+)")
#: What differs from run to run inside text.
_NOISE = (
    (re.compile(r"\d+:\d\d:\d\d left"), "TIME left"),
    # Parts of a path and not all but spaces, which would read a page, one word of megabytes, from each of its letters.
    (re.compile(r"(?:/[\w.~-]+)*/audiokit-\w{8}\b"), "TEMPORARY"),
    (re.compile(r"(?m)^Matplotlib is building the font cache.*\n"), ""),
    (re.compile(r"SOURCE/\S+\.py:\d+: "), "SOURCE: "),
)


@dataclass(frozen=True)
class Stage:
    """One process of a pipeline: its arguments, and the files in place of its standard streams."""

    arguments: list[str]
    stdin: str | None
    stdout: str | None


def stages(line: str) -> list[Stage]:
    """Take a line such as "spectro a.wav -o - | invert - -o - > b.wav" apart."""
    found = []
    words = shlex.split(line)
    while words:
        end = words.index("|") if "|" in words else len(words)
        part, words = words[:end], words[end + 1 :]
        files = {sign: part[part.index(sign) + 1] for sign in _REDIRECTS if sign in part}
        end = min(map(part.index, files), default=len(part))
        found.append(Stage(part[:end], files.get("<"), files.get(">")))
    return found


def steps(text: str) -> list[str]:
    """Take the text of a call apart: one step per line."""
    return [line.strip() for line in text.strip().splitlines()]


def environment(source: Path, home: Path) -> dict[str, str]:
    """Make the environment in which a version runs."""
    inherited = {key: value for key, value in os.environ.items() if "AUDIOKIT" not in key}
    own = {"PYTHONPATH": str(source), "PYTHONSAFEPATH": "1", "AUDIOKIT_HOME": str(home), "OMP_NUM_THREADS": "1"}
    return {**inherited, **own, "COLUMNS": "100", "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "TERM": "dumb"}


def check_source(source: Path) -> None:
    """Make sure that a folder put on the path is the one that runs."""
    code = "import audiokit; print(audiokit.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(source, Path("home"))
    )
    if not done.stdout.startswith(f"{source}{os.sep}"):
        sys.exit(f"{source}: not a source folder of audiokit: {done.stdout or done.stderr}")


def run_call(text: str, source: Path, inputs: Path, folder: Path) -> None:
    """Run the steps of a call and leave everything they did in a folder.

    Args:
        text: the call, one step per line.
        source: folder put on PYTHONPATH.
        inputs: folder of inputs; those the call names are copied into its own folder `in`.
        folder: where to leave `steps.json`, `stdout-N` and `files`; replaced if it exists.
    """
    shutil.rmtree(folder, ignore_errors=True)
    here = folder / "files"
    here.mkdir(parents=True)
    _copy_inputs(text, inputs, here / "in")
    done = []
    for number, line in enumerate(steps(text)):
        started = time.perf_counter()
        statuses, errors = _run_step(line, source, here, folder / f"stdout-{number}")
        seconds = round(time.perf_counter() - started, 2)
        done.append({"line": line, "status": statuses, "stderr": errors, "seconds": seconds})
    _drop_inputs(inputs, here / "in")
    about = {"text": text, "here": str(here), "source": str(source), "steps": done}
    (folder / "steps.json").write_text(json.dumps(about, indent=1))


def _copy_inputs(text: str, inputs: Path, here: Path) -> None:
    here.mkdir()
    for name in sorted(set(_INPUT.findall(text))):
        if (inputs / name).is_dir():
            shutil.copytree(inputs / name, here / name)
        elif (inputs / name).exists():
            shutil.copy2(inputs / name, here / name)


def _drop_inputs(inputs: Path, here: Path) -> None:
    """Remove copied inputs that the call has left as they were."""
    for path in sorted(here.rglob("*"), reverse=True):
        given = inputs / path.relative_to(here)
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif given.is_file() and given.read_bytes() == path.read_bytes():
            path.unlink()


def _run_step(line: str, source: Path, here: Path, stdout: Path) -> tuple[list[Any], list[str]]:
    """Run one pipeline, every process started at once; return their statuses and what they said on stderr."""
    pipeline = stages(line)
    processes: list[subprocess.Popen[bytes]] = []
    errors: list[IO[bytes]] = []
    upstream: Any = None
    for number, stage in enumerate(pipeline):
        last = number == len(pipeline) - 1
        stdin = upstream or open(here / stage.stdin if stage.stdin else os.devnull, "rb")  # noqa: SIM115
        out: Any = open(here / stage.stdout if stage.stdout else stdout, "wb") if last else subprocess.PIPE  # noqa: SIM115
        errors.append(open(stdout.with_name(f"{stdout.name}-error-{number}"), "w+b"))  # noqa: SIM115
        command = [sys.executable, "-m", "audiokit", *stage.arguments]
        env = environment(source, here / "home")
        processes.append(subprocess.Popen(command, cwd=here, env=env, stdin=stdin, stdout=out, stderr=errors[-1]))
        stdin.close()
        upstream = processes[-1].stdout
        if last:
            out.close()
    statuses = [_wait(process) for process in processes]
    said = []
    for file in errors:
        file.seek(0)
        said.append(file.read().decode("utf-8", "replace"))
        file.close()
        os.unlink(file.name)
    return statuses, said


def _wait(process: subprocess.Popen[bytes]) -> int | str:
    try:
        return process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return f"took longer than {LIMIT} s"


class Done:
    """What a call did, read from the folder where `run_call` left it."""

    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / "steps.json").read_text())
        self.text: str = about["text"]
        self.steps: list[dict[str, Any]] = about["steps"]
        self.seconds = sum(step["seconds"] for step in self.steps)
        self._folder, self._here, self._source = folder, about["here"], about["source"]

    def clean(self, text: str) -> str:
        """Replace the folder, the source folder and clocks inside text."""
        text = text.replace(self._here, "HERE").replace(self._source, "SOURCE")
        for pattern, instead in _NOISE:
            text = pattern.sub(instead, text)
        return text

    def stdout(self, number: int) -> bytes:
        """What the last process of a step wrote to standard output."""
        path = self._folder / f"stdout-{number}"
        return path.read_bytes() if path.exists() else b""

    def files(self) -> dict[str, bytes]:
        """Everything that was made, by name; parts of a name that stand for paths and times become numbers."""
        made: dict[str, bytes] = {}
        here = self._folder / "files"
        for path in sorted(path for path in here.rglob("*") if path.is_file()):
            data, name = path.read_bytes(), re.sub(r"\b[0-9a-f]{16,}\b", "KEY", str(path.relative_to(here)))
            while name in made:  # such names are in no order: the contents are
                if data < made[name]:
                    data, made[name] = made[name], data
                name = f"{name}+"
            made[name] = data
        return made
