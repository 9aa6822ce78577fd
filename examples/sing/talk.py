"""Babble where no speech synthesiser is installed: vowels through formants, a burst of noise before each.

python talk.py FILE.wav
"""

from __future__ import annotations

import sys

import numpy as np

from audiokit.io.audio import write

RATE = 22_050
VOWELS = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240))


def vowel(hz: np.ndarray, formants: tuple[int, ...]) -> np.ndarray:
    phase, y = np.cumsum(hz) / RATE, np.zeros(len(hz))
    for k in range(1, int(5000 / hz.max())):
        level = sum(1 / (1 + ((k * hz.mean() - f) / (60 + 0.06 * f)) ** 2) for f in formants)
        y += level / np.sqrt(k) * np.cos(2 * np.pi * k * phase)
    return y * np.minimum(1, np.minimum(np.arange(len(y)), np.arange(len(y), 0, -1)) / 300)


def main() -> None:
    rng = np.random.default_rng(1)
    parts = [np.zeros(RATE // 5)]
    for k in range(16):
        burst = 0.04 * np.hanning(1100) * np.diff(rng.standard_normal(1101))
        hz = (
            120 * 2 ** ((3 - 0.3 * k + rng.normal()) / 12) * np.linspace(1.04, 0.96, int(rng.uniform(0.11, 0.2) * RATE))
        )
        parts += [burst, 0.15 * vowel(hz, VOWELS[k % 5]), np.zeros(9000 if k == 7 else 300)]
    y = np.concatenate(parts)
    write(sys.argv[1], (y + 1e-4 * rng.standard_normal(len(y))).astype(np.float32)[None], RATE, force=True)


if __name__ == "__main__":
    main()
