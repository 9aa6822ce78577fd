"""Loudness as the broadcasting standards define it, measured on audio that arrives in blocks.

Integrated, momentary and short-term loudness (ITU-R BS.1770-4, EBU Tech 3341), loudness range (EBU Tech 3342) and true
peak, in memory that grows by 1 kB per second of audio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from audiokit.dsp.loudness.iir import SectionFilter
from audiokit.dsp.loudness.true_peak import PeakTracker
from audiokit.errors import ParameterError

ABSOLUTE_GATE_LUFS = -70.0
_OFFSET_DB = -0.691
#: Loudness is summed in steps of 10 ms (momentary, short-term) and gated in blocks of 400 ms every 100 ms.
STEPS_PER_SECOND = 100
#: Peaks are noted this often, to foresee what a limiter will do.
PEAKS_PER_STEP = 4
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

    Attributes:
        powers: weighted power (sum over channels) of every whole 10 ms so far (n,).
        peaks: highest sample of every 2.5 ms so far (n * 4,).

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

    def __init__(self, rate: int, channels: int, *, dual_mono: bool = False) -> None:
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
        self._rest = np.zeros((2, 0))
        self._powers: list[np.ndarray] = []
        self._peaks: list[np.ndarray] = []
        self._samples = 0
        self._sample_peak = 0.0
        self._square_sum = 0.0

    def process(self, y: np.ndarray) -> None:
        """Hear the next block (C, T)."""
        if not y.shape[1]:
            return
        self._samples += y.shape[1]
        self._tracker.process(y, floor=self._tracker.peak)
        highest = np.maximum(y.max(axis=0), -y.min(axis=0))
        self._sample_peak = max(self._sample_peak, float(highest.max()))
        flat = y.reshape(-1)
        self._square_sum += float(np.dot(flat, flat))
        weighted = self._filter.process(y)
        power = self._weights @ (weighted * weighted)
        self._rest = np.concatenate([self._rest, np.stack([power, highest])], axis=1)
        units = self._rest.shape[1] // self._unit
        if units:
            whole = self._rest[:, : units * self._unit].reshape(2, units, self._unit)
            self._rest = self._rest[:, units * self._unit :].copy()
            self._powers.append(np.add.reduceat(whole[0], self._starts, axis=1).reshape(-1))
            self._peaks.append(np.maximum.reduceat(whole[1], self._peak_starts, axis=1).reshape(-1).astype(np.float32))

    @property
    def powers(self) -> np.ndarray:
        """Weighted energy of every 10 ms so far, as mean power (n,); the last unfinished 10 ms are left out."""
        rest, count = self._rest[0], int(np.searchsorted(self._starts, self._rest.shape[1], side="right")) - 1
        ends = [rest[a:b].sum() for a, b in pairwise(self._starts[: count + 1])]
        return np.concatenate([*self._powers, ends]) * (10 / self._unit)

    @property
    def peaks(self) -> np.ndarray:
        """Highest sample of every 2.5 ms so far (4 n,), n as in `powers`."""
        rest, count = self._rest[1], int(np.searchsorted(self._starts, self._rest.shape[1], side="right")) - 1
        edges = self._peak_starts[: count * PEAKS_PER_STEP + 1]
        ends = [rest[a:b].max() for a, b in pairwise(edges)]
        return np.concatenate([*self._peaks, np.array(ends, np.float32)])

    @property
    def gating_powers(self) -> np.ndarray:
        """Power of every gating block (400 ms, every 100 ms); of all that was heard if that is shorter (n,)."""
        powers = self.powers
        blocks = sliding_mean(powers, 40)[::10]
        if len(blocks) or not self._samples:
            return blocks
        return np.array([(sum(p.sum() for p in self._powers) + self._rest[0].sum()) / self._samples])

    def result(self) -> Loudness:
        """Read the meter; more audio may follow."""
        powers = self.powers
        short_term = sliding_mean(powers, 300)[::10]
        return Loudness(
            integrated_lufs=integrate(self.gating_powers),
            momentary_max_lufs=lufs(_highest_mean(powers, 40)),
            short_term_max_lufs=lufs(_highest_mean(powers, 300)),
            range_lu=loudness_range(short_term),
            true_peak_dbtp=_decibels(self._true_peak()),
            sample_peak_dbfs=_decibels(self._sample_peak),
            rms_dbfs=_decibels(math.sqrt(self._square_sum / max(1, self._samples * self.channels))),
            seconds=self._samples / self.rate,
        )

    def _true_peak(self) -> float:
        import copy

        ahead = copy.deepcopy(self._tracker)
        ahead.flush()
        return ahead.peak


def measure(y: np.ndarray, rate: int, *, dual_mono: bool = False) -> Loudness:
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
    for start in range(0, y.shape[1], 1 << 16):
        meter.process(y[:, start : start + (1 << 16)])
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


def sliding_mean(x: np.ndarray, window: int) -> np.ndarray:
    """Average over `window` neighbours, whole windows only: (n,) -> (max(0, n - window + 1),).

    >>> sliding_mean(np.array([1.0, 2, 3]), 2)
    array([1.5, 2.5])
    """
    if len(x) < window:
        return np.zeros(0)
    total = np.concatenate([[0.0], np.cumsum(x)])
    # Differences of a long sum leave a residue where the signal is silent: no power is negative or that small.
    out = (total[window:] - total[:-window]) / window
    out[out < total[-1] * 1e-15] = 0.0
    return out


def _highest_mean(powers: np.ndarray, window: int) -> float:
    """Find the highest window that a running meter shows, which starts from silence."""
    return float(sliding_mean(np.concatenate([np.zeros(window - 1), powers]), window).max(initial=0.0))


def _power(level_lufs: float) -> float:
    return 10 ** ((level_lufs - _OFFSET_DB) / 10)


def _decibels(amplitude: float) -> float:
    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf
