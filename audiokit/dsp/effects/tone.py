"""Filters and coloured noise of audiomentations without scipy.signal, whose import costs more than they do.

Each draws the same numbers in the same order as the class of audiomentations that it is named after, records the same
parameters, and gives the same audio to within rounding; a test compares them. Like those, they draw from the global
generators, which `audiokit.dsp.effects.augment.seeded` seeds.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np

from audiokit.dsp.effects.transforms import rms
from audiokit.dsp.loudness.iir import SectionFilter

#: What there is here; for other settings (zero phase, weighted noise) audiomentations' own have to do.
EFFECTS = ("AddColorNoise", "HighPassFilter", "LowPassFilter", "PeakingFilter", "SevenBandParametricEQ")
#: Centres in Hz of the seven bands, lowest and highest.
_BANDS = ((42, 95), (91, 204), (196, 441), (421, 948), (909, 2045), (1957, 4404), (4216, 9486))
_SHELF_Q, _PEAK_Q = (0.1, 0.999), (0.5, 5.0)
#: Samples that are filtered at once: a whole song in float64, with its states, would take ten times its size.
_BLOCK = 1 << 16


@dataclass
class Transform:
    """What every effect has: a chance, and the parameters of its last use.

    Attributes:
        p: how often it is applied.
        parameters: what was drawn last, "should_apply" among them.
    """

    _: KW_ONLY
    p: float = 0.5
    parameters: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"p {self.p} is not in 0..1")

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Draw, and change audio (T,) or (C, T) if the draw says so."""
        self.parameters = {"should_apply": random.random() < self.p}
        self.draw(samples)
        return self.apply(samples, sample_rate) if self.parameters["should_apply"] else samples

    def draw(self, samples: np.ndarray) -> None:
        """Draw the parameters."""

    def apply(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Return audio changed by the parameters."""
        raise NotImplementedError


@dataclass
class PeakingFilter(Transform):
    """Raise or lower a band around a centre drawn on the mel scale.

    References:
        Bristow-Johnson, Cookbook formulae for audio EQ biquad filter coefficients.
    """

    min_center_freq: float = 50.0
    max_center_freq: float = 7500.0
    min_gain_db: float = -24.0
    max_gain_db: float = 24.0
    min_q: float = _PEAK_Q[0]
    max_q: float = _PEAK_Q[1]

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_order(self, "center_freq", "gain_db", "q")
        if self.min_q <= 0:
            raise ValueError(f"min_q {self.min_q} is not above 0")

    def draw(self, samples: np.ndarray) -> None:
        """Draw centre, gain and width."""
        self.parameters["center_freq"] = _mel_uniform(self.min_center_freq, self.max_center_freq)
        self.parameters["gain_db"] = random.uniform(self.min_gain_db, self.max_gain_db)
        self.parameters["q_factor"] = random.uniform(self.min_q, self.max_q)

    def apply(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Filter audio."""
        drawn = self.parameters
        return _filtered(
            samples, [_peak(_below(drawn["center_freq"], sample_rate), drawn["gain_db"], drawn["q_factor"])]
        )


@dataclass
class SevenBandParametricEQ(Transform):
    """Raise or lower seven bands, the outer ones with shelves; what the bands drew is not among the parameters."""

    min_gain_db: float = -12.0
    max_gain_db: float = 12.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_order(self, "gain_db")
        self._drawn: list[tuple[float, float, float]] = []

    def draw(self, samples: np.ndarray) -> None:
        """Draw every band's centre, gain and width."""
        self._drawn = []
        for k, (low, high) in enumerate(_BANDS):
            random.random()  # the chance of this band, which is always 1
            hz, gain_db = _mel_uniform(low, high), random.uniform(self.min_gain_db, self.max_gain_db)
            self._drawn.append((hz, gain_db, random.uniform(*(_SHELF_Q if k in (0, len(_BANDS) - 1) else _PEAK_Q))))

    def apply(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Filter audio by all bands at once."""
        bands = [(_below(hz, sample_rate), gain_db, q) for hz, gain_db, q in self._drawn]
        return _filtered(
            samples, [_shelf(*bands[0], -1.0), *(_peak(*band) for band in bands[1:-1]), _shelf(*bands[-1], 1.0)]
        )


@dataclass
class LowPassFilter(Transform):
    """Cut what is above a frequency drawn on the mel scale: a Butterworth filter, steep as drawn."""

    min_cutoff_freq: float = 150.0
    max_cutoff_freq: float = 7500.0
    min_rolloff: int = 12
    max_rolloff: int = 24
    zero_phase: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.zero_phase:
            raise NotImplementedError("zero phase is audiomentations' own")
        _check_order(self, "cutoff_freq", "rolloff")
        if self.min_rolloff < 6 or self.min_rolloff % 6 or self.max_rolloff % 6:
            raise ValueError("rolloffs are multiples of 6 dB per octave (6, 12, 18, 24...)")

    def draw(self, samples: np.ndarray) -> None:
        """Draw steepness and cut-off."""
        self.parameters["rolloff"] = 6 * random.randint(self.min_rolloff // 6, self.max_rolloff // 6)
        self.parameters["cutoff_freq"] = _mel_uniform(self.min_cutoff_freq, self.max_cutoff_freq)

    def apply(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Filter audio."""
        angle = _below(self.parameters["cutoff_freq"], sample_rate)
        return _filtered(samples, _butterworth(self.parameters["rolloff"] // 6, angle, high=self._high))

    @property
    def _high(self) -> bool:
        return False


@dataclass
class HighPassFilter(LowPassFilter):
    """Cut what is below a frequency drawn on the mel scale: a Butterworth filter, steep as drawn."""

    min_cutoff_freq: float = 20.0
    max_cutoff_freq: float = 2400.0

    @property
    def _high(self) -> bool:
        return True


@dataclass
class AddColorNoise(Transform):
    """Add noise whose power falls or rises by so many dB per octave."""

    min_snr_db: float = 5.0
    max_snr_db: float = 40.0
    min_f_decay: float = -6.0
    max_f_decay: float = 6.0
    p_apply_a_weighting: float = 0.0
    n_fft: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.p_apply_a_weighting:
            raise NotImplementedError("weighted noise is audiomentations' own")

    def draw(self, samples: np.ndarray) -> None:
        """Draw level and colour; the level follows the audio's."""
        if not self.parameters["should_apply"]:
            return
        snr_db = random.uniform(self.min_snr_db, self.max_snr_db)
        decay_db = random.uniform(self.min_f_decay, self.max_f_decay)
        weighted = random.random() < self.p_apply_a_weighting
        self.parameters["desired_noise_rms"] = float(rms(samples) / 10 ** (float(snr_db) / 20))
        self.parameters["f_decay"] = decay_db
        self.parameters["apply_a_weighting"] = weighted

    def apply(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Add the noise."""
        noise = np.random.normal(0, 1, size=samples.shape)  # noqa: NPY002
        if self.parameters["f_decay"]:
            hz = np.fft.rfftfreq(self.n_fft, 1.0 / sample_rate)
            hz[0] = 1
            beta = self.parameters["f_decay"] / -10.0 / np.log10(2.0)
            angle = np.random.uniform(0, 2 * np.pi, len(hz))  # noqa: NPY002
            colour = np.fft.irfft(np.sqrt(1 / hz**beta) * np.exp(1j * angle))
            for channel in np.atleast_2d(noise):
                channel[:] = _convolved(channel[None], colour)[0]
            noise /= np.sqrt(np.vdot(noise, noise) / noise.size)
        return samples + noise.astype(np.float32) * self.parameters["desired_noise_rms"]


def _check_order(effect: Transform, *names: str) -> None:
    for name in names:
        low, high = getattr(effect, f"min_{name}"), getattr(effect, f"max_{name}")
        if low > high:
            raise ValueError(f"min_{name} {low} is above max_{name} {high}")


def _mel_uniform(low_hz: float, high_hz: float) -> float:
    low, high = (2595.0 * math.log10(1.0 + hz / 700.0) for hz in (low_hz, high_hz))
    return 700.0 * (10 ** (np.random.uniform(low=low, high=high) / 2595.0) - 1.0)  # noqa: NPY002


def _below(hz: float, rate: int) -> float:
    """A frequency as an angle per sample, kept below half the rate, where filters end."""
    nyquist = rate // 2
    return 2 * math.pi * (nyquist * 0.9999 if hz > nyquist else hz) / rate


def _peak(angle: float, gain_db: float, q: float) -> list[float]:
    gain, alpha, middle = 10 ** (gain_db / 40), math.sin(angle) / 2 / q, -2 * math.cos(angle)
    return [1 + alpha * gain, middle, 1 - alpha * gain, 1 + alpha / gain, middle, 1 - alpha / gain]


def _shelf(angle: float, gain_db: float, q: float, side: float) -> list[float]:
    """A low shelf (side -1) or a high one (1)."""
    gain, cosine = 10 ** (gain_db / 40), side * math.cos(angle)
    root = math.sqrt(gain) * math.sin(angle) / q
    up, down = gain + 1, gain - 1
    return [
        gain * (up + down * cosine + root), -side * 2 * gain * (down + up * cosine), gain * (up + down * cosine - root),
        up - down * cosine + root, side * 2 * (down - up * cosine), up - down * cosine - root,
    ]  # fmt: skip


def _butterworth(order: int, angle: float, *, high: bool) -> list[list[float]]:
    """Sections of a Butterworth filter, from its poles by the bilinear transform."""
    k = math.tan(angle / 2)
    sign = -1.0 if high else 1.0
    sections = []
    for n in range(order // 2):
        damping = 2 * math.sin(math.pi * (2 * n + 1) / (2 * order))
        level = 1.0 if high else k * k
        sections.append(
            [level, sign * 2 * level, level, 1 + damping * k + k * k, 2 * (k * k - 1), 1 - damping * k + k * k]
        )
    if order % 2:
        level = 1.0 if high else k
        sections.append([level, sign * level, 0.0, 1 + k, k - 1, 0.0])
    return sections


def _filtered(samples: np.ndarray, sections: Sequence[Sequence[float]]) -> np.ndarray:
    """Audio (T,) or (C, T) through sections, as if its first value had come for ever."""
    y = np.atleast_2d(samples)
    made, out = SectionFilter(np.array(sections), len(y)), np.empty(y.shape, np.float32)
    made.settle(y[:, 0].astype(np.float64))
    for start in range(0, y.shape[1], _BLOCK):  # in float64, as sharp filters lose much of float32, but little at once
        span = slice(start, start + _BLOCK)
        out[:, span] = made.process(y[:, span].astype(np.float64))
    return out.reshape(samples.shape)


def _convolved(y: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Convolve y (C, T) with a few taps (n,); the middle T values, by overlapping blocks."""
    size = 1 << max(10, (8 * len(taps) - 1).bit_length())
    step, before = size - len(taps) + 1, (len(taps) - 1) // 2
    length = y.shape[1] + len(taps) - 1
    blocks = -(-length // step)
    padded = np.zeros((len(y), blocks * step))
    padded[:, : y.shape[1]] = y
    parts = np.fft.irfft(np.fft.rfft(padded.reshape(len(y), blocks, step), size) * np.fft.rfft(taps, size), size)
    out = parts[:, :, :step].copy()
    out[:, 1:, : size - step] += parts[:, :-1, step:]
    return out.reshape(len(y), -1)[:, before : before + y.shape[1]]
