"""Make something to clean: gliding vowels with pauses, hiss and hum around them.   python make_noisy.py FOLDER"""

import sys
from pathlib import Path

import numpy as np

import audiokit

RATE, SECONDS = 44_100, 6
rng = np.random.default_rng(1)
t = np.arange(RATE * SECONDS) / RATE

voice = np.zeros(t.size)
for start in np.cumsum(rng.choice([0.3, 0.35, 0.8], 14)):
    span = (t > start) & (t < start + 0.25)
    u = (t[span] - start) / 0.25
    phase = 2 * np.pi * np.cumsum(rng.uniform(110, 200) * (1 + 0.2 * u)) / RATE
    formants = rng.uniform((300, 900), (800, 2200))
    for k in range(1, 25):
        weight = sum(np.exp(-(((150 * k - f) / 200) ** 2)) for f in formants) + 0.03
        voice[span] += weight * np.sin(k * phase) * np.hanning(u.size)
voice *= 0.3 / np.abs(voice).max()

hum = sum(0.01 / k * np.sin(2 * np.pi * 50 * k * t) for k in range(1, 8))
hiss = 0.015 * rng.standard_normal((2, t.size))

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
audiokit.write(folder / "noisy.wav", np.float32(voice + hum + hiss), RATE, subtype="PCM_16")
audiokit.write(folder / "roomtone.wav", np.float32(hum + 0.015 * rng.standard_normal((2, t.size)))[:, :RATE], RATE)
