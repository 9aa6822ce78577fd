"""Groove: where the off-beats of music lie between its beats, and how time is bent to put them elsewhere.

In swing the second of two eighths comes late: at two thirds of the beat instead of a half. Beats keep their places; the
first part of every beat is stretched and the second compressed. Attacks are copied as they are, and only what
follows them is stretched, so that drums stay tight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from audiokit.dsp.rhythm.beats import Beats, refine
from audiokit.dsp.rhythm.harmony import Harmony
from audiokit.dsp.rhythm.metre import bar_phase
from audiokit.dsp.rhythm.onsets import OnsetCurves, attack_candidates, onset_curves
from audiokit.dsp.rhythm.warp import TimeMap, at_level
from audiokit.errors import ParameterError

#: Where off-beats are looked for, as a share of the beat: from a little rushed to a dotted eighth.
EARLIEST, LATEST = 0.42, 0.78
# Straight eighths are believed where this share of the strongest off-beat lies near the half: sixteenths may be louder.
_STRAIGHT = 0.5
_NEAR_HALF = 0.05
# Middles of the cells into which a beat is cut; an odd count, so that one lies on the half.
_CELLS = (np.arange(65) + 0.5) / 65
# Faster beats with so much less between them than on them are the eighths of a song at half the tempo, and so is what
# would be too fast to be swung.
_FAST_BPM, _EMPTY, _TOO_FAST_BPM = 130.0, 0.15, 190.0
# Off-beats follow their own course over so many beats on either side.
_BESIDE = 4
# An attack is the off-beat if it is no farther from its place than this share of a beat, and rises by this much.
_REACH, _RISE = 0.07, 0.6
# Of several attacks, those that lie farther from where most off-beats are lose their say.
_LOOSE_S = 0.012
# A lone off-beat at a third of the beat is a beat, and what was taken for beats are the off-beats before it; slow beats
# with swing in either half are two beats each. It is alone if so much of it is nowhere else between the beats.
_THIRD, _TWO_THIRDS = (0.26, 0.40), (0.60, 0.74)
_ALONE, _SLOW_BPM = 0.5, 75.0
#: So much of an attack is copied, not stretched, and so much before it, where a stretcher would let it be heard early;
#: less where a half-beat is short.
ATTACK_S, LEAD_S = 0.07, 0.012
# Of the shorter half of a beat, at most this share is copied; halves become at most so many times longer or shorter.
_COPIED, _MOST = 0.45, 2.2


@dataclass(frozen=True)
class Groove:
    """Where the off-beats lie.

    Attributes:
        beats: the beat grid.
        share: place of the off-beat after each beat but the last, as a share of the beat (B - 1,).
        swing: the place over the whole recording: 0.5 straight, 2/3 triplets.
        marked: share of the beats whose off-beat has an attack of its own.
        levels_db: how loud each beat and its off-beat are (B - 1, 2), NaN where nothing begins, if that was measured.
    """

    beats: Beats
    share: np.ndarray
    swing: float
    marked: float
    levels_db: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))

    @property
    def by_position(self) -> np.ndarray:
        """Median place after each beat of the bar (beats_per_bar,)."""
        places = self.beats.positions[:-1]
        return np.array(
            [
                np.median(self.share[places == k]) if np.any(places == k) else self.swing
                for k in range(1, self.beats.beats_per_bar + 1)
            ]
        )


def find_groove(y: np.ndarray, rate: int, beats: Beats, *, known: bool = False) -> Groove:
    """Find where the off-beats of music lie.

    The onset curve is laid over itself beat by beat; its strongest place between the beats, or the half where that is
    strong too, is refined by the attacks around it, and follows slow changes. Where next to nothing begins between
    fast beats, or they are too fast to be swung, they are taken for eighths.

    Args:
        y: audio (C, T), float32.
        rate: sample rate in Hz.
        beats: its beats, at least two.
        known: the tempo of the beats is certain; otherwise they may be taken for eighths of half that tempo.

    Returns:
        The groove; straight where nothing sounds between the beats.

    Raises:
        ParameterError: fewer than two beats.

    >>> clicks = np.zeros((1, 10 * 8000), np.float32)
    >>> for k in range(18):
    ...     clicks[0, 4000 + k * 4000 : 4040 + k * 4000] = 0.9
    ...     clicks[0, 6640 + k * 4000 : 6680 + k * 4000] = 0.5
    >>> grid = Beats(0.5 + np.arange(18) * 0.5, np.arange(0, 18, 4), 120.0, 1.0)
    >>> round(find_groove(clicks, 8000, grid).swing, 2)
    0.66
    """
    if len(beats.times_s) < 2:
        raise ParameterError("a groove needs at least two beats")
    curves = onset_curves(y, rate)
    tracked = beats
    beats, moved = _counted(curves, beats, known)
    if moved:
        beats = replace(beats, times_s=refine(y, rate, beats.times_s))
    if beats is not tracked:
        count, phase = bar_phase(beats.times_s, curves, Harmony.of(y, rate))
        beats = replace(beats, downbeats=np.arange(phase, len(beats.times_s), count), beats_per_bar=count)
    place = _common_place(curves, beats)[0]
    periods = np.diff(beats.times_s)
    reach = float(_REACH * np.median(periods))
    times, rises = attack_candidates(y, rate, beats.times_s[:-1] + place * periods, reach_s=reach)
    shares = (times - beats.times_s[:-1, None]) / periods[:, None]
    near = rises * (1 - 0.5 * np.abs(shares - place) * periods[:, None] / reach)
    first = _chosen(shares, rises, near)
    if not np.isfinite(first).any():
        return Groove(beats, np.full(len(periods), place), place, 0.0)
    away_s = (shares - np.nanmedian(first)) * periods[:, None]
    shares = _chosen(shares, rises, rises / (1 + (away_s / _LOOSE_S) ** 2))
    found = np.isfinite(shares)
    swing = float(np.nanmedian(shares))
    smooth = np.full(len(shares), swing)
    for k in range(len(shares)):
        around = shares[max(0, k - _BESIDE) : k + _BESIDE + 1]
        if np.isfinite(around).sum() > _BESIDE // 2:
            smooth[k] = np.nanmedian(around)
    return Groove(beats, np.clip(smooth, EARLIEST - 0.05, LATEST + 0.05), swing, float(found.mean()))


def _chosen(shares: np.ndarray, rises: np.ndarray, likely: np.ndarray) -> np.ndarray:
    """Of the candidates of each beat (B, 4) the likeliest, NaN where it is too weak to be an attack (B,)."""
    rows, best = np.arange(len(shares)), likely.argmax(axis=1)
    return np.where(rises[rows, best] > _RISE, shares[rows, best], np.nan)


def _counted(curves: OnsetCurves, beats: Beats, known: bool) -> tuple[Beats, bool]:
    """Beats as a player would count them, and whether they are where none were before."""
    moved, strength = False, _common_place(curves, beats)[1]
    fast = beats.tempo_bpm > (_FAST_BPM if strength < _EMPTY else _TOO_FAST_BPM)
    if len(beats.times_s) > 3 and not known:
        double = at_level(beats, 2.0)
        if fast:
            beats = at_level(beats, 0.5)
        elif beats.tempo_bpm < _SLOW_BPM and all(
            _alone(curves, double, half, _THIRD) or _alone(curves, double, half, _TWO_THIRDS) for half in (0, 1)
        ):
            beats, moved = double, True
    if _alone(curves, beats, None, _THIRD):
        third = _common_place(curves, beats, _THIRD)[0]
        later = beats.times_s[:-1] + third * np.diff(beats.times_s)
        beats, moved = replace(beats, times_s=later, downbeats=beats.downbeats[beats.downbeats < len(later)]), True
    return beats, moved


def _profile(curves: OnsetCurves, beats: Beats, half: int | None = None) -> np.ndarray:
    """How much begins in each cell of the beat, of all beats or of every other one."""
    times = beats.times_s[:-1, None] + _CELLS * np.diff(beats.times_s)[:, None]
    times = times if half is None else times[half::2]
    total = np.interp(curves.frame(times), np.arange(len(curves.total)), curves.total)
    profile = np.minimum(total, np.quantile(total, 0.98)).mean(axis=0)
    return profile - np.quantile(profile, 0.25)


def _alone(curves: OnsetCurves, beats: Beats, half: int | None, place: tuple[float, float]) -> bool:
    """Whether all that begins between the beats begins in one place."""
    profile = _profile(curves, beats, half)
    there = (place[0] <= _CELLS) & (place[1] >= _CELLS)
    wide = (place[0] - _NEAR_HALF <= _CELLS) & (place[1] + _NEAR_HALF >= _CELLS)
    elsewhere = ~wide & (_CELLS > 2 * _NEAR_HALF) & (_CELLS < 1 - 2 * _NEAR_HALF)
    on_beat = float(profile[(_CELLS < _NEAR_HALF) | (_CELLS > 1 - _NEAR_HALF)].max())
    peak = float(profile[there].max())
    return peak > _EMPTY * on_beat and float(profile[elsewhere].max()) < _ALONE * peak


def _common_place(
    curves: OnsetCurves, beats: Beats, within: tuple[float, float] = (EARLIEST, LATEST)
) -> tuple[float, float]:
    """Share of the beat at which most begins between the beats, and how much, beside what begins on them."""
    profile = _profile(curves, beats)
    inside = (within[0] <= _CELLS) & (within[1] >= _CELLS)
    peak = float(profile[inside].max())
    half = inside & (np.abs(_CELLS - 0.5) <= _NEAR_HALF)
    on_beat = float(profile[(_CELLS < _NEAR_HALF) | (_CELLS > 1 - _NEAR_HALF)].max())
    if peak <= 0:
        return 0.5, 0.0
    if half.any() and profile[half].max() >= _STRAIGHT * peak:
        inside = half
    return float(_CELLS[inside][profile[inside].argmax()]), peak / max(on_beat, 1e-9)


def joined(parts: Sequence[Groove]) -> Groove:
    """Put grooves of overlapping pieces together, going over in the middle of what two of them share.

    Args:
        parts: grooves in order, their beats in the time of the whole; at least one.

    >>> grids = [Beats(np.arange(low, low + 6.0), np.array([0, 4]), 60.0, 1.0) for low in (0, 4)]
    >>> both = joined([Groove(grid, np.full(5, place), place, 1.0) for grid, place in zip(grids, (0.5, 0.6))])
    >>> both.beats.times_s.tolist(), both.share.tolist()
    ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], [0.5, 0.5, 0.5, 0.5, 0.5, 0.6, 0.6, 0.6, 0.6])
    """
    whole = parts[0]
    for part in parts[1:]:
        first, second = whole.beats.times_s, part.beats.times_s
        turn = max(0.5 * (second[0] + first[-1]), first[1])
        kept = int(np.searchsorted(first, turn, side="right"))
        # Half a beat after the last one that is kept, the next piece goes on.
        new = int(np.searchsorted(second, first[kept - 1] + 30 / part.beats.tempo_bpm))
        times = np.concatenate([first[:kept], second[new:]])
        share = np.concatenate([whole.share[:kept], part.share[new:]])[: len(times) - 1]
        share = np.pad(share, (0, len(times) - 1 - len(share)), mode="edge")
        levels = np.concatenate([whole.levels_db[:kept], part.levels_db[new:]])[: len(times) - 1]
        downbeats = np.concatenate(
            [
                whole.beats.downbeats[whole.beats.downbeats < kept],
                part.beats.downbeats[part.beats.downbeats >= new] - new + kept,
            ]
        )
        beats = replace(
            whole.beats,
            times_s=times,
            downbeats=downbeats,
            confidence=min(whole.beats.confidence, part.beats.confidence),
        )
        whole = replace(whole, beats=beats, share=share, levels_db=levels)
    if len(parts) == 1:
        return whole
    marked = float(np.mean([part.marked for part in parts]))
    return replace(whole, swing=float(np.median(whole.share)), marked=marked)


def per_bar(values: np.ndarray, beats: int) -> np.ndarray:
    """Give values of each place in one bar (k, ...) to the places of a bar of another length (beats, ...).

    Shorter bars are repeated, longer ones folded; where neither comes out even, every place takes the mean. NaN counts
    for nothing.

    >>> [per_bar(np.arange(4.0), beats).tolist() for beats in (8, 2, 3)]
    [[0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 3.0], [1.0, 2.0], [1.5, 1.5, 1.5]]
    """
    if beats % len(values) == 0:
        return np.concatenate([values] * (beats // len(values)))
    rows = [values[k::beats] if len(values) % beats == 0 else values for k in range(beats)]
    known = [np.isfinite(row).sum(axis=0) for row in rows]
    return np.array([np.nansum(row, axis=0) / np.where(n, n, np.nan) for row, n in zip(rows, known, strict=True)])


def within_reach(share: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Bring the places where off-beats are wanted as near as time can be stretched.

    Args:
        share: where they are, as a share of the beat (B,).
        wanted: where they would go (B,).

    >>> within_reach(np.array([0.5, 0.4, 0.83]), np.array([0.75, 0.75, 0.5])).round(3).tolist()
    [0.75, 0.727, 0.626]
    """
    low = np.maximum(share / _MOST, 1 - _MOST * (1 - share))
    return np.clip(wanted, low, np.minimum(_MOST * share, 1 - (1 - share) / _MOST))


def groove_map(groove: Groove, wanted: np.ndarray | float, seconds: float) -> TimeMap:
    """Draw the time map that puts the off-beats where they are wanted; beats and both ends keep their places.

    Args:
        groove: where they are.
        wanted: where they go, as a share of the beat, for all beats or for each (B - 1,).
        seconds: length of the recording.

    Returns:
        The map, with the attacks of beats and off-beats at their own speed.

    >>> grid = Beats(np.arange(5) * 0.5, np.array([0, 4]), 120.0, 1.0)
    >>> straight = Groove(grid, np.full(4, 0.5), 0.5, 1.0)
    >>> groove_map(straight, 2 / 3, 2.5).to_target(np.array([0.5, 0.75, 1.0])).round(3).tolist()
    [0.5, 0.833, 1.0]
    """
    times = groove.beats.times_s
    starts, moved, copied = _attacks(groove, wanted)
    source, target = np.stack([starts, starts + copied], axis=1).ravel(), np.stack([moved, moved + copied], axis=1)
    before = [0.0] if times[0] > 2 * LEAD_S else []
    after = [times[-1], seconds] if seconds > times[-1] + 0.01 else [times[-1]]
    return TimeMap(*(np.concatenate([before, inner, after]) for inner in (source, target.ravel())))


def attack_starts(groove: Groove, wanted: np.ndarray | float) -> np.ndarray:
    """Times in seconds just before the attacks of beats and off-beats, from which on the map of the groove copies.

    >>> grid = Beats(np.arange(3) * 0.5, np.array([0]), 120.0, 1.0)
    >>> attack_starts(Groove(grid, np.full(2, 0.5), 0.5, 1.0), 2 / 3).round(3).tolist()
    [-0.011, 0.239, 0.489, 0.739]
    """
    return _attacks(groove, wanted)[0]


def _attacks(groove: Groove, wanted: np.ndarray | float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """From when on attacks are copied, where that goes, and for how long, in seconds, each (2 (B - 1),)."""
    times, periods = groove.beats.times_s[:-1], np.diff(groove.beats.times_s)
    there = np.broadcast_to(np.asarray(wanted, np.float64), periods.shape)
    shorter = np.min([groove.share, 1 - groove.share, there, 1 - there], axis=0)
    part = np.repeat(np.minimum(1.0, _COPIED * shorter * periods / (ATTACK_S + LEAD_S)), 2)
    source, target = (np.stack([times, times + x * periods], axis=1).ravel() for x in (groove.share, there))
    return source - part * LEAD_S, target - part * LEAD_S, part * (ATTACK_S + LEAD_S)
