"""Accents: how loud what is played on and between the beats is, and gains that give music the accents of other music.

Levels are taken right after attacks, each beside those around it, so that a song that grows louder has no accents by
that; the accent of a place in the bar is the median over all bars. Gains are steady while an attack sounds and go over
to the next one's in between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiokit.dsp.loudness.iir import SectionFilter
from audiokit.dsp.loudness.loudness import LOWEST_RATE, k_weighting
from audiokit.dsp.rhythm.groove import Groove, per_bar
from audiokit.dsp.rhythm.onsets import attack_candidates

#: No attack is made louder or softer by more than this.
MOST_DB = 6.0
#: Coarse powers are taken over this long.
POWER_S = 0.01
# The level of an attack is heard over this long, or less where the next comes soon; the filter settles before.
_HEARD_S, _SETTLE_S, _BEFORE_S = 0.06, 0.04, 0.002
_NEXT = 0.45
# An attack lies no farther than this from its beat, and rises by this much.
_REACH_S, _RISE = 0.025, 0.6
# Levels are compared with those of so many beats and off-beats on either side.
_AROUND = 8
# So many measured attacks say as much as the belief that there is no accent.
_DOUBT = 2.0
# A gain is reached this long before an attack; where the next is far, it is left after this long.
_LEAD_S, _AWAY_S = 0.004, 0.3
_BATCH = 64


def attack_levels(y: np.ndarray, rate: int, groove: Groove) -> np.ndarray:
    """Measure how loud the attacks of beats and off-beats are, as K-weighted levels.

    Args:
        y: audio (C, T), float32.
        rate: sample rate in Hz.
        groove: its beats, and where between them the off-beats lie.

    Returns:
        Levels in dB (B - 1, 2) of each beat but the last and its off-beat, NaN where nothing begins.

    >>> from audiokit.dsp.rhythm.beats import Beats
    >>> y = np.zeros((1, 40_000), np.float32)
    >>> for k in range(8):
    ...     y[0, 2000 + k * 4000 : 2400 + k * 4000] = (0.8, 0.4)[k % 2] * np.sin(np.arange(400))
    >>> grid = Beats(0.25 + np.arange(5) * 1.0, np.array([0, 4]), 60.0, 1.0)
    >>> attack_levels(y, 8000, Groove(grid, np.full(4, 0.5), 0.5, 1.0))[1].round(1).tolist()
    [-4.4, -10.4]
    """
    times, periods = groove.beats.times_s, np.diff(groove.beats.times_s)
    places = np.stack([times[:-1], times[:-1] + groove.share * periods], axis=1).ravel()
    rises = attack_candidates(y, rate, places, reach_s=_REACH_S)[1].max(axis=1)
    heard_s = min(_HEARD_S, _NEXT * float(np.median(np.diff(places))))
    settle, heard = round(_SETTLE_S * rate), max(1, round(heard_s * rate))
    starts = np.round((places - _BEFORE_S) * rate).astype(np.int64) - settle
    reading = np.arange(settle + heard)
    powers = np.zeros(len(places))
    for first in range(0, len(places), _BATCH):
        at = starts[first : first + _BATCH, None] + reading
        inside = (at >= 0) & (at < y.shape[1])
        for channel in y:
            windows = np.where(inside, channel[np.clip(at, 0, y.shape[1] - 1)], np.float32(0))
            if rate >= LOWEST_RATE:
                windows = SectionFilter(k_weighting(rate), len(windows)).process(windows)
            powers[first : first + _BATCH] += (windows[:, settle:].astype(np.float64) ** 2).mean(axis=1)
    levels = np.where((rises > _RISE) & (powers > 1e-10), 10 * np.log10(np.maximum(powers, 1e-10)), np.nan)
    return levels.reshape(-1, 2)


def accents(groove: Groove) -> np.ndarray:
    """Say how much louder each place in the bar is than what is around it.

    Args:
        groove: a groove whose `levels_db` were measured.

    Returns:
        dB (beats per bar, 2) of beats and off-beats: the median over the bars, drawn towards 0 where there were few;
        NaN where nothing began.

    >>> from audiokit.dsp.rhythm.beats import Beats
    >>> grid = Beats(np.arange(33.0), np.arange(0, 33, 4), 60.0, 1.0)
    >>> levels = np.tile([[-10.0, -14.0]], (32, 1))
    >>> accents(Groove(grid, np.full(32, 0.5), 0.5, 1.0, levels)).round(1).tolist()[1]
    [1.6, -1.6]
    """
    levels = groove.levels_db.ravel()
    beside = np.full(len(levels), np.nan)
    for k in np.flatnonzero(np.isfinite(levels)):
        around = levels[max(0, k - _AROUND) : k + _AROUND]  # as many of both kinds
        beside[k] = levels[k] - np.mean(around[np.isfinite(around)])
    places = np.repeat(groove.beats.positions[: len(groove.levels_db)] - 1, 2) * 2 + np.arange(len(levels)) % 2
    found = np.full(2 * groove.beats.beats_per_bar, np.nan)
    for place in range(len(found)):
        here = beside[(places == place) & np.isfinite(beside)]
        if len(here):
            found[place] = np.median(here) * len(here) / (len(here) + _DOUBT)
    return found.reshape(-1, 2)


def accent_gains(groove: Groove, style: Groove, share: float = 1.0) -> np.ndarray:
    """Say by how much each attack of music must change to have the accents of other music.

    Args:
        groove: of the music, with levels.
        style: of the other music, with levels.
        share: how much of the way to go.

    Returns:
        dB (B - 1, 2), within 6 dB, NaN where the music has no attack; 0 where the other has none.

    >>> from audiokit.dsp.rhythm.beats import Beats
    >>> grid = Beats(np.arange(33.0), np.arange(0, 33, 4), 60.0, 1.0)
    >>> flat, off = (Groove(grid, np.full(32, 0.5), 0.5, 1.0, np.tile([[0.0, d]], (32, 1))) for d in (0.0, 4.0))
    >>> accent_gains(flat, off)[5].round(1).tolist(), accent_gains(off, off)[5].tolist()
    ([-1.6, 1.6], [0.0, 0.0])
    """
    own = accents(groove)
    change = np.nan_to_num(per_bar(accents(style), len(own)) - own)
    places = groove.beats.positions[: len(groove.levels_db)] - 1
    change = np.clip(share * change[places], -MOST_DB, MOST_DB)
    return np.where(np.isfinite(groove.levels_db), change, np.nan)


@dataclass(frozen=True)
class GainCurve:
    """A gain that goes smoothly from one attack's to the next.

    Attributes:
        times_s, gains_db: where it begins and ends to be steady, rising (K,).
        trim_db: added everywhere.
    """

    times_s: np.ndarray
    gains_db: np.ndarray
    trim_db: float = 0.0

    def at(self, times_s: np.ndarray) -> np.ndarray:
        """Gain in dB at times (n,).

        >>> GainCurve(np.array([0.0, 1.0]), np.array([0.0, 4.0])).at(np.array([-1.0, 0.25, 0.5, 2.0])).round(2).tolist()
        [0.0, 0.59, 2.0, 4.0]
        """
        if not len(self.times_s):
            return np.full(len(times_s), self.trim_db)
        place = np.interp(times_s, self.times_s, np.arange(len(self.times_s)))
        low = np.minimum(place.astype(np.int64), max(0, len(self.times_s) - 2))
        part = 0.5 - 0.5 * np.cos(np.pi * (place - low))
        high = np.minimum(low + 1, len(self.times_s) - 1)
        return self.gains_db[low] * (1 - part) + self.gains_db[high] * part + self.trim_db


def gain_curve(times_s: np.ndarray, gains_db: np.ndarray) -> GainCurve:
    """Draw the gains of attacks as a curve.

    Args:
        times_s: attacks, rising (K,).
        gains_db: theirs (K,); those that are NaN are left out.

    >>> curve = gain_curve(np.array([1.0, 1.5]), np.array([3.0, -3.0]))
    >>> curve.at(np.array([0.5, 1.0, 1.05, 1.5, 2.5])).round(2).tolist()
    [0.0, 3.0, 3.0, -3.0, 0.0]
    """
    kept = np.isfinite(gains_db)
    times, gains = times_s[kept], gains_db[kept]
    if not len(times):
        return GainCurve(np.zeros(0), np.zeros(0))
    gaps = np.append(np.diff(times), np.inf)
    begin = times - _LEAD_S
    end = begin + np.minimum(_HEARD_S + _LEAD_S, 0.5 * gaps)
    knots = [(begin[0] - _AWAY_S, 0.0)]
    for k in range(len(times)):
        knots += [(begin[k], gains[k]), (end[k], gains[k])]
        if gaps[k] > 4 * _AWAY_S:
            knots.append((end[k] + _AWAY_S, 0.0))
            if k + 1 < len(times):
                knots.append((begin[k + 1] - _AWAY_S, 0.0))
    return GainCurve(*np.array(knots).T)


def trim_db(curve: GainCurve, powers: np.ndarray) -> float:
    """The gain that gives music its level back after a curve was applied.

    Args:
        curve: in the time of the music.
        powers: mean squares of the music, one per 10 ms.

    >>> round(trim_db(GainCurve(np.array([0.0]), np.array([6.0])), np.ones(5)), 2)
    -6.0
    """
    gain = 10 ** (curve.at((np.arange(len(powers)) + 0.5) * POWER_S) / 10)
    whole = float(powers.sum())
    return -10 * float(np.log10(float((powers * gain).sum()) / whole)) if whole > 0 else 0.0
