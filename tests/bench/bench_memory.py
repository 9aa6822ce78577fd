"""Peak memory of the streaming commands on three minutes and on three hours of 44.1 kHz stereo.

    python -m tests.bench.bench_memory [--only mix chunk] [--minutes 3 180]

A row is kept as soon as it is measured: a run that was stopped goes on, and --only repeats single ones.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from audiokit.io import audio
from tests import signals
from tests.bench.measure import PROGRAM, Rows, apart, measure, publish, table

RATE = 44_100
COMMANDS = {
    "chunk": ["chunk", "IN", "-o", "OUT/", "--every", "30s", "-q"],
    "spectro": ["spectro", "IN", "-o", "OUT/set.chunks", "-q"],
    "invert": ["invert", "SET", "-o", "OUT/back.wav", "-q"],
    "normalize": ["normalize", "IN", "-o", "OUT/level.wav", "-q"],
    "mix": ["mix", "IN", "IN", "-o", "OUT/mix.wav", "-q"],
    "augment": ["augment", "IN", "-o", "OUT/varied.wav", "--recipe", "music", "-q"],
}


def write_long(path: Path | str, minutes: int, seed: int = 0) -> None:
    """Write a song of one minute over and over, 16 bit."""
    minute = signals.plucks(np.random.default_rng(seed), 60.0, RATE, channels=2)
    with audio.Writer(Path(path), RATE, 2, subtype="PCM_16", clip="allow", force=True) as writer:
        for _ in range(minutes):
            writer.write(minute)


def main() -> None:
    """Measure, print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, nargs=2, default=[3, 180])
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=[])
    options = parser.parse_args()
    rows = Rows("memory", anew=options.only)
    missing = [command for command in options.only or COMMANDS if not rows.of(command)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peaks: dict[str, list[float]] = {command: [] for command in missing}
        for minutes in options.minutes:
            source, out = folder / f"{minutes}.wav", folder / f"out{minutes}"
            apart("tests.bench.bench_memory", "write_long", source, minutes)
            out.mkdir()
            for command in missing:
                names = {"IN": str(source), "SET": str(out / "set.chunks")}
                full = [names.get(part, part.replace("OUT", str(out))) for part in COMMANDS[command]]
                if str(out / "set.chunks") in full and not (out / "set.chunks").exists() and command != "spectro":
                    measure([*PROGRAM, "spectro", str(source), "-o", str(out / "set.chunks"), "-q"], cwd=folder)
                result = measure([*PROGRAM, *full], cwd=folder)
                peaks[command].append(round(result.peak_mb, 1))
                print(command, minutes, round(result.peak_mb), "MB", round(result.seconds, 1), "s", file=sys.stderr)
                if len(peaks[command]) == len(options.minutes):
                    rows.of(command).update(peaks=peaks[command], speed=round(minutes * 60 / result.seconds, 1))
                    rows.save()
    publish("memory", written(rows, options.minutes))
    rows.save(finished=True)


def written(rows: Rows, lengths: list[int]) -> str:
    """The table of the rows that there are."""
    names = [f"{m / 60:g} hours" if m >= 60 else f"{m} minutes" for m in lengths]
    lines = [
        [f"`{command}`", *(f"{peak:.0f} MB" for peak in row["peaks"]), f"{row['speed']:.0f}x"]
        for command in COMMANDS
        if (row := rows.of(command))
    ]
    return table(["command", *(f"peak at {name}" for name in names), "real time"], lines)


if __name__ == "__main__":
    main()
