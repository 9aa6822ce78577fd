"""Wall time and peak memory of whole commands, beside what a user would otherwise run, in one run."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

PROGRAM = [sys.executable, "-m", "audiokit"]
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Measurement:
    """One command: how long it took (start included), the most memory any one of its processes held, processor time."""

    seconds: float
    peak_mb: float
    processor: float = 0.0


def measure(command: Sequence[str | os.PathLike], *, cwd: Path, repeats: int = 1) -> Measurement:
    """Run a command `repeats` times; the fastest run counts, for noise only ever adds."""
    best = Measurement(float("inf"), 0.0)
    surroundings = _surroundings()
    for _ in range(repeats):
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        text = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{command}: {text.decode(errors='replace')[-2000:]}")
        if seconds < best.seconds:
            best = Measurement(seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)
    return best


def _surroundings() -> dict[str, str]:
    """What commands are run with: audiokit compiled, as whatever was installed is, the libraries beside it included."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    _compile()
    return env


@lru_cache(maxsize=1)
def _compile() -> None:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", Path(__file__).parents[2] / "audiokit"], check=True, env=env
    )


def apart(module: str, function: str, *values: object) -> None:
    """Call a function of a module in a process of its own: what this process holds counts as its children's memory."""
    said = ", ".join(repr(str(value) if isinstance(value, Path) else value) for value in values)
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", f"from {module} import {function} as f; f({said})"], cwd=root, check=True)


def have(program: str) -> bool:
    """Whether a program to compare with is installed."""
    return shutil.which(program) is not None


def circumstances() -> str:
    """Name the day, the processor, and the load of the machine over the last five minutes.

    >>> circumstances()
    '20...'
    """
    names = Path("/proc/cpuinfo")
    lines = names.read_text().splitlines() if names.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    load = f", load {os.getloadavg()[1]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{time.strftime('%Y-%m-%d')} on {os.cpu_count()} x {(models or [platform.processor()])[0]}{load}"


class Rows:
    """Rows of a bench that are finished, each kept at once: an interrupted run goes on, one row can be repeated.

    A run after one that came to its end starts anew.

    Args:
        name: of the result; rows are kept in results/rows/NAME.json.
        anew: rows to be measured again, the others staying as they are.
        keep: all rows stay, even those of a run that came to its end.

    >>> Rows("example").of("mix")
    {}
    """

    def __init__(self, name: str, *, anew: Sequence[str] = (), keep: bool = False) -> None:
        self._file = RESULTS / "rows" / f"{name}.json"
        held = json.loads(self._file.read_text()) if self._file.exists() else {"finished": False, "rows": {}}
        self._rows: dict[str, dict[str, Any]] = {} if held["finished"] and not anew and not keep else held["rows"]
        for row in anew:
            self._rows.pop(row, None)

    def of(self, row: str) -> dict[str, Any]:
        """What is kept of a row: empty before it was measured."""
        return self._rows.setdefault(row, {})

    def save(self, *, finished: bool = False) -> None:
        """Keep what there is."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps({"finished": finished, "rows": self._rows}, indent=1) + "\n")


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Make a Markdown table; floats get three significant figures."""

    def cell(value: object) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(map(cell, row)) + " |" for row in rows)])


def publish(name: str, text: str) -> None:
    """Print a result and keep it for the manual, with the day, the machine, and how busy it was."""
    RESULTS.mkdir(exist_ok=True)
    text = f"{text.rstrip()}\n\nMeasured {circumstances()}."
    (RESULTS / f"{name}.md").write_text(text + "\n")
    print(f"\n## {name}\n\n{text}")
