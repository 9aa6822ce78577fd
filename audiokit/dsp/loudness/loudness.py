"""Loudness as the broadcasting standards define it, measured on audio that arrives in blocks.

Integrated, momentary and short-term loudness (ITU-R BS.1770-4, EBU Tech 3341), loudness range (EBU Tech 3342) and true
peak, in memory that grows by 0.6 MB per hour of audio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from audiokit.dsp.loudness.iir import SectionFilter
from audiokit.dsp.loudness.levels import EXCERPT_S, PEAKS_PER_STEP, Excerpt, Windows
from audiokit.dsp.loudness.true_peak import PeakTracker
from audiokit.dsp.spectrum.samples import Samples, blocks_of
from audiokit.errors import ParameterError

ABSOLUTE_GATE_LUFS = -70.0
_OFFSET_DB = -0.691
LOWEST_RATE = 4_000
#: Channel order as in WAV files. Surround channels count 1.41 times, the low-frequency effects channel not at all.
_WEIGHTS = {
    4: (1.0, 1.0, 1.41, 1.41),
    5: (1.0, 1.0, 1.0, 1.41, 1.41),
    6: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41),
    8: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41, 1.41, 1.41),
}


@dataclass(frozen=True)
class Loudness:
    """What a meter read. Levels of silence are -inf.

    Attributes:
        integrated_lufs: loudness of the whole, gated.
        momentary_max_lufs: loudest 400 ms.
        short_term_max_lufs: loudest 3 s.
        range_lu: loudness range (LRA); 0 for less than 3 s.
        true_peak_dbtp: highest peak between and on the samples.
        sample_peak_dbfs: highest sample.
        rms_dbfs: root mean square over all samples and channels (a full-scale sine reads -3.01).
        seconds: how much audio was heard.
    """

    integrated_lufs: float
    momentary_max_lufs: float
    short_term_max_lufs: float
    range_lu: float
    true_peak_dbtp: float
    sample_peak_dbfs: float
    rms_dbfs: float
    seconds: float

    def as_dict(self) -> dict[str, float | None]:
        """Round for JSON, which has no infinity: the level of silence is null."""
        return {key: round(v, 3) if math.isfinite(v) else None for key, v in self.__dict__.items()}


class Meter:
    """Measure loudness and peaks of audio that arrives in blocks.

    Args:
        rate: Hz, at least 4,000.
        channels: how many; WAV order, see `channel_weights`.
        dual_mono: a single channel will be heard from two loudspeakers, so it counts 3 dB more.
        along: remember the power of every 10 ms, for what follows levels along time (10 MB per hour).

    Raises:
        ParameterError: the rate is too low for the standard's filter.

    References:
        ITU-R BS.1770-4 (2015), annexes 1 and 2; EBU Tech 3341 (2023); EBU Tech 3342 (2023).

    >>> tone = 0.1 * np.sin(2 * np.pi * 997 * np.arange(48_000 * 2) / 48_000)
    >>> meter = Meter(48_000, 2)
    >>> meter.process(np.stack([tone, tone]))
    >>> round(meter.result().integrated_lufs, 1), round(meter.result().true_peak_dbtp, 1)
    (-20.0, -20.0)
    """

    def __init__(self, rate: int, channels: int, *, dual_mono: bool = False, along: bool = False) -> None:
        if rate < LOWEST_RATE:
            raise ParameterError(
                f"loudness is not defined at {rate} Hz", hint=f"resample to at least {LOWEST_RATE} Hz first"
            )
        self.rate, self.channels = rate, channels
        self._weights = channel_weights(channels, dual_mono=dual_mono)
        self._unit = (rate + 5) // 10
        self._starts = np.arange(10) * self._unit // 10
        self._peak_starts = np.arange(10 * PEAKS_PER_STEP) * self._unit // (10 * PEAKS_PER_STEP)
        self._filter = SectionFilter(k_weighting(rate), channels)
        self._tracker = PeakTracker(rate, channels)
        # What lies after the last whole 100 ms: weighted squares of each channel, and the highest sample.
        self._rest, self._rest_highest = np.zeros((channels, 0)), np.zeros(0, np.float32)
        self._momentary, self._short_term = Windows(40), Windows(300)
        self._along: list[np.ndarray] | None = [] if along else None
        self._excerpt = Excerpt(math.inf if along else EXCERPT_S)
        self._samples = 0
        self._sample_peak = 0.0
        self._square_sum = 0.0
        self._energy = 0.0

    def process(self, y: np.ndarray) -> None:
        """Hear the next block (C, T)."""
        if not y.shape[1]:
            return
        self._samples += y.shape[1]
        self._tracker.process(y)
        highest = np.abs(y[0]) if len(y) == 1 else np.abs(y).max(axis=0)
        self._sample_peak = max(self._sample_peak, float(highest.max()))
        flat = y.reshape(-1)
        self._square_sum += float(np.dot(flat, flat))
        squares = self._filter.process(y).astype(np.float64, copy=False)
        squares = squares * squares
        if self._rest.shape[1]:
            squares = np.concatenate([self._rest, squares], axis=1)
            highest = np.concatenate([self._rest_highest, highest])
        units = squares.shape[1] // self._unit
        size = units * self._unit
        if units:
            whole = squares[:, :size].reshape(-1, units, self._unit)
            powers = (self._weights @ np.add.reduceat(whole, self._starts, axis=2).reshape(self.channels, -1)) * (
                10 / self._unit
            )
            peaks = np.maximum.reduceat(highest[:size].reshape(units, self._unit), self._peak_starts, axis=1)
            self._note(powers, peaks.reshape(-1))
        self._rest, self._rest_highest = squares[:, size:].copy(), highest[size:].copy()

    def _note(self, powers: np.ndarray, peaks: np.ndarray) -> None:
        self._momentary.add(powers)
        self._short_term.add(powers)
        self._excerpt.add(powers, peaks)
        self._energy += float(powers.sum()) * self._unit / 10
        if self._along is not None:
            self._along.append(powers)

    def _ends(self) -> np.ndarray:
        """Power of the whole 10 ms after the last whole 100 ms (n,)."""
        edges = self._starts[: np.searchsorted(self._starts, self._rest.shape[1], side="right")]
        ends = [self._weights @ self._rest[:, a:b].sum(axis=1) for a, b in pairwise(edges)]
        return np.array(ends) * (10 / self._unit)

    def excerpt(self) -> tuple[np.ndarray, np.ndarray]:
        """Power of every 10 ms (n,) and highest sample of every 2.5 ms (4 n,); of long ones in part."""
        powers, edges = self._ends(), self._peak_starts
        ends = [self._rest_highest[a:b].max() for a, b in pairwise(edges[: len(powers) * PEAKS_PER_STEP + 1])]
        return (
            np.concatenate([self._excerpt.powers, powers]),
            np.concatenate([self._excerpt.peaks, np.array(ends, np.float32)]),
        )

    @property
    def powers(self) -> np.ndarray:
        """Mean weighted power of every whole 10 ms so far (n,), of a meter that was told to remember it."""
        assert self._along is not None
        return np.concatenate([*self._along, self._ends()])

    @property
    def gating_powers(self) -> np.ndarray:
        """Power of every gating block (400 ms, every 100 ms); of all that was heard if that is shorter (n,)."""
        return self._gating(self._heard(self._momentary))

    @property
    def short_term_powers(self) -> np.ndarray:
        """Power of 3 s, every 100 ms (n,)."""
        return self._heard(self._short_term).means

    def _heard(self, windows: Windows) -> Windows:
        """The same windows with all that has been heard; more may follow in the first."""
        windows = windows.copy()
        windows.add(self._ends())
        return windows

    def _gating(self, momentary: Windows) -> np.ndarray:
        blocks = momentary.means
        if len(blocks) or not self._samples:
            return blocks
        return np.array([(self._energy + float(self._weights @ self._rest.sum(axis=1))) / self._samples])

    def result(self) -> Loudness:
        """Read the meter; more audio may follow."""
        momentary, short_term = self._heard(self._momentary), self._heard(self._short_term)
        return Loudness(
            integrated_lufs=integrate(self._gating(momentary)),
            momentary_max_lufs=lufs(momentary.highest),
            short_term_max_lufs=lufs(short_term.highest),
            range_lu=loudness_range(short_term.means),
            true_peak_dbtp=_decibels(self._tracker.copy().flush()),
            sample_peak_dbfs=_decibels(self._sample_peak),
            rms_dbfs=_decibels(math.sqrt(self._square_sum / max(1, self._samples * self.channels))),
            seconds=self._samples / self.rate,
        )


def measure(y: Samples, rate: int, *, dual_mono: bool = False) -> Loudness:
    """Measure loudness and peaks of a whole sound.

    Args:
        y: audio (C, T), float32.
        rate: Hz.
        dual_mono: a single channel counts as heard from two loudspeakers.

    Returns:
        What the meter reads.

    Raises:
        ParameterError: the rate is below 4,000 Hz.

    >>> measure(np.zeros((2, 44_100), np.float32), 44_100).integrated_lufs
    -inf
    """
    meter = Meter(rate, y.shape[0], dual_mono=dual_mono)
    for block in blocks_of(y, 1 << 16):
        meter.process(block)
    return meter.result()


def k_weighting(rate: int) -> np.ndarray:
    """Design the K-weighting filter for a rate: sections (2, 6).

    The standard prints coefficients for 48 kHz only; these are the analogue prototypes behind them (a shelf of +4 dB
    above 1.7 kHz and a high-pass at 38 Hz), transformed to any rate.

    References:
        ITU-R BS.1770-4, tables 1 and 2; De Man (2014), Evaluation of implementations of the EBU R128 loudness
        measurement.

    >>> np.round(k_weighting(48_000)[0], 5).tolist()
    [1.53512, -2.6917, 1.19839, 1.0, -1.69066, 0.73248]
    """
    tangent, quality = math.tan(math.pi * 1681.974450955533 / rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    scale = 1 + tangent / quality + tangent**2
    shelf = [
        (high + middle * tangent / quality + tangent**2) / scale,
        2 * (tangent**2 - high) / scale,
        (high - middle * tangent / quality + tangent**2) / scale,
        1.0,
        2 * (tangent**2 - 1) / scale,
        (1 - tangent / quality + tangent**2) / scale,
    ]
    tangent, quality = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    scale = 1 + tangent / quality + tangent**2
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (tangent**2 - 1) / scale, (1 - tangent / quality + tangent**2) / scale]
    return np.array([shelf, high_pass])


def channel_weights(channels: int, *, dual_mono: bool = False) -> np.ndarray:
    """Weigh the channels of a WAV file as the standard does: (C,).

    >>> channel_weights(6).tolist(), channel_weights(1, dual_mono=True).tolist()
    ([1.0, 1.0, 1.0, 0.0, 1.41, 1.41], [2.0])
    """
    if channels == 1 and dual_mono:
        return np.array([2.0])
    return np.array(_WEIGHTS.get(channels, (1.0,) * channels))


def lufs(power: float) -> float:
    """Turn weighted power into LUFS.

    >>> round(lufs(1.0), 3), lufs(0.0)
    (-0.691, -inf)
    """
    return _OFFSET_DB + 10 * math.log10(power) if power > 0 else -math.inf


def integrate(powers: np.ndarray) -> float:
    """Gate powers of 400 ms blocks (n,) and average the rest: integrated loudness in LUFS.

    Blocks of several files, one after the other, give the loudness of the album.

    References:
        ITU-R BS.1770-4, equations 3 to 7.
    """
    above = powers[powers > _power(ABSOLUTE_GATE_LUFS)]
    if not len(above):
        return -math.inf
    kept = above[above > above.mean() * 0.1]
    return lufs(float(kept.mean()))


def loudness_range(powers: np.ndarray) -> float:
    """Measure the spread of short-term powers (n,): LRA in LU.

    References:
        EBU Tech 3342 (2023), section 3.
    """
    above = powers[powers > _power(ABSOLUTE_GATE_LUFS)]
    if not len(above):
        return 0.0
    kept = np.sort(above[above > above.mean() * 0.01])
    low, high = (kept[round((len(kept) - 1) * share)] for share in (0.10, 0.95))
    return 10 * math.log10(high / low)


def _power(level_lufs: float) -> float:
    return 10 ** ((level_lufs - _OFFSET_DB) / 10)


def _decibels(amplitude: float) -> float:
    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf
