"""What a studio does to the parts of a mix: a channel strip for voices, colour, place, rooms, and mastering.

Everything is drawn at random, so that a separator trained on it takes no room and no compressor for the voice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]


def sung_through(y: Audio, rng: np.random.Generator, rate: int) -> Audio:
    """Send a voice (C, T) through a channel strip: at times a low cut, a compressor, a preamplifier that distorts.

    >>> sung_through(np.zeros((1, 8000), np.float32), np.random.default_rng(0), 8000).shape
    (1, 8000)
    """
    if rng.random() < 0.3:
        hz = np.fft.rfftfreq(y.shape[1], 1 / rate) + 1
        cut = 1 / np.sqrt(1 + (rng.uniform(80, 300) / hz) ** 4)
        y = np.fft.irfft(np.fft.rfft(y) * cut, y.shape[1]).astype(np.float32)
    if rng.random() < 0.5:
        y = y * mastering_gain(y, rng, rate)
    if rng.random() < 0.12:
        drive = 10 ** (rng.uniform(0, 24) / 20) / max(float(np.percentile(np.abs(y), 99)), 1e-4)
        lean = rng.uniform(-0.3, 0.3)  # bent more on one side: even harmonics
        bent = np.tanh(drive * y + lean) - np.tanh(lean)
        y = (bent / drive).astype(np.float32)
    return y


def mastering_gain(y: Audio, rng: np.random.Generator, rate: int) -> Audio:
    """Draw a compressor and a limiter, and find by how much they turn a mix (C, T) down, moment by moment: (T,).

    >>> y = np.concatenate([np.full((2, 8000), 0.01), np.full((2, 8000), 0.5)], axis=1).astype(np.float32)
    >>> gain = mastering_gain(y, np.random.default_rng(1), 8000)
    >>> gain.shape, bool(gain[2000] > gain[-2000])
    ((16000,), True)
    """
    step = max(1, rate // 200)  # 5 ms
    power = np.mean(y.astype(np.float64) ** 2, axis=0)
    power = np.add.reduceat(power, np.arange(0, len(power), step)) / step
    reach = int(rng.integers(1, 24))  # a level of 10 ms to 0.24 s
    window = np.exp(-np.arange(4 * reach) / reach)
    level = np.convolve(power, window / window.sum())[: len(power)]
    level_db = 10 * np.log10(level + 1e-9)
    above_db = np.maximum(0, level_db - (np.percentile(level_db, 95) - rng.uniform(3, 15)))
    gain_db = -above_db * rng.uniform(0.2, 0.8)
    gain = 10 ** (np.interp(np.arange(y.shape[1]), np.arange(len(gain_db)) * step, gain_db) / 20)
    loudest = np.abs(y).max(axis=0) * gain
    if rng.random() < 0.5:
        drive = 10 ** (rng.uniform(-6, 6) / 20) / max(float(np.percentile(loudest, 99)), 1e-4)
        bent = drive * loudest
        gain = gain * np.where(bent > 1e-3, np.tanh(bent) / np.maximum(bent, 1e-3), 1.0)
    return gain.astype(np.float32)


def as_stereo(y: Audio) -> Audio:
    """Give audio (C, T) two channels."""
    return np.repeat(y, 2, axis=0) if y.shape[0] == 1 else y[:2]


def placed(y: Audio, rng: np.random.Generator, rate: int, *, spread: float = 0.2) -> Audio:
    """Give a part (C, T) a colour and a place: (2, T); `spread` is how far from the middle mono parts may be.

    >>> placed(np.ones((1, 8000), np.float32), np.random.default_rng(0), 8000).shape
    (2, 8000)
    """
    spectrum = np.fft.rfft(y)
    knots = rng.normal(0, 4, 7)
    coarse = np.linspace(0, 1, 1024)
    curve = 10 ** (np.interp(np.log2(1 + 1023 * coarse) * 0.6, np.arange(7), knots) / 20)
    colour = np.interp(np.linspace(0, 1, spectrum.shape[1]), coarse, curve).astype(np.float32)
    if rng.random() < 0.4:  # dull or sharp as a whole, as microphones and rooms at home are
        octaves = np.log2((np.linspace(0, rate / 2, spectrum.shape[1]) + 50) / 700)
        colour = colour * 10 ** (np.clip(rng.normal(0, 2.5) * octaves, -24, 24) / 20).astype(np.float32)
    spectrum = spectrum * colour
    if y.shape[0] == 2:
        out = np.fft.irfft(spectrum, y.shape[1]).astype(np.float32)
        if rng.random() < 0.15:  # narrow
            out = out * (1 - (w := np.float32(rng.random()))) + w * out.mean(axis=0, keepdims=True)
        elif rng.random() < 0.25:  # wide
            out = out + np.float32(rng.uniform(0, 1)) * (out - out.mean(axis=0, keepdims=True))
        if rng.random() < 0.25:  # to one side
            out = out * (10 ** (rng.uniform(-6, 6, (2, 1)) / 20)).astype(np.float32)
        return out
    angle = np.pi / 4 * (1 + np.clip(rng.normal(0, spread) * (rng.random() < 0.6), -0.9, 0.9))
    out = spectrum * np.array([[np.cos(angle)], [np.sin(angle)]])
    if rng.random() < 0.6:
        n = y.shape[1]
        t = np.arange(int(rng.uniform(0.1, 0.9) * rate))
        tail = rng.standard_normal((2, t.size)) * np.exp(-6.9 * t / t.size)
        tail[:, : int(rng.uniform(0, 0.03) * rate)] = 0
        tail *= 10 ** (rng.uniform(-22, -3) / 20) / np.sqrt(np.sum(tail**2, axis=1, keepdims=True) + 1e-9)
        out = out + spectrum * np.fft.rfft(tail, n)
    if rng.random() < 0.15:  # echoes
        turns = np.exp(-1j * np.pi * np.arange(out.shape[1]) / y.shape[1] * 2 * rng.uniform(0.15, 0.6) * rate)
        out = out / (1 - rng.uniform(0.1, 0.5) * turns)
    if rng.random() < 0.1:  # as through a telephone
        hz = np.arange(out.shape[1]) * rate / y.shape[1]
        low, high = 10 ** rng.uniform(2, 2.8), 10 ** rng.uniform(3.1, 3.8)
        out = out / np.sqrt((1 + (low / (hz + 1)) ** 4) * (1 + (hz / high) ** 6))
    if rng.random() < 0.2:  # doubled: a copy a little later on each side
        turns = np.exp(-2j * np.pi * np.linspace(0, 0.5, out.shape[1]) * rng.uniform(0.005, 0.03, (2, 1)) * rate)
        out = out + spectrum * turns * rng.uniform(0.1, 0.7)
    return np.fft.irfft(out, y.shape[1]).astype(np.float32)
