"""Where sounds begin: an onset curve in three bands, and the instant of an attack to a millisecond."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from audiokit.dsp.rhythm.playing import samples_of
from audiokit.dsp.spectrum.fft import rfft
from audiokit.dsp.spectrum.medians import running_median
from audiokit.dsp.spectrum.mel import mel_filterbank
from audiokit.dsp.spectrum.samples import Samples
from audiokit.dsp.spectrum.stft import frame_count, window_values
from audiokit.errors import ParameterError

#: Frames per second of the onset curves, nearly: the hop is a whole number of samples.
FRAMES_PER_S = 100
#: Upper edges in Hz of the low, middle and high band groups: kick and bass, snare and voice, hats and cymbals.
GROUP_EDGES_HZ = (180.0, 2600.0)
_N_MELS, _LOWEST_HZ = 48, 30.0
# At lower rates next to nothing is left of the bands, and attacks are not measured to a millisecond.
_LOWEST_RATE = 1000
_WINDOW_S = 0.046
# Flux compares with the loudest of the neighbouring bands this many frames ago, so that vibrato makes no onsets.
_LAG = 2
_BLOCK_FRAMES = 2000
# Drums reach over this many bands at once, notes over this many frames; notes count this much less.
_WIDE_BANDS, _LONG_FRAMES, _TONAL_LESS = 9, 19, 0.7
# Notes of this many frames are compared with those of as many before.
_CHANGE_FRAMES = 24
# An attack begins where the level has risen by this part of its whole rise.
_ATTACK_PART = 0.25
_FINE_S = 0.001
# Attacks closer than this many steps are one; this many are kept around a time.
_SPAN, _CANDIDATES = 8, 4
# An attack is louder than all that was heard in so many steps before it: the period of a held note down to 40 Hz is
# shorter, so that neither its pulses nor the swell of a voice is taken for attacks.
_PAST = 25


@dataclass(frozen=True)
class OnsetCurves:
    """How strongly sounds begin at each moment, per band group.

    Attributes:
        strength: (3, N), float32, non-negative: low, middle and high band.
        frames_per_s: exact frame rate.
        offset_s: time of frame 0, such that a sound that begins at time t peaks at frame (t - offset_s) * rate.
        change: (N,), float32: how much the notes that last differ from those before, whatever the drums do.
    """

    strength: np.ndarray
    frames_per_s: float
    offset_s: float
    change: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """All bands together (N,), each scaled by its own spread so that no band drowns the others."""
        spread = np.sqrt((self.strength**2).mean(axis=1, keepdims=True))
        loudest = spread.max(initial=1e-12)
        return (self.strength / np.maximum(spread, 0.25 * loudest + 1e-12)).sum(axis=0) / 3

    def frame(self, times_s: np.ndarray | float) -> np.ndarray:
        """Fractional frame of times in seconds."""
        return (np.asarray(times_s, np.float64) - self.offset_s) * self.frames_per_s

    def time(self, frames: np.ndarray | float) -> np.ndarray:
        """Time in seconds of fractional frames."""
        return np.asarray(frames, np.float64) / self.frames_per_s + self.offset_s


def onset_curves(y: Samples, rate: int) -> OnsetCurves:
    """Measure multi-band logarithmic spectral flux.

    Powers are summed over channels, so nothing cancels in stereo. Each mel band is compressed relative to its own
    level, and the rise over its neighbours a moment before is kept.

    Args:
        y: audio (C, T), float32.
        rate: sample rate in Hz.

    Returns:
        Onset curves, about 100 frames per second.

    Raises:
        ParameterError: the rate is below 1000 Hz.

    References:
        Boeck and Widmer (2013), Maximum filter vibrato suppression for onset detection.

    >>> curves = onset_curves(np.zeros((1, 22050), np.float32), 22050)
    >>> curves.strength.shape, float(curves.strength.max())
    ((3, 101), 0.0)
    """
    _check_rate(rate)
    hop = max(1, round(rate / FRAMES_PER_S))
    magnitude, centres_hz = _mel_magnitude(y, rate, hop)
    level = np.maximum(_loud_level(magnitude), 0.03 * magnitude.max(initial=0.0) + 1e-9)[:, None]
    group = np.digitize(centres_hz, GROUP_EDGES_HZ)
    count = magnitude.shape[1]
    strength, change, summed = np.zeros((3, count), np.float32), np.zeros(count, np.float32), _Sums(len(magnitude))
    for start, stop in _pieces(count):
        flux, long = _flux(magnitude, level, start, stop)
        for g in range(3):
            if (group == g).any():
                strength[g, start:stop] = flux[group == g].mean(axis=0)
        found = summed.changes(np.log1p(100 * long / level))
        # A change is known once as many frames have come after it as it is compared with.
        change[stop - _CHANGE_FRAMES + 1 - len(found) : stop - _CHANGE_FRAMES + 1] = found
    return OnsetCurves(strength, rate / hop, _bias_s(rate, hop), change)


def _pieces(count: int) -> Iterator[tuple[int, int]]:
    """Frames start to stop of pieces that are worked on at once; none is a single frame but the only one."""
    edges = [*range(0, max(1, count - 1), _BLOCK_FRAMES), count]
    return pairwise(edges)


def _flux(magnitude: np.ndarray, level: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Rise of each band in frames start to stop (M, n), less where it is of a note; and the medians over frames."""
    around = max(0, start - _LONG_FRAMES // 2)
    near = magnitude[:, around : stop + _LONG_FRAMES // 2]
    long = running_median(near, _LONG_FRAMES, axis=1)[:, start - around : stop - around]
    wide = running_median(magnitude[:, start:stop], _WIDE_BANDS, axis=0)
    before = max(0, start - _LAG)
    level_db = np.log1p(100 * magnitude[:, before:stop] / level)
    widest = level_db.copy()
    widest[1:] = np.maximum(widest[1:], level_db[:-1])
    widest[:-1] = np.maximum(widest[:-1], level_db[1:])
    rise = np.zeros_like(level_db)
    rise[:, _LAG:] = np.maximum(0.0, level_db[:, _LAG:] - widest[:, :-_LAG])
    # The curve peaks when an onset has entered the window but the lagged frame has not seen it: on average half the
    # lag plus a quarter of the window before the frame's centre.
    return rise[:, start - before :] * (1 - _TONAL_LESS * (1 - _struck(wide, long))), long


class _Sums:
    """How much levels of bands differ before and after each frame, of frames that come piece by piece."""

    def __init__(self, bands: int) -> None:
        self._sums = np.zeros((bands, 1))

    def changes(self, notes: np.ndarray) -> np.ndarray:
        """Hear the next frames (M, n); gives the differences that are known then (<= n,)."""
        size = _CHANGE_FRAMES
        new = np.cumsum(np.concatenate([self._sums[:, -1:], notes], axis=1), axis=1, dtype=np.float64)[:, 1:]
        total = np.concatenate([self._sums, new], axis=1)
        self._sums = total[:, -2 * size :]
        means = (total[:, size:] - total[:, :-size]) / size
        return np.abs(means[:, size:] - means[:, :-size]).mean(axis=0)


def _check_rate(rate: int) -> None:
    if rate < _LOWEST_RATE:
        raise ParameterError(f"beats and attacks cannot be heard at {rate} Hz", hint="give audio of 8000 Hz or more")


def _struck(wide: np.ndarray, long: np.ndarray) -> np.ndarray:
    """How much each band of each frame (M, N) sounds like a drum, wide and short, not like a note, narrow and long.

    Of magnitudes (M, N), the medians over bands and over frames are compared.

    References:
        FitzGerald (2010), Harmonic/percussive separation using median filtering.
    """
    return wide**2 / (wide**2 + long**2 + 1e-12)


def _bias_s(rate: int, hop: int) -> float:
    return 0.011 - 0.5 * hop / rate


def _loud_level(magnitude: np.ndarray) -> np.ndarray:
    if not magnitude.shape[1]:
        return np.zeros(len(magnitude))
    return np.stack([np.quantile(band, 0.95) for band in magnitude])


def _mel_magnitude(y: Samples, rate: int, hop: int) -> tuple[np.ndarray, np.ndarray]:
    """Magnitude in mel bands (M, N) and their centres in Hz, block by block."""
    n_fft = 1 << max(5, round(np.log2(rate * _WINDOW_S)))
    fmax = min(11_000.0, rate / 2)
    filters = mel_filterbank(rate, n_fft, _N_MELS, _LOWEST_HZ, fmax)
    filters = filters[filters.max(axis=1) > 0]
    bins = np.arange(n_fft // 2 + 1) * (rate / n_fft)
    centres_hz = (filters @ bins) / filters.sum(axis=1)
    window = window_values("hann", n_fft).astype(np.float32)
    count = frame_count(y.shape[1], n_fft=n_fft, hop=hop, pad=n_fft // 2)
    power = np.zeros((len(filters), max(count, 0)), np.float32)
    for start in range(0, count, _BLOCK_FRAMES):
        stop = min(count, start + _BLOCK_FRAMES)
        first = start * hop - n_fft // 2
        for piece in samples_of(y, first, first + (stop - start - 1) * hop + n_fft):
            frames = np.lib.stride_tricks.sliding_window_view(piece, n_fft)[::hop]
            spectra = rfft(frames * window)
            power[:, start:stop] += filters @ (spectra.real**2 + spectra.imag**2).T.astype(np.float32)
    return np.sqrt(power, out=power), centres_hz


def attack_times(y: Samples, rate: int, times_s: np.ndarray, *, reach_s: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Find the exact beginning of the attack nearest to each given time.

    Levels in three bands are followed in steps of a millisecond; the strongest rise near the time above all that was
    heard just before is walked back to where it began.

    Args:
        y: audio (C, T), float32.
        rate: sample rate in Hz.
        times_s: rough times (B,).
        reach_s: how far an attack may be.

    Returns:
        Times (B,) in seconds, and how strong each attack is (B,), 0 where there is none.

    >>> click = np.zeros((1, 8000), np.float32)
    >>> click[0, 4000:4400] = 0.5
    >>> times, strength = attack_times(click, 8000, np.array([0.48]))
    >>> bool(abs(times[0] - 0.5) < 0.001), bool(strength[0] > 0)
    (True, True)
    """
    times_s = np.asarray(times_s, np.float64)
    candidates, strengths = attack_candidates(y, rate, times_s, reach_s=reach_s)
    distance = np.abs(candidates - times_s[:, None]) / max(reach_s, 1e-9)
    likely = strengths * (1 - 0.5 * np.minimum(distance, 1))
    best = likely.argmax(axis=1) if len(times_s) else np.zeros(0, int)
    rows = np.arange(len(times_s))
    strength = strengths[rows, best]
    return np.where(strength > 0, candidates[rows, best], times_s), strength


def attack_candidates(
    y: Samples, rate: int, times_s: np.ndarray, *, reach_s: float = 0.05
) -> tuple[np.ndarray, np.ndarray]:
    """Find the strongest attacks around each given time; attacks less than 8 ms apart count as one.

    Args:
        y: audio (C, T), float32.
        rate: sample rate in Hz.
        times_s: rough times (B,).
        reach_s: how far an attack may be.

    Returns:
        Times in seconds and strengths (B, 4), strongest first; where there are fewer, the given time and 0.
    """
    _check_rate(rate)
    times_s = np.asarray(times_s, np.float64)
    found = np.repeat(times_s[:, None], _CANDIDATES, axis=1)
    strength = np.zeros(found.shape)
    step = max(1, round(rate * _FINE_S))
    before = round((reach_s + 0.03) * rate / step)
    after = round((reach_s + 0.02) * rate / step)
    for index, time in enumerate(times_s):
        origin = round(time * rate) - before * step
        piece = samples_of(y, origin, origin + (before + after) * step)
        attacks = _attacks(piece, step, before, round(reach_s * rate / step))
        for place, (rise, begin) in enumerate(attacks):
            found[index, place], strength[index, place] = (origin + begin) / rate, rise
    return found, strength


def _attacks(piece: np.ndarray, step: int, middle: int, reach: int) -> list[tuple[float, float]]:
    """Strength and sample position of the attacks within `reach` steps of the middle, strongest first."""
    levels = _fine_levels(piece, step)
    top = levels.max()
    if top <= 1e-7:
        return []
    log = np.log(levels + 0.02 * top)
    span = _SPAN
    ahead = np.lib.stride_tricks.sliding_window_view(log, span, axis=1).max(axis=2)
    past = np.lib.stride_tricks.sliding_window_view(log, _PAST, axis=1).max(axis=2)
    n = ahead.shape[1]
    gain = np.zeros(log.shape)
    gain[:, _PAST:n] = np.maximum(0, ahead[:, _PAST:] - past[:, : n - _PAST])
    total = gain.sum(axis=0)
    total[: max(0, middle - reach)] = 0
    total[middle + reach + 1 :] = 0
    attacks: list[tuple[float, float]] = []
    while len(attacks) < _CANDIDATES:
        peak = int(np.argmax(total))
        if total[peak] <= 0.3:
            break
        begin = _beginning(levels, gain[:, peak], peak) * step
        if all(abs(begin - other) > _SPAN * step for _, other in attacks):
            attacks.append((float(total[peak]), begin))
        total[max(0, peak - span) : peak + span + 1] = 0
    return attacks


def _beginning(levels: np.ndarray, weights: np.ndarray, peak: int) -> float:
    """Step at which the rise around a peak has begun."""
    mixed = (weights[:, None] * levels / (levels.max(axis=1, keepdims=True) + 1e-12)).sum(axis=0)
    low = float(mixed[max(0, peak - _PAST) : max(1, peak)].max())
    stop = min(len(mixed), peak + _SPAN)
    crest = peak + int(np.argmax(mixed[peak:stop]))
    threshold = low + _ATTACK_PART * (mixed[crest] - low)
    at = crest
    while at > 0 and mixed[at - 1] > threshold:
        at -= 1
    fraction = 0.0
    if at > 0 and mixed[at] > mixed[at - 1]:
        fraction = float((threshold - mixed[at - 1]) / (mixed[at] - mixed[at - 1])) - 1
    return at + fraction + 0.5


def _fine_levels(piece: np.ndarray, step: int) -> np.ndarray:
    """Amplitude in bands, one value per step of samples: everything, and its first two differences."""
    n = piece.shape[1] // step
    bands = []
    current = piece.astype(np.float64)
    for _ in range(3):
        power = (current[:, : n * step] ** 2).sum(axis=0).reshape(n, step).mean(axis=1)
        bands.append(np.sqrt(power))
        current = np.diff(current, axis=1, prepend=current[:, :1])
    return np.stack(bands)
