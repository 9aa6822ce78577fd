"""Morphs half way between two sounds: pitch, level and attack of each engine and of a cross-fade.

Run: python tests/bench/bench_morph.py [NOTES_FOLDER]; with a folder of recorded notes, those too.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from pathlib import Path

import numpy as np

from audiokit.dsp.morph import choose_engine, morph
from audiokit.dsp.world import analyse_voice
from audiokit.io.audio import SUFFIXES, read

RATE, ENGINES = 22_050, ("world", "transport", "fade")


def synthetic() -> list[tuple[str, np.ndarray]]:
    t = np.arange(2 * RATE) / RATE
    sounds = []
    for name, hz, rolloff, decay in (("reed", 220, 0.7, 0), ("string", 330, 1.2, 0.4), ("pluck", 165, 1.5, 3.0)):
        wave = sum(np.sin(2 * np.pi * hz * k * t) / k**rolloff for k in range(1, int(9000 / hz)))
        sounds.append((name, (0.1 * wave * np.minimum(1, t / 0.02) * np.exp(-decay * t)).astype(np.float32)[None]))
    return sounds


def recorded(folder: Path) -> list[tuple[str, np.ndarray]]:
    """A pitched note of every instrument in a folder, spread over it."""
    found: dict[str, tuple[str, np.ndarray]] = {}
    tries: dict[str, int] = {}
    for path in sorted(folder.rglob("*")):
        family = path.parent.name
        tries[family] = tries.get(family, 0) + 1
        if path.suffix not in SUFFIXES or family in found or tries[family] > 5 or len(found) == 3:
            continue
        y = read(path, rate=RATE, mono=True)[0][:, : 2 * RATE]
        if y.shape[1] > RATE // 2 and choose_engine(y, y, RATE) == "world":
            found[family] = (path.stem[:24], y)
    return list(found.values())


def pitch(y: np.ndarray) -> float:
    return analyse_voice(y[0], RATE).median_hz


def main() -> None:
    sounds = synthetic() + (recorded(Path(sys.argv[1])) if len(sys.argv) > 1 else [])
    pairs = list(itertools.combinations(sounds, 2))
    rows = {engine: [] for engine in ENGINES}
    for (_, a), (_, b) in pairs:
        length = min(a.shape[1], b.shape[1])
        a, b = a[:, :length], b[:, :length]
        wanted_hz = np.sqrt(pitch(a) * pitch(b))
        wanted_level = 20 * np.log10((rms(a) + rms(b)) / 2)
        for engine in ENGINES:
            started = time.process_time()
            y = morph(a, b, RATE, engine=engine)
            spent = time.process_time() - started
            found = pitch(y)
            cents = abs(1200 * np.log2(found / wanted_hz)) if found else np.inf
            rows[engine].append((cents, abs(20 * np.log10(rms(y)) - wanted_level), length / RATE / spent))
    lines = [
        "| engine | within 10 cents of the pitch between | median error, cents | worst level error, dB | x real time |",
        "|---|---|---|---|---|",
    ]
    for engine, values in rows.items():
        cents, levels, speeds = map(np.array, zip(*values, strict=True))
        lines.append(
            f"| {engine} | {(cents <= 10).sum()} of {len(cents)} | {np.median(cents):.0f} | {levels.max():.1f}"
            f" | {np.median(speeds):.1f} |"
        )
    lines += ["", f"{len(pairs)} pairs of {len(sounds)} pitched notes, amount 0.5; one of {os.cpu_count()} cores."]
    text = "\n".join(lines)
    print(text)
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "morph.md").write_text(text + "\n")


def rms(y: np.ndarray) -> float:
    return float(np.sqrt((y.astype(np.float64) ** 2).mean()))


if __name__ == "__main__":
    main()
