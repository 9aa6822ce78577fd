"""Bring alike moments of two sounds together (dynamic time warping), however long they are."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from audiokit.dsp.effects.curve import Curve, curve_values
from audiokit.dsp.effects.warping import path_between, steady
from audiokit.dsp.spectrum.samples import Samples
from audiokit.errors import ParameterError

_HOP_S, _FRAME_S = 0.01, 0.046
#: Alike moments may miss each other by so much, and one in twenty of what is heard by more.
_MISSED_S = 0.25
#: Music at a steady pace is played in parts no longer than this, to hold little of it.
_LONGEST_S = 15.0


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
    path = steady(*path_between(*heard, 1 + a.shape[1] // hop, 1 + b.shape[1] // hop))
    # Both end together, also where the last frame is not the last sample.
    ends = a.shape[1] / rate, b.shape[1] / rate
    places = [np.append(side * (hop / rate), end) for side, end in zip(path, ends, strict=True)]
    time_s = between(places[0], places[1], points)
    _check(places, [_loudness(y, hop) for y in (a, b)], hop / rate, time_s, points)
    length = round(float(time_s[-1]) * rate)

    def warped(y: Samples, place: np.ndarray) -> Callable[[], Iterator[np.ndarray]]:
        bent = _within_reach(place, time_s)
        knots = TimeMap(*_rising(bent, time_s, y.shape[1] / rate, length / rate))
        plan = plan_stretches(knots, rate, length, longest_s=_LONGEST_S)
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
    """Mel power (n, 40) of frames that follow each other `hop` samples apart, for finding alike moments."""
    from audiokit.dsp.rhythm.playing import samples_of
    from audiokit.dsp.spectrum.mel import mel_filterbank
    from audiokit.dsp.spectrum.stft import stft

    n_fft = 1 << max(6, round(math.log2(rate * _FRAME_S)))
    start, stop = frames[[0, -1]] * hop + [-(n_fft // 2), n_fft - n_fft // 2]
    edges = [*range(int(start), int(stop), n_fft), int(stop)]
    mono = np.concatenate([samples_of(y, first, last).mean(axis=0) for first, last in pairwise(edges)])
    spectrum = np.abs(stft(mono[None], n_fft=n_fft, hop=hop, center=False))[0]
    return (mel_filterbank(rate, n_fft, n_mels=40) @ spectrum**2).T
