"""Peak memory of the streaming commands on three minutes and on three hours of 44.1 kHz stereo."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from audiokit.io import audio
from tests import signals
from tests.bench.measure import PROGRAM, apart, measure, publish, table

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


def main(long_minutes: int = 180) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peaks: dict[str, list[float]] = {command: [] for command in COMMANDS}
        speed: dict[str, float] = {}
        for minutes in (3, long_minutes):
            source, out = folder / f"{minutes}.wav", folder / f"out{minutes}"
            apart("tests.bench.bench_memory", "write_long", source, minutes)
            out.mkdir()
            for command, line in COMMANDS.items():
                names = {"IN": str(source), "SET": str(out / "set.chunks")}
                full = [names.get(part, part.replace("OUT", str(out))) for part in line]
                result = measure([*PROGRAM, *full], cwd=folder)
                peaks[command].append(result.peak_mb)
                speed[command] = minutes * 60 / result.seconds
                print(command, minutes, round(result.peak_mb), "MB", round(result.seconds, 1), "s", file=sys.stderr)
        rows = [[f"`{c}`", *(f"{p:.0f} MB" for p in peaks[c]), f"{speed[c]:.0f}x"] for c in COMMANDS]
    long_name = f"{long_minutes / 60:g} hours" if long_minutes >= 60 else f"{long_minutes} minutes"
    publish("memory", table(["command", "peak at 3 minutes", f"peak at {long_name}", "real time"], rows))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
