"""Warp time without changing pitch: beats of one track onto beats of another.

A time map is drawn through pairs of beats. It is simplified to stretches of constant speed (steady music needs one
or two), each is rendered by Signalsmith Stretch with some context, and the stretches are joined just before a beat
where the waveforms agree best, so that neither attacks nor tones break.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np

from audiokit.dsp.rhythm.beats import Beats
from audiokit.dsp.rhythm.playing import Stretch, play, samples_of
from audiokit.dsp.spectrum.samples import Samples
from audiokit.errors import ParameterError

#: Stretch factors (input seconds per output second) above this, or below its inverse, are refused.
FASTEST = 2.5
# What is at the limits may be rounded beyond them.
_ROUNDING = 1e-6
# The simplified map may miss a beat by this much.
_TOLERANCE_S = 0.0015
# Joins end this long before the beat they belong to.
_BEFORE_BEAT_S = 0.006
# A stretch is at least, and at most, so long.
_SHORTEST_S, _LONGEST_S = 0.1, 60.0
# Steadier than this is the same speed, and samples are copied.
_SAME = 2e-6


@dataclass(frozen=True)
class TimeMap:
    """Pairs of times that belong together, joined by straight lines, continued at both ends.

    Attributes:
        source_s: times in the track, rising (K,), K >= 2.
        target_s: where they go, rising (K,).
    """

    source_s: np.ndarray
    target_s: np.ndarray

    def to_target(self, source_s: np.ndarray | float) -> np.ndarray:
        """Where times of the track go.

        >>> TimeMap(np.array([0.0, 1.0]), np.array([1.0, 3.0])).to_target(2.0).item()
        5.0
        """
        return _interpolate(np.asarray(source_s, np.float64), self.source_s, self.target_s)

    def to_source(self, target_s: np.ndarray | float) -> np.ndarray:
        """Which time of the track is heard at times of the output."""
        return _interpolate(np.asarray(target_s, np.float64), self.target_s, self.source_s)

    @property
    def speeds(self) -> np.ndarray:
        """Input seconds per output second between the pairs (K - 1,)."""
        return np.diff(self.source_s) / np.diff(self.target_s)


def _interpolate(x: np.ndarray, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    # Beyond the ends, the speed of the nearest beats goes on; several of them, so that one jittery beat counts little.
    k = min(8, len(xs) - 1)
    first, last = (ys[k] - ys[0]) / (xs[k] - xs[0]), (ys[-1] - ys[-1 - k]) / (xs[-1] - xs[-1 - k])
    inside = np.interp(x, xs, ys)
    return np.where(x < xs[0], ys[0] + (x - xs[0]) * first, np.where(x > xs[-1], ys[-1] + (x - xs[-1]) * last, inside))


def resolve_level(source_bpm: float, target_bpm: float) -> float:
    """How many beats of the target go by in one of the source: 1/2, 1 or 2, whatever needs the least stretching.

    >>> resolve_level(170.0, 84.0), resolve_level(100.0, 120.0)
    (0.5, 1.0)
    """
    return min((0.5, 1.0, 2.0), key=lambda level: abs(np.log(target_bpm / (source_bpm * level))))


def at_level(beats: Beats, level: float) -> Beats:
    """Count beats twice as fast (level 2) or half as fast (0.5), keeping the downbeats' places.

    >>> half = at_level(Beats(np.arange(8.0), np.array([1, 5]), 60.0, 1.0), 0.5)
    >>> half.times_s.tolist(), half.downbeats.tolist()
    ([1.0, 3.0, 5.0, 7.0], [0, 2])
    """
    if level == 1 or len(beats.times_s) < 3:
        return beats
    first = int(beats.downbeats[0]) if len(beats.downbeats) else 0
    if level == 0.5:
        times = beats.times_s[first % 2 :: 2]
        start, per_bar = first // 2, max(2, beats.beats_per_bar // 2)
        if beats.beats_per_bar % 2:
            per_bar = beats.beats_per_bar
    else:
        n = len(beats.times_s)
        times = np.interp(np.arange(2 * n - 1) / 2, np.arange(n), beats.times_s)
        start, per_bar = 2 * first, 2 * beats.beats_per_bar
    return Beats(times, np.arange(start, len(times), per_bar), beats.tempo_bpm * level, beats.confidence, per_bar)


def steady_grid(bpm: float, like: Beats) -> Beats:
    """Make a metronome's grid at a tempo that begins where the first beat of a track falls at that tempo.

    >>> steady_grid(120.0, Beats(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0]), 60.0, 1.0)).times_s.tolist()
    [0.5, 1.0, 1.5, 2.0]
    """
    if not 20 <= bpm <= 400:
        raise ParameterError(f"a tempo of {bpm:g} BPM is outside 20 to 400")
    period = float(np.median(np.diff(like.times_s))) if len(like.times_s) > 1 else 60 / bpm
    first = like.times_s[0] * (60 / bpm) / period if len(like.times_s) else 0.0
    times = first + np.arange(max(2, len(like.times_s))) * 60 / bpm
    return replace(like, times_s=times, tempo_bpm=float(bpm))


def map_beats(source: Beats, target: Beats, *, keep_start: bool = False) -> TimeMap:
    """Pair the beats of a track with the beats of another, first downbeat to first downbeat.

    Args:
        source: beats of the track, already at the level of the target (`at_level`).
        target: beats to reach; continued at its own last tempo where it is too short.
        keep_start: use a later downbeat of the target, so that all that comes before the first downbeat of the
            track still falls after the start.

    Returns:
        The time map.

    Raises:
        ParameterError: one of them has fewer than two beats.

    >>> source = Beats(np.arange(1, 9) * 0.6, np.array([0, 4]), 100.0, 1.0)
    >>> target = Beats(np.arange(8) * 0.5, np.array([1, 5]), 120.0, 1.0)
    >>> map_beats(source, target).to_target(0.6).item()
    0.5
    """
    for name, beats in (("the track", source), ("the reference", target)):
        if len(beats.times_s) < 2:
            raise ParameterError(
                f"{name} has no beats to align", hint="detect them on the mix with --beats-from, or give --beats"
            )
    i = int(source.downbeats[0]) if len(source.downbeats) else 0
    j = int(target.downbeats[0]) if len(target.downbeats) else 0
    while True:
        indices = np.arange(len(source.times_s)) - i + j
        mapped = _beat_time(target, indices)
        result = TimeMap(source.times_s, mapped)
        if not keep_start or result.to_target(0.0) >= 0:
            return result
        j += target.beats_per_bar


def _beat_time(beats: Beats, index: np.ndarray) -> np.ndarray:
    """Times of beats by index, also before the first and after the last."""
    known = np.arange(len(beats.times_s), dtype=np.float64)
    return _interpolate(index.astype(np.float64), known, beats.times_s)


def plan_stretches(time_map: TimeMap, rate: int, length: int, *, longest_s: float = _LONGEST_S) -> list[Stretch]:
    """Simplify a time map to stretches of constant speed, with joins just before beats.

    Args:
        time_map: the map.
        rate: sample rate in Hz.
        length: samples of output wanted.
        longest_s: what is held of the output at once, in seconds.

    Returns:
        Stretches that cover 0..length.

    Raises:
        ParameterError: the map asks for more.
    """
    knots = _simplify(_reaching(time_map, length / rate))
    speeds = knots.speeds
    if len(speeds) and not (speeds.min() >= (1 - _ROUNDING) / FASTEST and speeds.max() <= (1 + _ROUNDING) * FASTEST):
        worst = float(speeds[np.argmax(np.abs(np.log(speeds)))])
        raise ParameterError(
            f"the tempo would change {worst:.2f} times, outside {1 / FASTEST:g} to {FASTEST:g}",
            hint="check the beats (--beats-out, --picture), or give the tempo of the track with --track-bpm",
        )
    joins = knots.target_s[1:-1] - _BEFORE_BEAT_S
    edges, shortest = [0], int(rate * _SHORTEST_S)
    for join in np.round(joins * rate).astype(int):
        if edges[-1] + shortest < join < length - shortest:
            edges.append(int(join))
    edges = _split_long([*edges, length], round(longest_s * rate), time_map, rate)
    plan: list[Stretch] = []
    for start, stop in pairwise(edges):
        middle = 0.5 * (start + stop) / rate
        cell = int(np.clip(np.searchsorted(knots.target_s, middle), 1, len(knots.target_s) - 1))
        speed = float(speeds[cell - 1])
        if abs(speed - 1) < _SAME * 50:
            speed = 1.0
        knot = cell - 1 if knots.target_s[cell - 1] >= start / rate - 0.1 else cell
        heard = knots.source_s[knot] + (start / rate - knots.target_s[knot]) * speed
        plan.append(Stretch(start, stop, float(heard) * rate, speed))
    return plan


def _reaching(time_map: TimeMap, end_s: float) -> TimeMap:
    """The map with its ends drawn out to the whole of the output."""
    x, y = list(time_map.target_s), list(time_map.source_s)
    if x[0] > 1e-3:
        x, y = [0.0, *x], [float(time_map.to_source(0.0)), *y]
    if x[-1] < end_s - 1e-3:
        x, y = [*x, end_s], [*y, float(time_map.to_source(end_s))]
    return TimeMap(np.array(y), np.array(x))


def _simplify(time_map: TimeMap) -> TimeMap:
    """Keep as few pairs as keep every beat within the tolerance."""
    x, y = time_map.target_s, time_map.source_s
    kept, start = [0], 0
    while start < len(x) - 1:
        low, high, stop = -np.inf, np.inf, start + 1
        for k in range(start + 1, len(x)):
            slope = (y[k] - y[start]) / (x[k] - x[start])
            if not low <= slope <= high:
                break
            stop = k
            low = max(low, (y[k] - _TOLERANCE_S - y[start]) / (x[k] - x[start]))
            high = min(high, (y[k] + _TOLERANCE_S - y[start]) / (x[k] - x[start]))
        kept.append(stop)
        start = stop
    return TimeMap(y[kept], x[kept])


def _split_long(edges: list[int], longest: int, time_map: TimeMap, rate: int) -> list[int]:
    """Cut stretches that would need much memory, before a beat where there is one."""
    beats = np.round((time_map.target_s - _BEFORE_BEAT_S) * rate).astype(int)
    out = [edges[0]]
    for stop in edges[1:]:
        while stop - out[-1] > longest:
            wanted = out[-1] + longest * 3 // 4
            near = beats[np.abs(beats - wanted) < longest // 5]
            out.append(int(near[np.argmin(np.abs(near - wanted))]) if len(near) else wanted)
        out.append(stop)
    return out


def place_joins(plan: Sequence[Stretch], rate: int, guide: Samples, *, semitones: float = 0.0) -> list[Stretch]:
    """Move each stretch by up to a millisecond so that the waveform of a guide goes on smoothly.

    Stems that belong together are rendered along a plan placed on their sum, and so stay in step to the sample.

    Args:
        plan: what `plan_stretches` made.
        rate: sample rate in Hz.
        guide: audio (C, T).
        semitones: pitch change that will be rendered.

    Returns:
        The plan with its shifts.
    """

    def take(start: int, stop: int) -> np.ndarray:
        return samples_of(guide, start, stop).mean(axis=0, keepdims=True)

    return [stretch for _, stretch in play(take, rate, plan, semitones)]


def render_stretches(y: np.ndarray, rate: int, plan: Sequence[Stretch], *, semitones: float = 0.0) -> np.ndarray:
    """Play audio along a plan, pitch kept (or moved by semitones).

    Args:
        y: audio (C, T), float32.
        rate: sample rate in Hz.
        plan: what `plan_stretches` made, or `place_joins`.
        semitones: pitch change.

    Returns:
        Audio (C, end of the plan), float32; silence where the track has not begun or is over.

    References:
        Signalsmith Stretch (MIT), through python-stretch.

    >>> y = np.ones((2, 8000), np.float32)
    >>> plan = plan_stretches(TimeMap(np.array([0.0, 1.0]), np.array([0.0, 1.0])), 8000, 8000)
    >>> bool(np.array_equal(render_stretches(y, 8000, plan), y))
    True
    """
    return _played(y, rate, plan, semitones, place=False)


def warp(
    y: np.ndarray,
    rate: int,
    time_map: TimeMap,
    *,
    length: int,
    semitones: float = 0.0,
) -> np.ndarray:
    """Warp audio (C, T) along a time map to `length` samples, pitch kept (or moved by semitones).

    >>> t = np.arange(16000) / 8000
    >>> tone = np.sin(2 * np.pi * 440 * t).astype(np.float32)[None]
    >>> warp(tone, 8000, TimeMap(np.array([0.0, 2.0]), np.array([0.0, 2.5])), length=20000).shape
    (1, 20000)
    """
    plan = plan_stretches(time_map, rate, length)
    return _played(y, rate, plan, semitones, place=True)


def _played(y: np.ndarray, rate: int, plan: Sequence[Stretch], semitones: float, *, place: bool) -> np.ndarray:
    out, at = np.zeros((y.shape[0], plan[-1].stop if plan else 0), np.float32), 0
    for piece, _ in play(partial(samples_of, y), rate, plan, semitones, place=place):
        out[:, at : at + piece.shape[1]] = piece
        at += piece.shape[1]
    return out
