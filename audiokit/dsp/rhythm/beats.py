"""Beats, downbeats and tempo of music, to the millisecond."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from audiokit.dsp.rhythm.confidence import confidence_measures, confidence_of
from audiokit.dsp.rhythm.harmony import Harmony
from audiokit.dsp.rhythm.level import level_scores, where_bass_moves
from audiokit.dsp.rhythm.metre import Evidence, bar_phase, bass_moves, level_features
from audiokit.dsp.rhythm.onsets import OnsetCurves, attack_candidates, attack_times, onset_curves
from audiokit.dsp.rhythm.tempo import (
    HIGHEST_BPM,
    LOWEST_BPM,
    beat_path,
    beat_paths,
    normalised_curve,
    period_candidates,
    steady_path,
)
from audiokit.dsp.spectrum.samples import Samples, blocks_of
from audiokit.errors import InputError, ParameterError

# Tempo levels tried relative to the first path found.
_LEVELS = (1.0, 2.0, 0.5, 1.5, 2 / 3, 3.0, 1 / 3)
# Tempi from which the levels are counted.
_TEMPI = 4
# Cells of a beat in which onsets between the beats are looked for.
_PARTS = 24
# How much a steady period counts against following every attack.
_STIFFNESS = 3.0
# Beats that leave a steady grid by more than this, on average of five, follow another tempo; how much they then stay.
_WANDERS_S, _HELD = 0.015, 0.02
# An earlier group of attacks marks the beat if it is this strong beside the strongest.
_NEARLY = 0.6


@dataclass(frozen=True)
class Beats:
    """The beat grid of a recording.

    Attributes:
        times_s: beats in seconds, rising (B,), float64.
        downbeats: indices into `times_s` of the first beat of each bar.
        tempo_bpm: beats per minute (median over the recording).
        confidence: how likely these beats are right, 0 to 1.
        beats_per_bar: 3 or 4.
    """

    times_s: np.ndarray
    downbeats: np.ndarray
    tempo_bpm: float
    confidence: float
    beats_per_bar: int = 4

    @property
    def downbeat_times_s(self) -> np.ndarray:
        """Times of the downbeats in seconds."""
        return self.times_s[self.downbeats]

    @property
    def positions(self) -> np.ndarray:
        """Place of each beat in its bar, 1 on downbeats (B,)."""
        first = int(self.downbeats[0]) if len(self.downbeats) else 0
        return (np.arange(len(self.times_s)) - first) % self.beats_per_bar + 1


def track_beats(
    y: Samples,
    rate: int,
    *,
    bpm: float | None = None,
    range_bpm: tuple[float, float] = (LOWEST_BPM, HIGHEST_BPM),
) -> Beats:
    """Find the beats of music.

    Several tempo levels (half, double, triple ...) are tracked by dynamic programming over the onset curve; the level
    is chosen by how the beats and what lies between them differ. Each beat is then moved to the attack of its onset.

    Args:
        y: audio (C, T), float32.
        rate: sample rate in Hz.
        bpm: tempo to look near, when it is known; otherwise it is estimated.
        range_bpm: lowest and highest tempo considered.

    Returns:
        The beats. Audio shorter than two beats gives one or none.

    Raises:
        ParameterError: the tempo is not within 20 to 400.
        InputError: the audio holds NaN or infinity.

    >>> clicks = np.zeros((1, 10 * 8000), np.float32)
    >>> clicks[0, 2000::4000] = 0.9
    >>> beats = track_beats(clicks, 8000)
    >>> round(beats.tempo_bpm, 1), round(float(beats.times_s[1]), 3)
    (120.0, 0.75)
    """
    if bpm is not None and not 20 <= bpm <= 400:
        raise ParameterError(f"a tempo of {bpm:g} BPM is outside 20 to 400")
    if not all(np.isfinite(block).all() for block in blocks_of(y)):
        raise InputError("the audio holds NaN or infinity, so it has no beats")
    curves = onset_curves(y, rate)
    curve = normalised_curve(smooth(curves.total), curves.frames_per_s)
    if len(curve) < 10 or float(curves.strength.max(initial=0.0)) <= 1e-6:
        return Beats(np.zeros(0), np.zeros(0, np.int64), bpm or 0.0, 0.0)
    evidence = Evidence.of(curves, curve, Harmony.of(y, rate))
    paths = _paths(curves, curve, bpm, range_bpm)
    measures = np.stack([level_features(evidence, path, even=even) for path, even in paths])
    scores = level_scores(measures)
    periods = np.array([float(np.median(np.diff(path))) if len(path) > 1 else np.inf for path, _ in paths])
    best = where_bass_moves(int(scores.argmax()), scores, bass_moves(measures), periods)
    times = refine(y, rate, curves.time(paths[best][0]))
    times = times[(times >= 0) & (times < y.shape[1] / rate)]
    if len(times) < 2:
        return Beats(times, np.arange(min(1, len(times))), bpm or 0.0, 0.0)
    sure = 0.0
    if len(times) > 2:
        others = [path for path, _ in paths]
        sure = confidence_of(confidence_measures(evidence, curves.frame(times), scores[best], others, scores))
    tempo_bpm = 60 / float(np.median(np.diff(times))) if len(times) < 8 else _slope_bpm(times)
    beats = Beats(times, np.zeros(0, np.int64), tempo_bpm, sure)
    per_bar, phase = bar_phase(times, curves, evidence.harmony)
    return replace(beats, downbeats=np.arange(phase, len(times), per_bar), beats_per_bar=per_bar)


def _slope_bpm(times: np.ndarray) -> float:
    """Tempo by the median slope over eight beats, which averages jitter away."""
    return 60 * 7 / float(np.median(times[7:] - times[:-7]))


def smooth(strength: np.ndarray) -> np.ndarray:
    """Spread onsets over neighbouring frames (N,), so that beats a few milliseconds off the grid still count."""
    kernel = np.array([0.25, 0.7, 1.0, 0.7, 0.25])
    return np.convolve(strength, kernel, mode="same") if len(strength) >= 5 else strength


def _paths(
    curves: OnsetCurves, curve: np.ndarray, bpm: float | None, range_bpm: tuple[float, float]
) -> list[tuple[np.ndarray, bool]]:
    """Track every plausible tempo level, or those near a tempo that is known: see `level_paths`."""
    fps = curves.frames_per_s
    if bpm is not None:
        period = 60 * fps / bpm
        bent = beat_path(curve, max(2, round(period * 0.85)), round(period * 1.18))[0]
        return _both_ways(curve, bent, period)
    paths = level_paths(curve, fps, range_bpm)
    if not paths:
        raise ParameterError(f"no tempo lies within {range_bpm[0]:g} to {range_bpm[1]:g} BPM")
    return paths


def level_paths(
    curve: np.ndarray, frames_per_s: float, range_bpm: tuple[float, float]
) -> list[tuple[np.ndarray, bool]]:
    """Track the beat at every tempo level (half, double, triple ...) of the best-supported tempi.

    Returns:
        Paths of beats in frames, each in four places between its beats, and whether it is an even grid.
    """
    tried: list[float] = []
    for first in period_candidates(curve, frames_per_s, count=_TEMPI):
        for level in _LEVELS:
            period = first / level
            inside = range_bpm[0] <= 60 * frames_per_s / period <= range_bpm[1]
            if inside and all(abs(np.log(period / other)) > 0.1 for other in tried):
                tried.append(period)
    if not tried:
        return []
    bent = beat_paths(curve, [(max(2, round(period * 0.8)), round(period * 1.25)) for period in tried])
    return [path for (one, _), period in zip(bent, tried, strict=True) for path in _both_ways(curve, one, period)]


def _both_ways(curve: np.ndarray, bent: np.ndarray, period: float) -> list[tuple[np.ndarray, bool]]:
    """A path that follows the onsets, and the best even grid at its tempo."""
    around = float(np.median(np.diff(bent))) if len(bent) > 3 else period
    even = steady_path(curve, around)
    paths = [(path, False) for path in with_shifts(curve, bent)]
    return paths + [(path, True) for path in (with_shifts(curve, even) if len(even) else [])]


def with_shifts(curve: np.ndarray, path: np.ndarray) -> list[np.ndarray]:
    """A path of beats (B,), and the same path later: strong off-beats attract, straight ones and swung ones.

    Args:
        curve: normalised onset curve (N,).
        path: frames of the beats.

    Returns:
        Paths that begin a quarter, half and three quarters of a beat later, or where between the beats the onsets are.
    """
    if len(path) < 3:
        return [path]
    parts = np.arange(_PARTS) / _PARTS
    places = path[:-1, None] + np.diff(path)[:, None] * parts
    folded = np.interp(places, np.arange(len(curve)), curve).mean(axis=0)
    rises = (folded > np.roll(folded, 1)) & (folded >= np.roll(folded, -1)) & (parts > 0.1) & (parts < 0.9)
    shifts = sorted(np.flatnonzero(rises), key=lambda k: -folded[k])[:3]
    later = [float(parts[k]) for k in shifts]
    later += [part for part in (0.25, 0.5, 0.75) if all(abs(part - other) > 0.06 for other in later)]
    return [path, *(path[:-1] + part * np.diff(path) for part in later)]


def refine(y: Samples, rate: int, times: np.ndarray) -> np.ndarray:
    """Move beats (B,) to the attacks of their onsets, and keep the grid as steady as the attacks allow.

    Two drums that should fall together often begin some milliseconds apart, so every beat has several attacks to
    choose from. First one shift for all beats is found at which most attacks lie; then each beat takes the attack
    nearest to the grid. Beats without an attack, and attacks that leave the grid (swing, fills, anticipated notes),
    follow the others: the result minimises squared distance to the attacks plus squared changes of the period's slope.
    """
    if len(times) < 3:
        return attack_times(y, rate, times)[0]
    period = float(np.median(np.diff(times)))
    reach_s = min(0.06, period / 6)
    found, strength = attack_candidates(y, rate, times, reach_s=reach_s)
    if not (strength > 0).any():
        return times
    strength = np.minimum(strength / np.median(strength[strength[:, 0] > 0, 0]), 1.5)
    trust = np.median(strength, axis=1) + 1e-3
    firm = _wandering(times - _steadied(times, trust))
    held = _HELD * (firm > 2)
    grid = _steadied(times, trust * firm)
    shifts = np.arange(-reach_s, reach_s, 0.001)
    grid = grid + _first_shift(shifts, np.array([_agreement(found, strength, grid + shift) for shift in shifts]))
    # Attacks far from the grid lose their say, so that one early cymbal does not bend it.
    for loose_s in (0.02, 0.015, 0.012, 0.008, 0.008):
        near = strength / (1 + ((found - grid[:, None]) / loose_s) ** 2) ** 2
        best = near.argmax(axis=1)[:, None]
        attacks, trust = (np.take_along_axis(a, best, axis=1)[:, 0] for a in (found, near))
        # Where the tempo wanders no grid leads on to the next attack: there beats stay near where they were.
        attacks = (trust * attacks + held * times) / (trust + held + 1e-9)
        trust = trust + held
        grid = whittaker(attacks, trust * firm, _STIFFNESS)
    # Where next to nothing is struck, the few attacks there are may lead the grid back in time.
    return grid if (np.diff(grid) > 0).all() else times


def _wandering(distance: np.ndarray) -> np.ndarray:
    """How much beats are to be trusted, 1 or more, that a steady grid leaves by `distance` (B,) for some time."""
    size = min(5, len(distance))
    mean = np.convolve(np.abs(distance), np.ones(size) / size, mode="same")[: len(distance)]
    beyond = np.convolve(np.maximum(0.0, mean / _WANDERS_S - 1), np.ones(11), mode="same")
    beyond = beyond[(len(beyond) - len(distance)) // 2 :][: len(distance)]
    return 1 + 100 * np.minimum(1.0, beyond)


def _steadied(times: np.ndarray, trust: np.ndarray) -> np.ndarray:
    return whittaker(times, trust, 10 * _STIFFNESS)


def _first_shift(shifts: np.ndarray, agreement: np.ndarray) -> float:
    """The shift at which most attacks lie, or an earlier one that is nearly as good.

    Sounds begin late more often than early (slow attacks, samples with silence before them, laid-back drums), so where
    two groups of attacks follow each other the first one marks the beat.
    """
    best = int(np.argmax(agreement))
    peaks = [k for k in range(1, best) if agreement[k - 1] <= agreement[k] >= agreement[k + 1]]
    early = [k for k in peaks if agreement[k] >= _NEARLY * agreement[best] and shifts[best] - shifts[k] < 0.04]
    return float(shifts[early[0] if early else best])


def _agreement(found: np.ndarray, strength: np.ndarray, grid: np.ndarray) -> float:
    """How much attack lies within a few milliseconds of a grid."""
    return float((strength / (1 + ((found - grid[:, None]) / 0.006) ** 2) ** 2).max(axis=1).sum())


def whittaker(values: np.ndarray, weights: np.ndarray, stiffness: float) -> np.ndarray:
    """Smooth values (B,) so that their third differences stay small, trusting each by its weight.

    A steady ramp of the tempo passes unchanged.

    References:
        Eilers (2003), A perfect smoother.

    >>> bool(np.allclose(whittaker(np.arange(9.0) ** 2, np.ones(9), 10.0), np.arange(9.0) ** 2))
    True
    """
    n = len(values)
    if n < 4:
        return np.asarray(values, np.float64).copy()
    bands = np.zeros((4, n))
    difference = (-1.0, 3.0, -3.0, 1.0)
    for row in range(4):
        for other in range(row, 4):
            product = stiffness * difference[row] * difference[other]
            bands[other - row, row : n - 3 + row] += product
    bands[0] += weights + 1e-6
    return _solved(bands, (np.asarray(weights) + 1e-6) * values)


def _solved(bands: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve a symmetric system (B,) with three bands beside its diagonal, bands[k, m] at row m and column m + k.

    LDL' row by row in plain numbers: for some hundred beats that takes a millisecond, importing scipy.linalg 130.
    """
    rows: list[tuple[float, float, float]] = []
    found: list[float] = []
    # Of the rows before: pivot, the factors that reach this row or a later one, what has come out of the right side.
    (d1, a1, b1, c1, y1), (d2, b2, c2, y2), (d3, c3, y3) = (0.0,) * 5, (0.0,) * 4, (0.0,) * 3
    for diagonal, one, two, three, value in zip(*bands.tolist(), right.tolist(), strict=True):
        d0 = diagonal - d1 * a1 * a1 - d2 * b2 * b2 - d3 * c3 * c3
        a0 = (one - d1 * a1 * b1 - d2 * b2 * c2) / d0
        b0 = (two - d1 * a1 * c1) / d0
        c0 = three / d0
        y0 = value - a1 * y1 - b2 * y2 - c3 * y3
        rows.append((a0, b0, c0))
        found.append(y0 / d0)
        d3, c3, y3 = d2, c2, y2
        d2, b2, c2, y2 = d1, b1, c1, y1
        d1, a1, b1, c1, y1 = d0, a0, b0, c0, y0
    x1 = x2 = x3 = 0.0
    for n in range(len(found) - 1, -1, -1):
        a0, b0, c0 = rows[n]
        x1, x2, x3 = found[n] - a0 * x1 - b0 * x2 - c0 * x3, x1, x2
        found[n] = x1
    return np.array(found)


def beat_confidence(y: Samples, rate: int, times_s: np.ndarray) -> float:
    """Say how likely given times (B,) are the beats of audio (C, T): 0 (nothing periodic) to 1.

    >>> beat_confidence(np.zeros((1, 22050), np.float32), 22050, np.arange(4) / 4)
    0.0
    """
    measures = beat_measures(y, rate, times_s)
    return 0.0 if measures is None else confidence_of(measures)


def beat_measures(y: Samples, rate: int, times_s: np.ndarray) -> np.ndarray | None:
    """Measure how far given times (B,) can be trusted to be the beats of audio (C, T): see `confidence_measures`.

    Returns:
        Measures, or nothing where there are less than three times, or no onsets.
    """
    curves = onset_curves(y, rate)
    curve = normalised_curve(smooth(curves.total), curves.frames_per_s)
    if len(times_s) < 3 or len(curve) < 10 or float(curves.strength.max(initial=0.0)) <= 1e-6:
        return None
    evidence, frames = Evidence.of(curves, curve, Harmony.of(y, rate)), curves.frame(times_s)
    paths = level_paths(curve, curves.frames_per_s, (LOWEST_BPM, HIGHEST_BPM))
    measures = [level_features(evidence, path, even=even) for path, even in [*paths, (frames, False)]]
    scores = level_scores(np.stack(measures))
    return confidence_measures(evidence, frames, scores[-1], [path for path, _ in paths], scores[:-1])
