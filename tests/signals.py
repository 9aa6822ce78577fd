"""Sounds for tests: everything is synthesised, seeded and float32 (C, T)."""

from __future__ import annotations

import numpy as np


def sine(hz: float, seconds: float = 1.0, rate: int = 22_050, amplitude: float = 0.5, channels: int = 1) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    return np.tile((amplitude * np.sin(2 * np.pi * hz * t)).astype(np.float32), (channels, 1))


def noise(rng, seconds: float = 1.0, rate: int = 22_050, amplitude: float = 0.1, channels: int = 1) -> np.ndarray:
    return (amplitude * rng.standard_normal((channels, round(seconds * rate)))).astype(np.float32)


def chirp(
    low_hz: float, high_hz: float, seconds: float = 1.0, rate: int = 22_050, amplitude: float = 0.5
) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * low_hz * seconds / np.log(high_hz / low_hz) * ((high_hz / low_hz) ** (t / seconds) - 1)
    return (amplitude * np.sin(phase)).astype(np.float32)[None]


def plucks(rng, seconds: float = 2.0, rate: int = 22_050, channels: int = 1) -> np.ndarray:
    """A melody of decaying harmonic notes: tonal, with attacks, never two the same."""
    y = np.zeros((channels, round(seconds * rate)), np.float32)
    for start in np.arange(0, seconds - 0.1, 0.25):
        hz = 110 * 2 ** (rng.integers(0, 25) / 12)
        t = np.arange(min(int(0.6 * rate), y.shape[1] - int(start * rate))) / rate
        note = sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 9) if hz * k < rate / 2) * np.exp(-4 * t)
        for channel in range(channels):
            pan = 0.5 + 0.5 * rng.random()
            y[channel, int(start * rate) : int(start * rate) + len(t)] += (0.15 * pan * note).astype(np.float32)
    return y
