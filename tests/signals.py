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


def talk(
    rng, *, rate: int = 22_050, pitch_hz: float = 130.0, syllables: int = 8, pause_after: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Speech without words: (audio (1, T), vowel onsets in seconds).

    Every 0.24 s a vowel of 0.15 s (glottal pulses with falling pitch through three formants), a burst of consonant
    noise before it; `pause_after` syllables follow 0.5 s of silence.
    """
    onsets = 0.25 + 0.24 * np.arange(syllables)
    if pause_after:
        onsets[pause_after:] += 0.5
    y = np.zeros(round((onsets[-1] + 0.5) * rate))
    vowels = [(730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410)]
    for k, onset in enumerate(onsets):
        size = round(0.15 * rate)
        hz = pitch_hz * 2 ** ((2 - 4 * k / syllables + rng.normal(0, 0.7)) / 12) * np.linspace(1.03, 0.97, size)
        phase = np.cumsum(hz) / rate
        t = np.arange(size) / rate
        sound = np.zeros(size)
        for h in range(1, int(min(rate / 2, 5000) / hz.max())):
            weight = sum(1 / (1 + ((h * pitch_hz - f) / (60 + 0.06 * f)) ** 2) for f in vowels[k % len(vowels)])
            sound += (weight + 0.01) / h**0.5 * np.cos(2 * np.pi * h * phase)
        shape = np.minimum(1, np.minimum(t / 0.012, (0.15 - t) / 0.03)).clip(0)
        at = round(onset * rate)
        y[at : at + size] += 0.15 * shape * sound
        burst = rng.standard_normal(round(0.05 * rate)) * np.hanning(round(0.05 * rate))
        y[at - len(burst) : at] += 0.02 * np.diff(burst, prepend=0.0)
    y += 1e-4 * rng.standard_normal(len(y))
    return y.astype(np.float32)[None], onsets


def syllables(rng, seconds: float = 3.0, rate: int = 16_000, channels: int = 1) -> np.ndarray:
    """Like speech: voiced syllables that glide, formants that move, consonants of noise, irregular pauses."""
    y = np.zeros(round(seconds * rate) + rate)
    at = 0.1
    while at < seconds:
        n = round(rng.uniform(0.12, 0.3) * rate)
        t = np.arange(n) / rate
        f0 = rng.uniform(90, 220) * 2 ** (rng.uniform(-0.4, 0.4) * t / t[-1])
        phase = 2 * np.pi * np.cumsum(f0) / rate
        formants = rng.uniform((300, 900, 2200), (800, 2000, 3200))
        voice = np.zeros(n)
        for k in range(1, int(min(4000, 0.45 * rate) / 90)):
            weight = sum(np.exp(-(((k * f0 - f) / 180) ** 2)) for f in formants) + 0.02
            voice += np.where(k * f0 < 0.45 * rate, weight, 0) * np.sin(k * phase) / np.sqrt(k)
        start = round(at * rate)
        y[start : start + n] += 0.25 * voice * np.hanning(n)
        m = round(rng.uniform(0.03, 0.08) * rate)
        y[start : start + m] += 0.08 * np.diff(rng.standard_normal(m + 1)) * np.hanning(m)
        at += n / rate + rng.choice([0.02, 0.06, 0.35], p=[0.5, 0.3, 0.2])
    y = y[: round(seconds * rate)]
    return np.tile((y * 0.5 / np.abs(y).max()).astype(np.float32), (channels, 1))
