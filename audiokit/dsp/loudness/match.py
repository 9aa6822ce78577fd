"""What one recording takes over from another: its loudness, moment by moment if wanted, and its tonal balance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from audiokit.dsp.loudness.levels import sliding_mean
from audiokit.dsp.loudness.loudness import (
    ABSOLUTE_GATE_LUFS,
    LOWEST_RATE,
    Loudness,
    Meter,
    integrate,
    loudness_range,
)
from audiokit.errors import ParameterError

_N_FFT = 4096
_BANDS_PER_OCTAVE = 3
_MAX_EQ_DB = 12.0
_MAX_RIDE_DB = 24.0
#: Steps of 10 ms between points of a gain curve.
CURVE_STEP = 10


@dataclass(frozen=True)
class Reference:
    """What is known of the recording to match.

    Attributes:
        loudness: its meter reading.
        powers: its weighted power every 10 ms (n,).
        spectrum: its average power spectrum (F,), see `AverageSpectrum`.
        rate: Hz, of the spectrum.
    """

    loudness: Loudness
    powers: np.ndarray
    spectrum: np.ndarray
    rate: int


def listen(blocks: Iterable[np.ndarray], rate: int, channels: int, *, dual_mono: bool = False) -> Reference:
    """Hear a recording (blocks of (C, T)) once and remember what others may match.

    >>> quiet = listen([np.full((1, 8000), 0.01, np.float32)], 8000, 1)
    >>> quiet.loudness.sample_peak_dbfs
    -40.0...
    """
    meter, spectrum = Meter(rate, channels, dual_mono=dual_mono, along=True), AverageSpectrum(channels)
    for block in blocks:
        meter.process(block)
        spectrum.process(block)
    return Reference(meter.result(), meter.powers, spectrum.result(), rate)


class AverageSpectrum:
    """Average the power spectrum of audio that arrives in blocks.

    >>> average = AverageSpectrum(1)
    >>> average.process(np.sin(np.pi / 4 * np.arange(50_000))[None])
    >>> int(average.result().argmax()), len(average.result())
    (512, 2049)
    """

    def __init__(self, channels: int) -> None:
        self._window = np.hanning(_N_FFT + 1)[:-1].astype(np.float32)
        self._rest = np.zeros((channels, 0), np.float32)
        self._total = np.zeros(_N_FFT // 2 + 1)
        self._count = 0

    def process(self, y: np.ndarray) -> None:
        """Hear the next block (C, T)."""
        y = np.concatenate([self._rest, y], axis=1, dtype=np.float32)
        count = max(0, y.shape[1] // (_N_FFT // 2) - 1)
        self._rest = np.ascontiguousarray(y[:, count * (_N_FFT // 2) :])
        for start in range(0, count, 64):  # a bounded number of frames at a time
            frames = np.lib.stride_tricks.sliding_window_view(y, _N_FFT, axis=1)[:, :: _N_FFT // 2]
            spectra = np.fft.rfft(frames[:, start : min(count, start + 64)] * self._window, axis=2)
            self._total += (spectra.real**2 + spectra.imag**2).sum(axis=(0, 1))
        self._count += count

    def result(self) -> np.ndarray:
        """Return the average power (F,), F = 2049; zeros for less than 93 ms at 44.1 kHz."""
        return self._total / max(1, self._count)


def matching_filter(own: np.ndarray, reference: Reference, rate: int) -> np.ndarray:
    """Design the linear-phase filter that gives a recording the tonal balance of another.

    Third-octave balance within 12 dB, no change of level as such, nothing where either is silent.

    Args:
        own: average power spectrum of the recording (F,).
        reference: what to match.
        rate: Hz, of the recording.

    Returns:
        Taps (4097,), symmetric.

    Raises:
        ParameterError: one of the two is too short to have a spectrum.
    """
    if not own.any() or not reference.spectrum.any():
        raise ParameterError("the spectrum of silence, or of less than 0.1 s, cannot be matched")
    hz = np.fft.rfftfreq(_N_FFT, 1 / rate)
    wanted = np.interp(hz, np.fft.rfftfreq(_N_FFT, 1 / reference.rate), reference.spectrum)
    own_db, wanted_db = _banded_db(own, hz), _banded_db(wanted, hz)
    top = min(rate, reference.rate) / 2 * 0.97
    heard = (hz >= 40) & (hz <= top) & (own_db > own_db.max() - 70) & (wanted_db > wanted_db.max() - 70)
    if not heard.any():
        return _taps(np.zeros(len(hz)))
    difference = wanted_db - own_db
    # The level as such is the normalizer's business: keep what remains when the audible energy is left as it was.
    weight = np.where(heard, 10 ** (own_db / 10), 0.0)
    difference -= 10 * math.log10(float((weight * 10 ** (difference / 10)).sum() / weight.sum()))
    curve = np.clip(difference, -_MAX_EQ_DB, _MAX_EQ_DB)
    known = np.flatnonzero(heard)
    return _taps(np.interp(np.arange(len(hz)), known, curve[known]))


def _banded_db(power: np.ndarray, hz: np.ndarray) -> np.ndarray:
    """Average a power spectrum over a third of an octave around every bin, in dB."""
    width = 2 ** (0.5 / _BANDS_PER_OCTAVE)
    total = np.concatenate([[0.0], np.cumsum(power)])
    bins = np.arange(len(hz))
    low = np.minimum(np.floor(bins / width).astype(int), bins)
    high = np.maximum(np.minimum(np.ceil(bins * width).astype(int), len(hz) - 1), bins) + 1
    return 10 * np.log10(np.maximum((total[high] - total[low]) / (high - low), 1e-30))


def _taps(curve_db: np.ndarray) -> np.ndarray:
    impulse = np.fft.irfft(10 ** (curve_db / 20))
    taps = np.concatenate([impulse[-_N_FFT // 2 :], impulse[: _N_FFT // 2 + 1]])
    return taps * np.hanning(len(taps) + 2)[1:-1]


class LinearPhaseFilter:
    """Filter audio with symmetric taps (odd, n), block by block, without delay in what comes out.

    >>> same = LinearPhaseFilter(np.array([0.0, 1.0, 0.0]), 1)
    >>> out = np.concatenate([same.process(np.ones((1, 5), np.float32)), same.flush()], axis=1)
    >>> np.allclose(out, 1), out.shape
    (True, (1, 5))
    """

    def __init__(self, taps: np.ndarray, channels: int) -> None:
        self._taps, self._half = taps, len(taps) // 2
        self._context = np.zeros((channels, len(taps) - 1), np.float32)
        self._skip = self._half
        self._spectra: dict[int, np.ndarray] = {}

    def process(self, y: np.ndarray) -> np.ndarray:
        """Take the next block (C, T) and return what is ready (C, n), float32."""
        if not y.shape[1]:
            return y
        y = np.concatenate([self._context, y], axis=1, dtype=np.float32)
        self._context = np.ascontiguousarray(y[:, y.shape[1] - 2 * self._half :])
        size = 1 << (y.shape[1] - 1).bit_length()
        if size not in self._spectra:
            self._spectra[size] = np.fft.rfft(self._taps, size)
        full = np.fft.irfft(np.fft.rfft(y, size) * self._spectra[size], size)
        out = full[:, 2 * self._half : y.shape[1]].astype(np.float32)
        dropped = min(self._skip, out.shape[1])
        self._skip -= dropped
        return out[:, dropped:]

    def flush(self) -> np.ndarray:
        """Return the samples (C, n) that were still waiting."""
        return self.process(np.zeros((len(self._context), self._half), np.float32))


class CurveGain:
    """Apply a gain that moves along time: points every 100 ms (n,), in dB, joined smoothly.

    >>> fade = CurveGain(np.array([0.0, -20.0]), 1000)
    >>> np.round(fade.process(np.ones((1, 200), np.float32))[0, [0, 100, 199]], 2)
    array([1. , 0.32, 0.1 ], dtype=float32)
    """

    def __init__(self, curve_db: np.ndarray, rate: int) -> None:
        self._curve, self._step = curve_db, rate * CURVE_STEP / 100
        self._position = 0

    def process(self, y: np.ndarray) -> np.ndarray:
        """Take the next block (C, T) and return it (C, T), float32, with its gain."""
        at = (self._position + np.arange(y.shape[1])) / self._step - 0.5
        self._position += y.shape[1]
        gain_db = np.interp(at, np.arange(len(self._curve)), self._curve)
        return y * np.exp(gain_db * (math.log(10) / 20)).astype(np.float32)

    def flush(self) -> np.ndarray:
        """Nothing waits."""
        return np.zeros((1, 0), np.float32)


def following_curve(powers: np.ndarray, wanted: np.ndarray | float) -> np.ndarray:
    """Draw the gain that leads one recording's momentary loudness to another's, or to a constant.

    Where either pauses, the gain of its surroundings goes on. The ratio of every frame by itself, which sounds
    restless, is smoothed over two seconds and held within 24 dB of its middle.

    Args:
        powers: weighted power of the recording every 10 ms (n,).
        wanted: the same of the other (m,), or one loudness in LUFS.

    Returns:
        Gain in dB every 100 ms (n // 10 + 1,).
    """
    count = len(powers) // CURVE_STEP + 1
    own_db = _moving_lufs(powers, 40, count)
    if isinstance(wanted, float):
        wanted_db, active = np.full(count, wanted), np.ones(count, bool)
    else:
        wanted_db = np.full(count, -np.inf)
        other = _moving_lufs(wanted, 40, len(wanted) // CURVE_STEP + 1)[:count]
        wanted_db[: len(other)] = other
        active = wanted_db > max(ABSOLUTE_GATE_LUFS, _gated(wanted) - 20)
    active &= own_db > max(ABSOLUTE_GATE_LUFS, _gated(powers) - 20)
    if not active.any():
        return np.zeros(count)
    at = np.flatnonzero(active)
    ride = (wanted_db - own_db)[at]
    middle = float(np.median(ride))
    curve = np.interp(np.arange(count), at, np.clip(ride, middle - _MAX_RIDE_DB, middle + _MAX_RIDE_DB))
    return _bell_smooth(curve, 21)


def narrowing_curve(powers: np.ndarray, range_lu: float) -> np.ndarray | None:
    """Draw the slow gain that brings the loudness range down to `range_lu`; None if it is there already.

    Args:
        powers: weighted power every 10 ms (n,).
        range_lu: LRA to reach.

    Returns:
        Gain in dB every 100 ms (n // 10 + 1,), or None.
    """
    if short_term_range(powers) <= range_lu:
        return None
    count = len(powers) // CURVE_STEP + 1
    middle = _gated(powers)
    # What lies far below are pauses: they follow the quietest music instead of being pulled up.
    level = np.maximum(_moving_lufs(powers, 300, count), middle - 30)
    shape = _bell_smooth(middle - level, 11)
    low, high = 0.0, 1.5
    for _ in range(20):
        strength = (low + high) / 2
        if short_term_range(with_curve(powers, strength * shape)) > range_lu:
            low = strength
        else:
            high = strength
    return high * shape


def with_curve(powers: np.ndarray, curve_db: np.ndarray) -> np.ndarray:
    """Foresee powers every 10 ms (n,) after a gain curve."""
    at = (np.arange(len(powers)) + 0.5) / CURVE_STEP - 0.5
    return powers * 10 ** (np.interp(at, np.arange(len(curve_db)), curve_db) / 10)


def short_term_range(powers: np.ndarray) -> float:
    """Loudness range (LRA, LU) of powers every 10 ms (n,)."""
    return loudness_range(sliding_mean(powers, 300)[::10])


def _gated(powers: np.ndarray) -> float:
    blocks = sliding_mean(powers, 40)[::10]
    return integrate(blocks if len(blocks) else powers.mean(keepdims=True))


def _moving_lufs(powers: np.ndarray, window: int, count: int) -> np.ndarray:
    """Loudness around every 100 ms (count,): windows that reach over an end are averaged over what is there."""
    total = np.concatenate([[0.0], np.cumsum(powers)])
    middle = np.arange(count) * CURVE_STEP + CURVE_STEP // 2
    low, high = np.clip(middle - window // 2, 0, len(powers)), np.clip(middle + window // 2, 0, len(powers))
    mean = (total[high] - total[low]) / np.maximum(1, high - low)
    return -0.691 + 10 * np.log10(np.maximum(mean, 1e-12))


def _bell_smooth(x: np.ndarray, width: int) -> np.ndarray:
    bell = np.hanning(width + 2)[1:-1]
    padded = np.pad(x, width // 2, mode="edge")
    return np.convolve(padded, bell / bell.sum(), mode="valid")


def loudness_gain(before: Iterable[np.ndarray], after: Iterable[np.ndarray], rate: int, channels: int) -> float:
    """Compute the factor that gives one sound the loudness of another: integrated, or RMS where that is undefined."""
    readings = []
    for blocks in (before, after):
        meter = Meter(max(rate, LOWEST_RATE), channels)
        for block in blocks:
            meter.process(block)
        readings.append(meter.result())
    a, b = (reading.integrated_lufs for reading in readings)
    if rate < LOWEST_RATE or not np.isfinite([a, b]).all():
        a, b = (reading.rms_dbfs for reading in readings)
    return float(10 ** ((a - b) / 20)) if np.isfinite([a, b]).all() else 1.0
