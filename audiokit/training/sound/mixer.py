"""Noisy mixtures to learn denoising from, made on the fly: speeds, rooms, backgrounds, other voices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.separation.denoise import denoise_rows
from audiokit.dsp.separation.noise import Rule
from audiokit.errors import InputError

Audio = NDArray[np.float32]


Groups = Sequence[Sequence[Audio]]


def smooth_curve(rng: np.random.Generator, *, length: int, knots: int, spread_db: float) -> NDArray:
    """Draw a smooth random gain over `length` points: `knots` values, normal in dB, joined."""
    values = rng.normal(0, spread_db, knots)
    at = np.linspace(0, knots - 1, length)
    return 10 ** (np.interp(at, np.arange(knots), values) / 20)


def equalise(y: Audio, rng: np.random.Generator, *, spread_db: float) -> Audio:
    """Colour audio (T,) with a random smooth frequency response, without delay."""
    spectrum = np.fft.rfft(y)
    # Knots on a logarithmic axis: bands are about equally wide to the ear.
    knots = smooth_curve(rng, length=128, knots=6, spread_db=spread_db)
    at = np.log2(1 + np.arange(spectrum.size) * (255 / spectrum.size)) / 8 * 127
    return np.fft.irfft(spectrum * np.interp(at, np.arange(128), knots), y.size).astype(np.float32)


def room(rng: np.random.Generator, *, rate: int) -> Audio:
    """Draw a room response: the direct sound, a few early echoes and a decaying tail."""
    decay_s = rng.uniform(0.1, 0.6)
    n = int(rate * min(decay_s, 0.4))
    t = np.arange(n) / rate
    tail = rng.standard_normal(n) * 10 ** (-3 * t / decay_s)
    tail[: int(0.003 * rate)] = 0
    tail *= 10 ** (-rng.uniform(3, 18) / 20) / np.sqrt(np.sum(tail**2) + 1e-9)
    for _ in range(int(rng.integers(0, 6))):
        tail[int(rng.uniform(0.001, 0.03) * rate)] += rng.uniform(-0.4, 0.4)
    tail[0] = 1
    return tail.astype(np.float32)


def convolve(y: Audio, response: Audio) -> Audio:
    """Convolve audio (T,) with a response and keep the first T samples."""
    n = y.size + response.size
    return np.fft.irfft(np.fft.rfft(y, n) * np.fft.rfft(response, n), n)[: y.size].astype(np.float32)


def synthetic_noise(rng: np.random.Generator, *, length: int, rate: int) -> Audio:
    """Make up a background: coloured hiss, hum, a machine, crackle, bursts or passing traffic.

    >>> synthetic_noise(np.random.default_rng(0), length=16000, rate=16000).shape
    (16000,)
    """
    kinds = ["hiss", "hum", "machine", "crackle", "bursts", "traffic"]
    kind = rng.choice(kinds, p=[0.32, 0.1, 0.12, 0.1, 0.12, 0.24])
    hiss = rng.standard_normal(length).astype(np.float32)
    if kind == "hiss":
        return hiss if rng.random() < 0.3 else _tilted(hiss, rng)
    if kind == "traffic":
        # Cars, buses and trains from inside and outside: most of it is below 500 Hz, and it swells and fades.
        swell = smooth_curve(rng, length=length, knots=int(rng.integers(2, 7)), spread_db=rng.uniform(0, 5))
        y = _tilted(hiss, rng, slopes=(-2.2, -0.8)) * swell
        other = _tilted(rng.standard_normal(length).astype(np.float32), rng)
        return (y / _level(y) + other / _level(other) * 10 ** (rng.uniform(-35, -5) / 20)).astype(np.float32)
    t = np.arange(length) / rate
    if kind == "hum":
        f0 = rng.choice([50.0, 60.0, rng.uniform(40, 400)])
        y = sum(
            rng.exponential(1) / k * np.sin(2 * np.pi * f0 * k * t + rng.uniform(0, 6.3))
            for k in range(1, int(min(40, 0.45 * rate / f0)))
        )
        return (y + rng.uniform(0, 0.5) * _tilted(hiss, rng)).astype(np.float32)
    if kind == "machine":
        turns = np.cumsum(rng.uniform(3, 30) * (1 + 0.02 * rng.standard_normal(length) / np.sqrt(rate))) / rate
        envelope = rng.uniform(0.02, 0.6) + (0.5 + 0.5 * np.cos(2 * np.pi * turns)) ** rng.integers(1, 12)
        return (_tilted(hiss, rng) * envelope).astype(np.float32)
    if kind == "crackle":
        clicks = np.where(rng.random(length) < 10 ** rng.uniform(-3.7, -2), hiss * 6, 0).astype(np.float32)
        n = int(0.02 * rate)
        ring = np.exp(-np.arange(n) / rng.uniform(4, 60)).astype(np.float32) * rng.standard_normal(n)
        return convolve(clicks, ring.astype(np.float32)) + 0.05 * _tilted(hiss, rng)
    gates = np.repeat(rng.random(length // 800 + 1) < rng.uniform(0.1, 0.5), 800)[:length]
    eased = np.convolve(gates, np.hanning(640) / 320, "same")
    return (_tilted(hiss, rng) * (eased + 0.03)).astype(np.float32)


def _tilted(hiss: Audio, rng: np.random.Generator, *, slopes: tuple[float, float] = (-1.2, 0.6)) -> Audio:
    spectrum = np.fft.rfft(hiss)
    f = np.linspace(0.004, 1, spectrum.size)
    spectrum *= f ** rng.uniform(*slopes)
    return equalise(np.fft.irfft(spectrum, hiss.size).astype(np.float32), rng, spread_db=6)


@dataclass
class Mixer:
    """Draw pairs of noisy and clean speech.

    Args:
        speech: recordings of clean speech (T,), by speaker or by source; groups are drawn evenly.
        noise: recordings of backgrounds, in groups drawn evenly; may be empty.
        music: recordings of music for beds; may be empty.
        rate: sample rate of everything, in Hz.
        seconds: length of an example.
        snr_db: range of speech-to-background ratios.
        first_db: floor of the Wiener engine that runs before the network; None feeds the network raw mixtures.
    """

    speech: Groups
    noise: Groups = field(default_factory=list)
    music: Groups = field(default_factory=list)
    rate: int = 16_000
    seconds: float = 2.0
    snr_db: tuple[float, float] = (-5.0, 20.0)
    first_db: float | None = -12.0

    def __post_init__(self) -> None:
        """Refuse to train on next to nothing."""
        found = sum(y.size for group in self.speech for y in group) / self.rate
        if found < 10:
            raise InputError(
                f"{found:.1f} s of clean speech found, at least 10 s needed",
                hint="give folders with more clean speech",
            )

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Audio, Audio]:
        """Draw `size` examples: what the network hears and what it should have heard, each (size, T)."""
        noisy, clean = self.pairs(rng, size)
        return self.first(noisy), clean

    def pairs(self, rng: np.random.Generator, size: int) -> tuple[Audio, Audio]:
        """Draw `size` examples, noisy and clean, each (size, T)."""
        drawn = [self.example(rng) for _ in range(size)]
        return np.stack([p[0] for p in drawn]), np.stack([p[1] for p in drawn])

    def first(self, noisy: Audio) -> Audio:
        """Prepare mixtures (B, T) as the neural engine does before the network."""
        if self.first_db is None:
            return noisy
        return denoise_rows(noisy, rate=self.rate, rule=Rule(floor_db=self.first_db))

    def example(self, rng: np.random.Generator) -> tuple[Audio, Audio]:
        """Draw one example: noisy and clean, each (T,)."""
        length = round(self.seconds * self.rate)
        clean = self._speech(rng, length)
        noise = self.background(rng, length)
        if rng.random() < 0.3:
            clean = convolve(clean, room(rng, rate=self.rate))
        snr_db = rng.uniform(30, 50) if rng.random() < 0.06 else rng.uniform(*self.snr_db)
        noise *= _level(clean) / _level(noise) * 10 ** (-snr_db / 20)
        if rng.random() < 0.1:  # a background that comes or goes
            noise *= np.interp(np.arange(length), np.sort(rng.uniform(0, length, 2)), rng.permutation([0.02, 1]))
        noisy = clean + noise
        if rng.random() < 0.06:  # a telephone, or a recording that has been through one
            noisy, clean = _narrowed(noisy, clean, high=rng.uniform(0.4, 0.95))
        gain = 10 ** (rng.uniform(-38, -14) / 20) / _level(noisy)
        gain = min(gain, 0.99 / max(float(np.abs(noisy).max()), 1e-9))
        return (noisy * gain).astype(np.float32), (clean * gain).astype(np.float32)

    def _speech(self, rng: np.random.Generator, length: int, *, effects: bool = True) -> Audio:
        speed = 2 ** rng.uniform(-0.33, 0.33) if effects and rng.random() < 0.8 else 1.0
        y = _resampled(_draw(self.speech, rng, int(length * speed) + 8), length, speed)
        return equalise(y, rng, spread_db=3) if effects and rng.random() < 0.6 else y

    def background(self, rng: np.random.Generator, length: int) -> Audio:
        """Draw a background (T,) of any level."""
        kinds = ["synthetic", "voices"] + ["noise"] * bool(self.noise) + ["music"] * bool(self.music)
        weights = np.array([{"synthetic": 3.5, "voices": 1.5, "noise": 4.5, "music": 0.7}[k] for k in kinds])
        y = self._one_background(rng, length, str(rng.choice(kinds, p=weights / weights.sum())))
        if rng.random() < 0.2:
            other = self._one_background(rng, length, "synthetic")
            y = y / _level(y) + other / _level(other) * 10 ** (rng.uniform(-15, 5) / 20)
        return y

    def _one_background(self, rng: np.random.Generator, length: int, kind: str) -> Audio:
        if kind == "synthetic":
            return synthetic_noise(rng, length=length, rate=self.rate)
        if kind == "voices":
            count = int(rng.integers(3, 11))
            y = np.zeros(length, np.float32)
            for _ in range(count):
                voice = self._speech(rng, length)
                voice = voice[::-1] if rng.random() < 0.5 else voice
                y += voice / _level(voice) * 10 ** (rng.uniform(-9, 0) / 20)
            return convolve(y, room(rng, rate=self.rate))
        speed = 2 ** rng.uniform(-0.8, 0.8)
        groups = self.noise if kind == "noise" else self.music
        y = _resampled(_draw(groups, rng, int(length * speed) + 8), length, speed)
        y = convolve(y, room(rng, rate=self.rate)) if rng.random() < 0.2 else y
        return equalise(y, rng, spread_db=4) if rng.random() < 0.7 else y


def _narrowed(*recordings: Audio, high: float) -> list[Audio]:
    """Cut what is above a share of the band out of recordings (T,), with a slope of an eighth of an octave."""
    f = np.linspace(0, 1, recordings[0].size // 2 + 1)
    gain = np.clip((high * 1.09 - f) / (high * 0.09), 0, 1)
    return [np.fft.irfft(np.fft.rfft(y) * gain, y.size).astype(np.float32) for y in recordings]


def _draw(groups: Groups, rng: np.random.Generator, length: int) -> Audio:
    group = groups[int(rng.integers(len(groups)))]
    sizes = np.array([y.size for y in group], float)
    y = group[int(rng.choice(len(group), p=sizes / sizes.sum()))]
    start = int(rng.integers(0, y.size))
    return np.take(y, np.arange(start, start + length), mode="wrap")


def _resampled(y: Audio, length: int, speed: float) -> Audio:
    if speed == 1.0:
        return y[:length].copy()
    import soxr

    out = soxr.resample(y, speed, 1.0, quality="MQ")
    return np.pad(out, (0, max(0, length - out.size)))[:length]


def _level(y: Audio) -> float:
    """Measure the level of the parts that are not silent."""
    frames = y[: y.size // 320 * 320].reshape(-1, 320)
    energy = np.mean(frames.astype(np.float64) ** 2, axis=1)
    loud = energy[energy > 0.01 * energy.max()] if energy.size else energy
    return float(np.sqrt(loud.mean() + 1e-12)) if loud.size else 1e-6
