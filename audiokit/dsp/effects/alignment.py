"""Bring alike moments of two sounds together (dynamic time warping), however long they are."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
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
#: Alike moments may miss each other by so much, and one in twenty of what is heard by more.
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
        ParameterError: they are too different, or become so with these amounts.

    >>> y = np.ones((1, 8000), np.float32)
    >>> first, _, length = in_step(y, y, 8000, [(0.0, 0.5), (1.0, 0.5)])
    >>> length, bool(np.array_equal(np.concatenate(list(first()), axis=1), y))
    (8000, True)
    """
    from audiokit.dsp.rhythm.playing import play, samples_of
    from audiokit.dsp.rhythm.warp import TimeMap, plan_stretches

    hop = max(1, round(_HOP_S * rate))
    heard = partial(_timbre, a, rate, hop), partial(_timbre, b, rate, hop)
    path = path_between(*heard, 1 + a.shape[1] // hop, 1 + b.shape[1] // hop)
    # Both end together, also where the last frame is not the last sample.
    ends = a.shape[1] / rate, b.shape[1] / rate
    places = [np.append(side * (hop / rate), end) for side, end in zip(path, ends, strict=True)]
    time_s = between(places[0], places[1], points)
    _check(places, [_loudness(y, hop) for y in (a, b)], hop / rate, time_s, points)
    length = round(float(time_s[-1]) * rate)

    def warped(y: Samples, place: np.ndarray) -> Callable[[], Iterator[np.ndarray]]:
        bent = _within_reach(place, time_s)
        plan = plan_stretches(TimeMap(*_rising(bent, time_s, y.shape[1] / rate, length / rate)), rate, length)
        return lambda: (piece for piece, _ in play(partial(samples_of, y), rate, plan))

    return warped(a, places[0]), warped(b, places[1]), length


def between(first_s: np.ndarray, second_s: np.ndarray, points: Curve) -> np.ndarray:
    """Find when moments of two aligned sounds are heard in what lies between them.

    Time goes by as fast as the amount of each moment says, so nothing of either sound is left out. Amounts stand at
    shares of the result, whose length follows from them: with the same amount everywhere it is that far between both.

    Args:
        first_s, second_s: times in both sounds that belong together (P,), rising, from their starts to their ends.
        points: amounts along time, as `check_amount` gives them.

    Returns:
        Times in the result (P,), rising; the last is its length in seconds.

    >>> first_s = np.linspace(0, 9, 901)
    >>> between(first_s, first_s / 3, [(0.0, 0.25), (1.0, 0.25)])[-1].item()
    7.5
    >>> round(between(first_s, first_s / 3, [(0.0, 0.0), (0.5, 0.0), (0.500001, 1.0), (1.0, 1.0)])[-1].item(), 2)
    4.5
    """
    if len({amount for _, amount in points}) == 1:
        return (1 - points[0][1]) * first_s + points[0][1] * second_s
    places, amounts = zip(*points, strict=True)
    steps = list(zip(np.diff(first_s).tolist(), np.diff(second_s).tolist(), strict=True))

    def times(length_s: float) -> list[float]:
        time, step, found = 0.0, 0.0, [0.0]
        for first, second in steps:
            x = _amount_at((time + step / 2) / length_s, places, amounts)
            step = (1 - x) * first + x * second
            time += step
            found.append(time)
        return found

    # The longer the result is said to be, the later its amounts are reached along the path: both are equal only once.
    short, long = 0.0, float(first_s[-1] + second_s[-1])
    while long - short > 1e-7:
        middle = (short + long) / 2
        if times(middle)[-1] > middle:
            short = middle
        else:
            long = middle
    return np.array(times(long))


def _amount_at(share: float, places: Sequence[float], amounts: Sequence[float]) -> float:
    """A curve at one share of its length: `np.interp` takes ten times as long for a single one."""
    k = bisect_right(places, share)
    if k in (0, len(places)):
        return amounts[min(k, len(places) - 1)]
    passed = (share - places[k - 1]) / (places[k] - places[k - 1])
    return amounts[k - 1] + passed * (amounts[k] - amounts[k - 1])


def _check(
    places: Sequence[np.ndarray], loud: Sequence[np.ndarray], step: float, time_s: np.ndarray, points: Curve
) -> None:
    """Refuse what would miss too much of what is heard, and say whether the amounts are why."""
    fault = _fault(places, loud, step, time_s, points)
    if fault is None:
        return
    half = [(0.0, 0.5), (1.0, 0.5)]
    if _fault(places, loud, step, between(places[0], places[1], half), half) is None:
        raise ParameterError(
            f"the clips cannot be aligned with this amount or curve: {fault}",
            hint="choose amounts nearer to 0.5, of which a curve may have fewer turns; or leave out --align",
        )
    raise ParameterError(
        f"the clips are too different to be aligned: {fault}", hint="leave out --align, or trim their silence"
    )


def _fault(
    places: Sequence[np.ndarray], loud: Sequence[np.ndarray], step: float, time_s: np.ndarray, points: Curve
) -> str | None:
    """What speaks against playing two sounds (P,) along a time (P,), if more than one moment in twenty is missed.

    A moment counts by how loud its sound is there and by its share of the morph; what is silent may be missed.
    """
    from audiokit.dsp.rhythm.warp import FASTEST

    x = curve_values(points, len(time_s), time_s / time_s[-1] * (len(time_s) - 1))
    lasting = np.gradient(time_s)
    missed, weight = [], []
    for called, place, level, share in zip(("first", "second"), places, loud, (1 - x, x), strict=True):
        speed = float(place[-1] / time_s[-1])
        if not 1 / FASTEST <= speed <= FASTEST:
            return f"the {called} would be played {speed:.3g} times as fast, outside {1 / FASTEST:g} to {FASTEST:g}"
        bent = _within_reach(place, time_s)
        frames = np.arange(len(level)) * step
        wanted, heard = (np.interp(at, frames, level) for at in (place, bent))
        missed.append(np.abs(bent - place))
        weight.append(share * lasting * np.maximum(wanted, heard))
    apart, weights = np.concatenate(missed), np.concatenate(weight)
    order = np.argsort(apart, kind="stable")
    passed = np.cumsum(weights[order])
    typical_s = float(apart[order][np.searchsorted(passed, 0.95 * passed[-1])])
    return f"alike moments would stay {typical_s:.1f} s apart" if typical_s > _MISSED_S else None


def _loudness(y: Samples, hop: int) -> np.ndarray:
    """How loud each step of a sound is (N,): the power's 0.3rd power (Stevens)."""
    from audiokit.dsp.rhythm.playing import samples_of

    parts = (samples_of(y, start, start + hop) for start in range(0, y.shape[1] + 1, hop))
    return np.array([float(np.mean(part.astype(np.float64) ** 2)) for part in parts]) ** 0.3


def _within_reach(source_s: np.ndarray, target_s: np.ndarray) -> np.ndarray:
    """Bend a path (P,) to one that is nowhere steeper or flatter than sounds can be stretched, from start to end.

    Halfway between the highest such path below it and the lowest above it, no moment is missed by more than has to be.

    >>> _within_reach(np.array([0.0, 0.0, 4.0, 6.0]), np.array([0.0, 2.0, 4.0, 6.0])).round(2).tolist()
    [0.0, 0.81, 4.0, 6.0]
    """
    from audiokit.dsp.rhythm.warp import FASTEST

    # What is left of the limits may be less than a line from end to end needs.
    whole = source_s[-1] / max(target_s[-1], 1e-9)
    slowest, fastest = min(1.01 / FASTEST, whole), max(0.99 * FASTEST, whole)
    slow, fast = slowest * target_s, fastest * target_s

    def before(reduce: np.ufunc, line: np.ndarray) -> np.ndarray:
        return line + reduce.accumulate(source_s - line)

    def after(reduce: np.ufunc, line: np.ndarray) -> np.ndarray:
        return line + reduce.accumulate((source_s - line)[::-1])[::-1]

    below = np.minimum(before(np.minimum, fast), after(np.minimum, slow))
    above = np.maximum(before(np.maximum, slow), after(np.maximum, fast))
    left_s = target_s[-1] - target_s
    least = np.maximum(slow, source_s[-1] - fastest * left_s)
    most = np.minimum(fast, source_s[-1] - slowest * left_s)
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
