"""Start-up and tiny runs of every command beside importing Typer.

    python -m tests.bench.bench_startup [--only mix help] [--repeats 3]

A row is kept as soon as it is measured: a run that was stopped goes on, and --only repeats single ones.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from audiokit.engine.table import COMMANDS
from audiokit.io import audio
from tests import signals
from tests.bench.measure import PROGRAM, Rows, measure, publish, table

#: Runs on one second of audio, `sing` on two of a voice over eight; `train` is no matter of seconds.
RUNS = {
    "info": "info a.wav",
    "normalize": "normalize a.wav -o n.wav --force",
    "mix": "mix a.wav b.wav -o m.wav --force",
    "chunk": "chunk a.wav --every 0.25s -o pieces/ --force",
    "spectro": "spectro a.wav -o a.chunks --force",
    "invert": "invert a.chunks -o i.wav --force",
    "run": "run spectro|invert a.wav -o r.wav --force",
    "score": "score a.wav --ref b.wav",
    "models": "models list",
    "page": "page pieces -o page.html --force",
    "morph": "morph a.wav b.wav -o w.wav --force",
    "denoise (wiener)": "denoise a.wav -o d.wav --force --engine wiener",
    "split (hpss)": "split a.wav -o stems/ --force --engine hpss",
    "align-beats": "align-beats a.wav --to b.wav -o t.wav --force",
    "augment": "augment a.wav -o copies/ --force",
    "denoise": "denoise a.wav -o d.wav --force",
    "split": "split a.wav -o stems/ --force",
    "stylize": "stylize a.wav -o s.wav --force",
    "generate": "generate --pitch C4 -o g.wav --force",
    "spectro --preset melgan": "spectro a.wav -o m.chunks --preset melgan --force",
    "invert (mel bands)": "invert m.chunks -o i.wav --force",
    "sing --engine gan": "sing voice.wav --over song.wav --engine gan -o s.wav --force",
}
#: What some of them read.
MADE_OF = (
    "spectro a.wav -o a.chunks",
    "spectro a.wav -o m.chunks --preset melgan",
    "chunk a.wav --every 0.25s -o pieces/",
)
HEAVY = ["numpy", "soundfile", "soxr", "scipy.signal", "scipy.ndimage", "numba", "librosa", "audiomentations"]
HEAVY += ["onnxruntime", "torch"]
#: Runs one command and names those of the modules after it that it has imported.
IMPORTED = """
import sys
from audiokit.cli import run
run(sys.argv[2:])
print("imported:", *(name for name in sys.argv[1].split(",") if name in sys.modules), file=sys.stderr)
"""


BASE = "`python -c 'import typer'`"
TYPER = [sys.executable, "-c", "import typer"]


def main() -> None:
    """Measure, print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[*RUNS, "help"], default=[])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rows = Rows("startup", anew=options.only)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rng = np.random.default_rng(0)
        for letter in "ab":
            audio.write(folder / f"{letter}.wav", signals.plucks(rng, 1.0, 44_100), 44_100, subtype="PCM_16")
        audio.write(folder / "voice.wav", signals.syllables(rng, 2.0, 16_000), 16_000, subtype="PCM_16")
        audio.write(folder / "song.wav", 0.3 * signals.plucks(rng, 8.0, 44_100, 2), 44_100, subtype="PCM_16")
        for made in MADE_OF:
            measure([*PROGRAM, *made.split()], cwd=folder)
        for group in options.only or [*RUNS, "help"]:
            if not rows.of(group):
                rows.of(group).update(helps(folder) if group == "help" else started(group, folder, options.repeats))
                rows.save()
    publish("startup", written(rows))
    rows.save(finished=True)


def started(name: str, folder: Path, repeats: int) -> dict[str, Any]:
    """Least ms of a command from start to end, and of importing Typer; the heavy modules that it imports."""
    line = RUNS[name].split()
    least = _least({BASE: TYPER, name: [*PROGRAM, *line]}, folder, repeats)
    seen = [sys.executable, "-c", IMPORTED, ",".join(HEAVY), *line]
    said = subprocess.run(seen, cwd=folder, capture_output=True, text=True, check=True).stderr
    return {"ms": least[name], "typer": least[BASE], "imports": said.partition("imported: ")[2].strip()}


def helps(folder: Path, repeats: int = 9) -> dict[str, float]:
    """Help of every command beside importing Typer alone, in ms."""
    lines = {BASE: TYPER, "`audiokit --help`": [*PROGRAM, "--help"]}
    lines |= {f"`audiokit {command} --help`": [*PROGRAM, command, "--help"] for command in COMMANDS}
    return _least(lines, folder, repeats)


def _least(lines: dict[str, list[str]], folder: Path, repeats: int) -> dict[str, float]:
    """Least processor time of each command in ms, taken in turns so that a busy machine troubles all alike."""
    least = dict.fromkeys(lines, float("inf"))
    for _ in range(repeats):
        for label, line in lines.items():
            least[label] = min(least[label], 1000 * measure(line, cwd=folder).processor)
    return least


def written(rows: Rows) -> str:
    """Both tables; importing Typer is measured beside each command, and says how busy the machine was."""
    helped = rows.of("help")
    tables = []
    if helped:
        shown = [[label, ms, ms / helped[BASE]] for label, ms in helped.items()]
        tables.append(table(["help", "ms of processor time", "x import typer"], shown))
    shown = [[n, r["ms"], r["ms"] / r["typer"], r["imports"]] for n in RUNS if (r := rows.of(n))]
    tables.append(table(["on a second of audio", "ms of processor time", "x import typer", "imports"], shown))
    return "\n\n".join(tables)


if __name__ == "__main__":
    main()
