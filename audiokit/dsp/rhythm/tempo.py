"""Tempo: which beat periods the onsets support, and the best path of beats at a slowly changing period."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Beats per minute that are looked for.
LOWEST_BPM, HIGHEST_BPM = 48.0, 230.0
# Cost of changing the period by a factor e from one beat to the next.
_CHANGE_COST = 60.0
# Changes up to this are free: the period in frames is whole, the music's is not.
_FREE_CHANGE = 0.015
_PERIODS = 24
# Frames of paths that are kept to go on from.
_FRAMES = 4096
# Listeners' preferred tempo and its spread in octaves.
_PREFERRED_BPM, _PREFERRED_OCTAVES = 118.0, 0.8


def tempo_prior(bpm: np.ndarray | float) -> np.ndarray:
    """How likely a tempo is before anything is heard, as a logarithm (0 at the most likely).

    References:
        Moelants (2002), Preferred tempo reconsidered.

    >>> bool(tempo_prior(118.0) > tempo_prior(60.0))
    True
    """
    return -0.5 * (np.log2(np.asarray(bpm) / _PREFERRED_BPM) / _PREFERRED_OCTAVES) ** 2


def normalised_curve(strength: np.ndarray, frames_per_s: float, *, window_s: float = 6.0) -> np.ndarray:
    """Flatten an onset curve (N,) so that quiet passages count like loud ones: mean 0, spread about 1.

    >>> bool(abs(normalised_curve(np.arange(1000.0) % 50 == 0, 100.0).mean()) < 0.1)
    True
    """
    size = max(3, min(len(strength), round(window_s * frames_per_s)) | 1)
    mean = moving_mean(strength, size)
    spread = np.sqrt(np.maximum(0.0, moving_mean(strength**2, size) - mean**2))
    return (strength - mean) / (spread + 0.1 * spread.max(initial=0.0) + 1e-9)


def moving_mean(values: np.ndarray, size: int) -> np.ndarray:
    """Centred moving average over an odd number of values, fewer at the ends.

    >>> moving_mean(np.array([0.0, 3.0, 0.0, 0.0]), 3).tolist()
    [1.5, 1.0, 1.0, 0.0]
    """
    half = size // 2
    total = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    index = np.arange(len(values))
    low, high = np.maximum(0, index - half), np.minimum(len(values), index + half + 1)
    return (total[high] - total[low]) / (high - low)


def autocorrelation(curve: np.ndarray, longest: int) -> np.ndarray:
    """Autocorrelation (longest + 1,) of a curve (N,), 1 at lag 0, corrected for the shorter overlap at long lags."""
    n = len(curve)
    size = 1 << int(np.ceil(np.log2(max(2, 2 * n))))
    spectrum = np.abs(np.fft.rfft(curve - curve.mean(), size)) ** 2
    values = np.fft.irfft(spectrum, size)[: longest + 1]
    values = np.pad(values, (0, longest + 1 - len(values)))
    overlap = np.maximum(n - np.arange(longest + 1), 0.2 * n)
    return values / (values[0] + 1e-12) * n / overlap


def period_candidates(curve: np.ndarray, frames_per_s: float, *, count: int = 4) -> list[float]:
    """Find beat periods that a comb filter over the autocorrelation supports, in frames, best first.

    Windows of 12 s are judged alone and added, so that a changing tempo does not smear everything.
    """
    low, high = 60 * frames_per_s / HIGHEST_BPM, 60 * frames_per_s / LOWEST_BPM
    periods = np.geomspace(low, high, 160)
    score = np.zeros(len(periods))
    size = round(12 * frames_per_s)
    for start in range(0, max(1, len(curve) - size // 2), size // 2):
        piece = curve[start : start + size]
        if len(piece) < 4:
            continue
        values = autocorrelation(piece, int(4.3 * high))
        for multiple in (1, 2, 3, 4):
            at = periods * multiple
            known = at < 0.8 * len(piece)
            score += known * np.interp(at, np.arange(len(values)), values) / multiple**0.5
    score *= np.exp(0.5 * tempo_prior(60 * frames_per_s / periods))
    peaks = [k for k in range(1, len(score) - 1) if score[k] > score[k - 1] and score[k] >= score[k + 1]]
    peaks.sort(key=lambda k: -score[k])
    return [float(periods[k]) for k in peaks[:count]] or [60 * frames_per_s / _PREFERRED_BPM]


def beat_path(curve: np.ndarray, shortest: int, longest: int) -> tuple[np.ndarray, float]:
    """Find the path of beats with the most onset strength on them and the steadiest period.

    Dynamic programming over (time of a beat, period that led to it): the period may change a little from beat to
    beat, so ramps are followed.

    Args:
        curve: normalised onset curve (N,).
        shortest: shortest period in frames.
        longest: longest period in frames.

    Returns:
        Frames of the beats (B,), int, and the mean strength per beat, changes of period taken off.

    References:
        Ellis (2007), Beat tracking by dynamic programming; Krebs, Boeck and Widmer (2015), An efficient state-space
        model for joint tempo and meter tracking.

    >>> curve = np.zeros(400)
    >>> curve[20::50] = 5
    >>> beat_path(curve, 40, 60)[0].tolist()
    [20, 70, 120, 170, 220, 270, 320, 370]
    """
    return beat_paths(curve, [(shortest, longest)])[0]


def beat_paths(curve: np.ndarray, ranges: Sequence[tuple[int, int]]) -> list[tuple[np.ndarray, float]]:
    """Find the best path in each of several ranges of periods at once: see `beat_path`.

    Args:
        curve: normalised onset curve (N,).
        ranges: shortest and longest period in frames of each path (K).

    Returns:
        Frames of the beats and mean strength of each (K).
    """
    periods = np.stack([_periods(*limits) for limits in ranges])  # (K, m)
    change = np.abs(np.log(periods[:, :, None] / periods[:, None, :]))
    cost = _CHANGE_COST * np.maximum(0.0, change - _FREE_CHANGE)
    n, (k, m), longest = len(curve), periods.shape, int(periods.max())
    # best[t, k, p]: the best path whose last beat is at t, ready to go on with period p; the last frames are enough.
    best = np.zeros((longest + _FRAMES, k, m))
    came_by = np.zeros((n, k, m), np.uint8)
    rows, columns = np.arange(k)[:, None], np.arange(m)[None, :]
    for start in range(0, n, _FRAMES):
        size = min(_FRAMES, n - start)
        for t in range(size):
            arrive = best[t - periods + longest, rows, columns] + curve[start + t]
            # second axis: period to go on with; third: period that led here.
            options = arrive[:, None, :] - cost
            choice = options.argmax(axis=2)
            came_by[start + t] = choice
            best[t + longest] = options[rows, columns, choice]
        best[:longest] = best[size : size + longest].copy()
    last = best[max(0, longest - n) : longest]
    return [
        _walk_back(last[:, one], came_by[:, one], periods[one]) if n else (np.zeros(0, int), 0.0) for one in range(k)
    ]


def _periods(shortest: int, longest: int) -> np.ndarray:
    """Whole periods of a range, evenly spread, the last one repeated where there are fewer than `_PERIODS`."""
    values = np.unique(np.round(np.geomspace(shortest, longest, _PERIODS)).astype(int))
    return np.pad(values, (0, _PERIODS - len(values)), mode="edge")


def _walk_back(best: np.ndarray, came_by: np.ndarray, periods: np.ndarray) -> tuple[np.ndarray, float]:
    """Path that ends best within the last period, from the last scores (<= N, m) and all choices (N, m)."""
    best = best[-int(periods.max()) :]
    last, p = (int(k) for k in np.unravel_index(int(best.argmax()), best.shape))
    score, t = float(best[last, p]), last + len(came_by) - len(best)
    frames = []
    while t >= 0:
        frames.append(t)
        p = int(came_by[t, p])
        t -= int(periods[p])
    frames.reverse()
    return np.array(frames), score / len(frames)


def steady_path(curve: np.ndarray, period: float, *, within: float = 0.04) -> np.ndarray:
    """Find the even grid with the most onset strength on it.

    Where drums pause, an even grid goes on, while a path that may bend jumps to whatever is there.

    Args:
        curve: normalised onset curve (N,).
        period: period to look around, in frames.
        within: how far the period may be off, as a part of it.

    Returns:
        Frames of the beats (B,), float64, fractional; none where fewer than three fit.

    >>> curve = np.zeros(400)
    >>> curve[20::50] = 5
    >>> steady_path(curve, 51.0).round().tolist()
    [20.0, 70.0, 120.0, 170.0, 220.0, 270.0, 320.0, 370.0]
    """
    n = len(curve)
    # Between neighbouring periods the last beat moves by two frames.
    steps = int(np.clip(within * n, 9, 801)) | 1
    clipped = np.maximum(curve, -1.0)
    best, found = -np.inf, (0.0, 0)
    for candidate in period * np.linspace(1 - within, 1 + within, steps):
        count = int(n // candidate)
        if count < 3:
            continue
        starts = np.arange(int(candidate))
        places = np.round(starts[:, None] + np.arange(count) * candidate).astype(int)
        strength = clipped[np.minimum(places, n - 1)].mean(axis=1)
        start = int(strength.argmax())
        if strength[start] > best:
            best, found = float(strength[start]), (float(candidate), start)
    return np.arange(found[1], n - 1, found[0]) if found[0] else np.zeros(0)
