"""Bring alike moments of two sounds together (dynamic time warping), however long they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from audiokit.dsp.effects.curve import Curve, curve_values
from audiokit.dsp.spectrum.samples import Samples
from audiokit.errors import ParameterError

#: Gives the power spectra (n, F) of some frames (n,) of a sound.
Spectra = Callable[[np.ndarray], np.ndarray]
#: Frames of a sound that are compared at most, and those that are worked on at once.
_MOST, _AT_ONCE = 3000, 256
_HOP_S, _FRAME_S = 0.01, 0.046
#: What a step aside costs at least: what is steady is as alike at any moment, and rounding alone shall not lead there.
_ASIDE = 1e-3
#: What it costs to be as far from a steady pace as can be: what is steady, or silent, is played at one.
_ASTRAY = 1e-2
#: Alike moments may miss each other by so much, and one in twenty, which may be of silence, by more.
_MISSED_S = 0.25


def in_step(
    a: Samples, b: Samples, rate: int, points: Curve
) -> tuple[Callable[[], Iterator[np.ndarray]], Callable[[], Iterator[np.ndarray]], int]:
    """Warp two sounds to one time between theirs, alike moments together.

    Args:
        a: audio (C, T), of which parts are taken.
        b: audio (C, T2).
        rate: Hz, of both.
        points: amounts along time, as `check_amount` gives them.

    Returns:
        What yields the blocks (C, n) of each, played anew each time it is called, and the length of both in samples.

    Raises:
        ParameterError: they are too different.

    >>> y = np.ones((1, 8000), np.float32)
    >>> first, _, length = in_step(y, y, 8000, [(0.0, 0.5), (1.0, 0.5)])
    >>> length, bool(np.array_equal(np.concatenate(list(first()), axis=1), y))
    (8000, True)
    """
    from audiokit.dsp.rhythm.playing import play, samples_of
    from audiokit.dsp.rhythm.warp import TimeMap, plan_stretches

    hop = max(1, round(_HOP_S * rate))
    step = hop / rate
    heard = partial(_timbre, a, rate, hop), partial(_timbre, b, rate, hop)
    rows, columns = path_between(*heard, 1 + a.shape[1] // hop, 1 + b.shape[1] // hop)
    x = curve_values(points, len(rows))
    time = np.maximum.accumulate((1 - x) * rows + x * columns)
    length = between_lengths(points, a.shape[1], b.shape[1])

    def warped(y: Samples, place: np.ndarray) -> Callable[[], Iterator[np.ndarray]]:
        ends = y.shape[1] / rate, length / rate
        bent = _within_reach(place * step, time * step, *ends)
        missed_s = float(np.quantile(np.abs(bent - place * step), 0.95))
        try:
            if missed_s > _MISSED_S:
                raise ParameterError(f"alike moments would stay {missed_s:.1f} s apart, or be stretched too far")
            plan = plan_stretches(TimeMap(*_rising(bent, time * step, *ends)), rate, length)
        except ParameterError as error:
            raise ParameterError(
                f"the clips are too different to be aligned: {error}", hint="leave out --align, or trim their silence"
            ) from None
        return lambda: (piece for piece, _ in play(partial(samples_of, y), rate, plan))

    return warped(a, rows), warped(b, columns), length


def between_lengths(points: Curve, first: int, second: int) -> int:
    """Samples of two aligned sounds of so many: between theirs, as the last amount says.

    >>> between_lengths([(0.0, 0.0), (1.0, 0.25)], 100, 200)
    125
    """
    end = points[-1][1]
    return round((1 - end) * first + end * second)


def _within_reach(source_s: np.ndarray, target_s: np.ndarray, end_s: float, target_end_s: float) -> np.ndarray:
    """Bend a path (P,) to one that is nowhere steeper or flatter than sounds can be stretched, from start to end.

    Halfway between the highest such path below it and the lowest above it, no moment is missed by more than has to be.

    >>> _within_reach(np.array([0.0, 0.0, 4.0, 6.0]), np.array([0.0, 2.0, 4.0, 6.0]), 6.0, 6.0).round(2).tolist()
    [0.0, 0.81, 4.0, 6.0]
    """
    from audiokit.dsp.rhythm.warp import FASTEST

    slow, fast = 1.01 / FASTEST * target_s, 0.99 * FASTEST * target_s

    def before(reduce: np.ufunc, line: np.ndarray) -> np.ndarray:
        return line + reduce.accumulate(source_s - line)

    def after(reduce: np.ufunc, line: np.ndarray) -> np.ndarray:
        return line + reduce.accumulate((source_s - line)[::-1])[::-1]

    below = np.minimum(before(np.minimum, fast), after(np.minimum, slow))
    above = np.maximum(before(np.maximum, slow), after(np.maximum, fast))
    left_s = target_end_s - target_s
    least = np.maximum(slow, end_s - 0.99 * FASTEST * left_s)
    most = np.minimum(fast, end_s - 1.01 / FASTEST * left_s)
    return np.clip((below + above) / 2, least, most)


def _rising(
    source_s: np.ndarray, target_s: np.ndarray, end_s: float, target_end_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Thin a path out to knots that rise on both sides by 60 ms or more, from start to end."""
    knots = [(0.0, 0.0)]
    for s, t in zip(source_s, target_s, strict=True):
        if s - knots[-1][0] >= 0.06 and t - knots[-1][1] >= 0.06 and s < end_s - 0.03 and t < target_end_s - 0.03:
            knots.append((float(s), float(t)))
    knots.append((end_s, target_end_s))
    pairs = np.array(knots)
    return pairs[:, 0], pairs[:, 1]


def _timbre(y: Samples, rate: int, hop: int, frames: np.ndarray) -> np.ndarray:
    """Mel power (n, 40) of some of the frames that lie `hop` samples apart, for finding alike moments."""
    from audiokit.dsp.rhythm.playing import samples_of
    from audiokit.dsp.spectrum.mel import mel_filterbank
    from audiokit.dsp.spectrum.stft import stft

    n_fft = 1 << max(6, round(math.log2(rate * _FRAME_S)))
    filters = mel_filterbank(rate, n_fft, n_mels=40)
    found = []
    for k in range(0, len(frames), _AT_ONCE):
        starts = frames[k : k + _AT_ONCE] * hop - n_fft // 2
        parts = np.stack([samples_of(y, start, start + n_fft).mean(axis=0) for start in starts.tolist()])
        spectrum = np.abs(stft(parts, n_fft=n_fft, hop=n_fft, center=False))[:, :, 0]
        found.append((filters @ spectrum.T**2).T)
    return np.concatenate(found)


def warping_path(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pair alike frames of two power spectrograms (N, F), (M, F) by dynamic time warping: (rows, columns), rising.

    >>> ramp = np.repeat(np.eye(4), 3, axis=0)
    >>> rows, columns = warping_path(ramp, ramp[::1])
    >>> bool(np.abs(rows - columns).max() <= 1)
    True
    """
    return path_between(a.__getitem__, b.__getitem__, len(a), len(b))


def path_between(a: Spectra, b: Spectra, count: int, other: int) -> tuple[np.ndarray, np.ndarray]:
    """Pair alike frames of two sounds by dynamic time warping.

    Timbre (log spectrum without its level) and the level's rises count; long sounds are compared in coarser steps.

    Args:
        a, b: give the power spectra of frames at even distances.
        count, other: how many frames each has.

    Returns:
        Frames of a and of b that belong together (P,), rising.

    References:
        Sakoe and Chiba (1978), Dynamic programming algorithm optimization for spoken word recognition.

    >>> frames = np.repeat(np.eye(3), 2, axis=0)
    >>> [places.tolist() for places in path_between(frames.__getitem__, frames[::2].__getitem__, 6, 3)]
    [[0, 1, 2, 3, 4, 5], [0, 0, 1, 1, 2, 2]]
    """
    stride = max(1, math.ceil(max(count, other) / _MOST))
    first, second = (_features(y(np.arange(0, n, stride))) for y, n in ((a, count), (b, other)))
    rows, columns = np.array(_cheapest(_distances(first, second))).T
    return rows * stride, columns * stride


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How far each row of one (N, D) lies from each of the other (M, D), in single precision."""
    first, second = (features.astype(np.float64) for features in (first, second))  # what cancels out leaves 1e-3 else
    squares = (first**2).sum(1), (second**2).sum(1)
    apart = np.empty((len(first), len(second)), np.float32)
    for k in range(0, len(apart), _AT_ONCE):  # the whole is large enough to be held once only
        rows = squares[0][k : k + _AT_ONCE, None] + squares[1] - 2 * first[k : k + _AT_ONCE] @ second.T
        apart[k : k + _AT_ONCE] = np.sqrt(np.maximum(rows, 0.0))
    return apart


def _cheapest(cost: np.ndarray) -> list[tuple[int, int]]:
    """The cells from the first to the last corner of costs (N, M) whose sum is least; steps aside cost more."""
    count, other = cost.shape
    passed, gone = (np.arange(n) / max(1, n - 1) for n in cost.shape)
    came = np.zeros(cost.shape, np.uint8)  # from the cell before in both, in rows, in columns
    before, last = (np.full(count + 1, np.inf) for _ in range(2))
    before[0] = 0.0
    for diagonal in range(count + other - 1):  # cells of one anti-diagonal do not depend on each other
        i = np.arange(max(0, diagonal - other + 1), min(count, diagonal + 1))
        j = diagonal - i
        both, row, column = before[i], last[i], last[i + 1]
        own = cost[i, j] + _ASTRAY * np.abs(passed[i] - gone[j])
        aside = np.minimum(row, column) + 0.3 * own + _ASIDE
        came[i, j] = np.where(both <= aside, 0, np.where(row <= column, 1, 2))
        before, last = last, np.full(count + 1, np.inf)
        last[i + 1] = own + np.minimum(both, aside)
    path = [(count - 1, other - 1)]
    steps = ((1, 1), (1, 0), (0, 1))
    while path[-1] != (0, 0):
        i, j = path[-1]
        down, right = steps[came[i, j]]
        path.append((i - down, j - right))
    return path[::-1]


def _features(power: np.ndarray) -> np.ndarray:
    """Describe frames (N, F) by shape, level and onsets."""
    bands = np.array_split(np.maximum(power, power.max(initial=0.0) * 1e-6 + 1e-20), min(24, power.shape[1]), axis=1)
    logs = np.log(np.stack([band.mean(axis=1) for band in bands], axis=1))
    level = logs.mean(axis=1, keepdims=True)
    rise = np.maximum(0.0, np.diff(level, axis=0, prepend=level[:1]))
    shape = (logs - level) / max(1e-6, float((logs - level).std()))
    spread = max(1e-6, float(level.std()))
    return np.concatenate(
        [shape / math.sqrt(shape.shape[1]), 0.7 * (level - level.mean()) / spread, 2 * rise / spread], 1
    )
