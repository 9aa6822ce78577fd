"""A chain in one process beside the same chain as a shell's pipe, in one run.

    python -m tests.bench.bench_run [--clips 200] [--piped 10] [--song FILE] [--minutes 3]

The clips go through `spectro | stylize | invert | normalize`: once in one `audiokit run` over their folder, and once
as four processes for each of `--piped` of them, as a shell's loop does it; both count processor time per clip. A song
goes through `denoise | normalize` both ways, and a song twenty times as long shows whether memory grows.
"""

from __future__ import annotations

import argparse
import shlex
import tempfile
from pathlib import Path

import numpy as np

from audiokit.io import audio
from tests import signals
from tests.bench.measure import PROGRAM, measure, publish, table

RATE = 22_050
HERE = shlex.join(PROGRAM)
CHAIN = ("spectro", "stylize --model {model}", "invert", "normalize --to -16")
SONG = ("denoise --engine wiener", "normalize --to -16")


def clips(folder: Path, count: int, seconds: float = 2.0) -> list[Path]:
    """Write plucked notes, each clip of its own seed."""
    folder.mkdir()
    paths = [folder / f"{number:04d}.wav" for number in range(count)]
    for number, path in enumerate(paths):
        audio.write(path, signals.plucks(np.random.default_rng(number), seconds, RATE, 1), RATE)
    return paths


def shell_pipe(stages: list[str], source: str, out: str) -> str:
    """The command line of a pipe of processes."""
    first, *middle, last = stages
    within = [f"{HERE} {stage} - -o - --quiet" for stage in middle]
    return " | ".join([f"{HERE} {first} {source} -o - --quiet", *within, f"{HERE} {last} - -o {out} --quiet"])


def main() -> None:
    """Measure, print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--piped", type=int, default=10)
    parser.add_argument("--model", default="piano-to-vibraphone")
    parser.add_argument("--minutes", type=float, default=3.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        cwd = Path(name)
        paths = clips(cwd / "clips", chosen.clips)
        stages = [stage.format(model=chosen.model) for stage in CHAIN]
        loop = "set -e; mkdir -p piped; " + "; ".join(
            shell_pipe(stages, f"clips/{path.name}", f"piped/{path.name}") for path in paths[: chosen.piped]
        )
        piped = measure(["bash", "-c", loop], cwd=cwd)
        one = measure([*PROGRAM, "run", " | ".join(stages), "clips", "-o", "one/", "--quiet"], cwd=cwd)
        two = measure([*PROGRAM, "run", " | ".join(stages), "clips", "-o", "two/", "--quiet", "--jobs", "2"], cwd=cwd)
        same = all(
            (cwd / "one" / p.name).read_bytes() == (cwd / "piped" / p.name).read_bytes() for p in paths[: chosen.piped]
        )
        per_clip = piped.processor / chosen.piped
        rows = [
            (
                "pipe of four processes per clip",
                per_clip * 1000,
                1,
                piped.seconds / chosen.piped * 1000,
                1,
                piped.peak_mb,
            ),
            *(
                (
                    label,
                    m.processor / chosen.clips * 1000,
                    per_clip / (m.processor / chosen.clips),
                    m.seconds / chosen.clips * 1000,
                    piped.seconds / chosen.piped / (m.seconds / chosen.clips),
                    m.peak_mb,
                )
                for label, m in (("`audiokit run` over the folder", one), ("the same with `--jobs 2`", two))
            ),
        ]
        header = (
            f"{chosen.clips} clips of 2 s, `{' | '.join(stages)}`",
            "processor ms",
            "x less",
            "wall ms",
            "x faster",
            "MB",
        )
        text = table(header, rows) + f"\nThe bytes are {'the same' if same else 'NOT the same'} both ways.\n"
        text += "\n" + songs(cwd, chosen.minutes)
    publish("run", text)


def songs(cwd: Path, minutes: float) -> str:
    """A song both ways, and one twenty times as long through `run` alone."""
    rows = []
    for label, length in (("", minutes), (" (long)", 20 * minutes)):
        path = cwd / f"song{len(rows)}.wav"
        once = signals.plucks(np.random.default_rng(5), 60.0, 44_100, 2)
        audio.write(path, np.tile(once, max(1, round(length))), 44_100)
        if not label:
            m = measure(["bash", "-c", shell_pipe(list(SONG), path.name, "a.wav")], cwd=cwd)
            rows.append((f"pipe, {length:g} min", m.processor, m.seconds, m.peak_mb))
        m = measure([*PROGRAM, "run", " | ".join(SONG), path.name, "-o", f"b{len(rows)}.wav", "--quiet"], cwd=cwd)
        rows.append((f"`audiokit run`, {length:g} min", m.processor, m.seconds, m.peak_mb))
    return table((f"`{' | '.join(SONG)}`", "processor s", "wall s", "MB"), rows)


if __name__ == "__main__":
    main()
