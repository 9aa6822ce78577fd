"""Metre: which tempo level is the beat, and which beat begins the bar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiokit.dsp.rhythm.harmony import LAGS, Harmony, harmony_measures
from audiokit.dsp.rhythm.key import beat_means
from audiokit.dsp.rhythm.onsets import OnsetCurves
from audiokit.dsp.rhythm.tempo import autocorrelation, tempo_prior

# Longest lag of the autocorrelations, in frames.
_LONGEST, _LONGEST_NOTES = 600, 1000
# Parts of a beat at which onsets are read.
_PARTS = np.array([0.0, 0.5, 0.25, 0.75, 1 / 3, 2 / 3, 1 / 6, 5 / 6])
#: Multiples of the period at which the autocorrelations are read.
MULTIPLES = (1 / 3, 1 / 2, 2 / 3, 1, 3 / 2, 2, 3, 4)
#: Beats after which notes and drums may come again: bars and parts of them.
BARS = (2, 3, 4, 6, 8)
# Their places, one bar after the other, the bar each belongs to, and where each bar begins among them.
_PLACES, _SIZES = np.concatenate([np.arange(size) for size in BARS]), np.repeat(BARS, BARS)
_FIRSTS = np.cumsum((0, *BARS))[:-1]
#: Tempi from which the dislike of slower and faster ones may bend.
STEPS_BPM = (65, 100, 125, 145, 180)
#: Names of the measures of a tempo level, in the order of `level_features`.
FEATURES = (
    "prior", "fast", "strength", "half_low", "half_mid", "half_high", "third", "quarter", "low", "mid", "steady",
    "alike_1", "alike_2", "alike_3", "alike_4", "low_1", "low_2", "low_4", "mid_1", "mid_2", "mid_4",
    "backbeat", "low_turns", "mid_turns", "early", "late",
    "very_fast", "very_slow", "shuffle", "triplet", "sixth", "last_sixth", "even",
    *(f"{band}_again_{multiple:.2f}" for band in ("all", "low", "mid") for multiple in MULTIPLES),
    "on_share", "half_share", "quarter_share", "third_share",
    "notes_on", "notes_half", *(f"notes_every_{size}" for size in BARS), *(f"low_every_{size}" for size in BARS),
    *(f"mid_every_{size}" for size in BARS), *(f"notes_again_{size}" for size in BARS),
    *(f"above_{bpm}" for bpm in STEPS_BPM),
    "apart_half", *(f"apart_{beats}" for beats in range(4)), "dense", "far_from_dense",
    *(f"{what}_every_{size}" for what in ("chords", "bass") for size in BARS),
    *(f"{what}_{where}" for where in ("on_off", "on") for what in ("chords", "bass")),
    *(f"{what}_alike_{lag}" for what in ("chords", "bass") for lag in LAGS),
)  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """What a recording says about its tempo, whichever path of beats is judged.

    Attributes:
        curves: onset curves in three bands.
        curve: all bands, smoothed and flattened (N,).
        peaks: the three bands, each by its own spread, and the curve: the most within two frames (4, N).
        near: all bands, not flattened: the sum within three frames (N,).
        whole: the sum of all bands and frames.
        repeats: autocorrelation of everything, of the low and of the middle band (3, lags).
        notes: autocorrelation of how notes change (lags,).
        chords: how much notes change beyond what they do half of the time (vibrato, drums), around 1 (N,).
        harmony: pitch classes over time.
    """

    curves: OnsetCurves
    curve: np.ndarray
    peaks: np.ndarray
    near: np.ndarray
    whole: float
    repeats: np.ndarray
    notes: np.ndarray
    chords: np.ndarray
    harmony: Harmony

    @staticmethod
    def of(curves: OnsetCurves, curve: np.ndarray, harmony: Harmony) -> Evidence:
        """Gather it from onset curves, their flattened sum (N,) and the harmony."""
        kernel = np.array([0.25, 0.7, 1.0, 0.7, 0.25])
        bands = [np.convolve(band, kernel, mode="same") if len(band) >= 5 else band for band in curves.strength[:2]]
        repeats = np.stack([autocorrelation(values, _LONGEST) for values in (curve, *bands)])
        spread = np.sqrt((curves.strength**2).mean(axis=1, keepdims=True)) + 1e-9
        around = np.lib.stride_tricks.sliding_window_view
        rows = np.vstack([curves.strength / spread, curve])
        peaks = around(np.pad(rows, ((0, 0), (2, 2)), mode="edge"), 5, axis=1).max(axis=2)
        total = curves.total
        near = around(np.pad(total, 3, mode="edge"), 7).sum(axis=1)
        notes = autocorrelation(curves.change, _LONGEST_NOTES)
        chords = np.maximum(0.0, curves.change - np.median(curves.change))
        chords /= float(chords.mean()) + 1e-6
        return Evidence(curves, curve, peaks, near, float(total.sum()) + 1e-9, repeats, notes, chords, harmony)


def level_features(evidence: Evidence, path: np.ndarray, *, even: bool = False) -> np.ndarray:
    """Measure how much a path of beats looks like the beat level.

    Args:
        evidence: of the recording.
        path: frames of the beats (B,), fractional.
        even: the path is an even grid, not one that follows the onsets.

    Returns:
        Measures (len(FEATURES),), zeros for fewer than four beats.
    """
    if len(path) < 4:
        return np.zeros(len(FEATURES))
    frames, last_frame = np.round(path).astype(int), evidence.peaks.shape[1] - 1
    period = np.diff(frames).astype(float)
    bpm = 60 * evidence.curves.frames_per_s / float(np.median(period))

    places = np.round(frames[:-1] + _PARTS[:, None] * period).astype(int)
    hits = evidence.peaks[:, np.clip(places, 0, last_frame)]
    on, half, first, last, early, late = (hits[:3, part] for part in range(6))
    means = hits.mean(axis=2)
    third, strength, whole = np.maximum(early, late), float(means[3, 0]), float(means[:3, 0].sum())
    contrast = (means[:3, 0] - means[:3, 1]) / (means[:3, 0] + means[:3, 1] + 1e-6)

    def share(elsewhere: float) -> float:
        # Bounded, so that a path with next to nothing on its beats gets no extreme measures.
        return 2 * elsewhere / (elsewhere + whole + 1e-6)

    shapes = np.concatenate([on, half, first, last])
    turns = [_turns(on[0]), _turns(on[1])]
    return np.array([
        tempo_prior(bpm), np.log2(bpm / 120), strength / 3, *contrast,
        share(float(third.mean(axis=1).sum())), share(float(np.maximum(first, last).mean(axis=1).sum())),
        *(means[:2, 0] / 3), -10 * float(np.median(np.abs(np.diff(np.log(period))))),
        *_alike(shapes, (1, 2, 3, 4)), *_alike(shapes[0::3], (1, 2, 4)), *_alike(shapes[1::3], (1, 2, 4)),
        -turns[0] * turns[1], abs(turns[0]), abs(turns[1]),
        float(means[0, 0] - means[0, 2]) / 3, float(means[0, 0] - means[0, 3]) / 3,
        max(0.0, float(np.log2(bpm / 160))), max(0.0, float(np.log2(80 / bpm))),
        *(share(float(means[:3, part].sum())) for part in (5, 4, 6, 7)), float(even),
        *_repeats(evidence.repeats, float(np.median(np.diff(path)))), *_shares(evidence, path),
        *_bars(evidence, path, on), *(max(0.0, float(np.log2(bpm / step))) for step in STEPS_BPM),
        max(0.0, -float(contrast[0] * contrast[1])), *_apart(on), *_density(evidence.curve, path),
        *_harmony(evidence, path),
    ])  # fmt: skip


def bass_moves(measures: np.ndarray) -> np.ndarray:
    """Pick from measures (K, len(FEATURES)) how the bass changes on beats: beside between them, and on one of so many.

    >>> bass_moves(np.ones((3, len(FEATURES)))).shape
    (3, 2)
    """
    every = measures[:, [FEATURES.index(f"bass_every_{size}") for size in BARS]]
    return np.stack([measures[:, FEATURES.index("bass_on_off")], every.max(axis=1)], axis=1)


def _apart(on: np.ndarray) -> list[float]:
    """How much of the middle band (snare) comes 0 to 3 beats after the low one (bass drum), in bars of four (3, B)."""
    if on.shape[1] < 8:
        return [0.0] * 4
    low, mid = (np.array([row[k::4].mean() for k in range(4)]) for row in on[:2])
    low, mid = (v / (v.mean() + 1e-6) - 1 for v in (low, mid))
    return [float((low * np.roll(mid, -beats)).mean()) for beats in range(4)]


def _density(curve: np.ndarray, path: np.ndarray) -> list[float]:
    """Octaves by which onsets are more than beats, and how far that is from two onsets for each beat."""
    middle = curve[1:-1]
    peaks = int(((middle > curve[:-2]) & (middle >= curve[2:]) & (middle > 0.5)).sum())
    dense = float(np.clip(np.log2((peaks + 1) / len(path)), -2, 4))
    return [dense, abs(dense - 1)]


def _bars(evidence: Evidence, path: np.ndarray, on: np.ndarray) -> list[float]:
    """How much more notes change on beats, and on one beat of so many, and drums (3, B) play on one of so many."""
    change = evidence.chords
    lags = float(np.median(np.diff(path))) * np.array(BARS, float)
    inside = lags < len(evidence.notes) - 2

    def at(part: float) -> np.ndarray:
        return np.interp(path[:-1] + part * np.diff(path), np.arange(len(change)), change)

    notes = at(0.0)
    rows = np.stack([notes, on[0], on[1]])
    return [
        float(notes.mean()) - 1, float(at(0.5).mean()) - 1,
        *(float(v) for v in np.ravel(_stand_out(rows))),
        *(float(v) for v in np.where(inside, _interpolated(evidence.notes, lags), 0.0)),
    ]  # fmt: skip


def _harmony(evidence: Evidence, path: np.ndarray) -> list[float]:
    """How much chords and bass change on one beat of so many, on beats and between, and how alike they are later."""
    change, measures = harmony_measures(evidence.harmony, evidence.curves.time(path))
    return [*(float(value) for value in np.ravel(_stand_out(change))), *(float(value) for value in measures)]


def _stand_out(rows: np.ndarray) -> np.ndarray:
    """How far the strongest place of bars of each size is above the mean of all, of each row (R, B), 0 to 1 (R, 5).

    What chance does with few beats is taken off.
    """
    count, sizes = rows.shape[1], np.array(BARS)
    fold = np.arange(count)[:, None] % _SIZES == _PLACES
    most = np.maximum.reduceat(rows @ fold / np.maximum(fold.sum(axis=0), 1), _FIRSTS, axis=1)
    whole = rows.mean(axis=1, keepdims=True) + 1e-6
    chance = rows.std(axis=1, keepdims=True) / np.sqrt(count / sizes)
    return np.where(count < 2 * sizes, 0.0, np.clip((most - whole - chance) / (sizes * whole), -1.0, 1.0))


def _repeats(repeats: np.ndarray, period: float) -> list[float]:
    """Autocorrelations (3, lags) at multiples of the period, 0 beyond their end."""
    lags = period * np.array(MULTIPLES)
    inside = lags < repeats.shape[1] - 2
    return [float(value) for row in repeats for value in np.where(inside, _interpolated(row, lags), 0.0)]


def _interpolated(row: np.ndarray, lags: np.ndarray) -> np.ndarray:
    return np.interp(lags, np.arange(len(row)), row)


def _shares(evidence: Evidence, path: np.ndarray) -> list[float]:
    """Part of all onsets that lies on the beats, and half, a quarter and a third of the way between them."""

    places = np.round(path[:-1] + _PARTS[:6, None] * np.diff(path)).astype(int)
    near = evidence.near[np.clip(places, 0, len(evidence.near) - 1)].sum(axis=1)
    pieces = (near[0], near[1], near[2] + near[3], near[4] + near[5])
    return [float(piece) / evidence.whole for piece in pieces]


def _turns(hits: np.ndarray) -> float:
    """How much every other beat is louder, -1 to 1."""
    even, odd = float(hits[0::2].mean()), float(hits[1::2].mean()) if len(hits) > 1 else 0.0
    return (even - odd) / (even + odd + 1e-6)


def alike(shapes: np.ndarray, lag: int) -> float:
    """Mean correlation of what happens in one beat with what happens `lag` beats later."""
    return _alike(shapes, (lag,))[0]


def _alike(shapes: np.ndarray, lags: tuple[int, ...]) -> list[float]:
    centred = shapes - shapes.mean(axis=1, keepdims=True)
    centred = centred / (np.sqrt((centred**2).sum(axis=0)) + 1e-6)
    count = shapes.shape[1]
    return [float((centred[:, lag:] * centred[:, :-lag]).sum()) / (count - lag) if count > lag else 0.0 for lag in lags]


#: Weight of each measure of a bar phase, fitted on synthesised patterns (tests/bench/fit_beats.py).
PHASE_WEIGHTS = np.array([
    1.57, -0.26, -0.92, 3.97, -0.53, -0.26, 1.11, -1.29, 0.3,
    -0.36, 0.21, -0.45, -1.33, 0.88, -0.4, -2.23, -1.17, 3.05,
])  # fmt: skip


def bar_phase(times: np.ndarray, curves: OnsetCurves, harmony: Harmony) -> tuple[int, int]:
    """Find the beats per bar and the first downbeat.

    Bars begin where the bass drum falls, where the harmony changes and where the snare does not play.

    Args:
        times: beats in seconds (B,).
        curves: the onset curves of the audio.
        harmony: its pitch classes.

    Returns:
        Beats per bar (3 or 4) and the index of the first downbeat.
    """
    if len(times) < 5:
        return 4, 0
    features = phase_features(times, curves, harmony)
    return max(features, key=lambda which: float(features[which] @ PHASE_WEIGHTS))


def phase_features(times: np.ndarray, curves: OnsetCurves, harmony: Harmony) -> dict[tuple[int, int], np.ndarray]:
    """Measure every (beats per bar, first downbeat): what happens on each beat of such bars (18,)."""
    signals = _beat_signals(times, curves, harmony)
    likeness = alike(signals, 3) - alike(signals, 4)
    out = {}
    for per_bar in (4, 3):
        for phase in range(per_bar):
            place = (np.arange(len(times)) - phase) % per_bar
            means = np.stack([signals[:, place == k].mean(axis=1) for k in range(per_bar)])
            means -= means.mean(axis=0)
            middle = means[2] if per_bar == 4 else 0 * means[0]
            third = float(per_bar == 3)
            out[per_bar, phase] = np.concatenate([means[0], means[1], middle, means[-1], [third, third * likeness]])
    return out


def _beat_signals(times: np.ndarray, curves: OnsetCurves, harmony: Harmony) -> np.ndarray:
    """Low, middle and high onsets on each beat, and how much the harmony changes there (4, B), each around 1."""
    reach = np.round(curves.frame(times)).astype(int)[:, None] + np.arange(-3, 4)
    hits = curves.strength[:, np.clip(reach, 0, curves.strength.shape[1] - 1)].max(axis=2)
    chroma = beat_means(harmony.values[:12], harmony.frames_per_s, times)
    unit = chroma / (np.linalg.norm(chroma, axis=0) + 1e-9)
    change = np.zeros(len(times))
    change[1:] = 1 - (unit[:, 1:] * unit[:, :-1]).sum(axis=0)
    change[0] = change[1:].mean()
    stacked = np.vstack([hits, 3 * change])
    spread = stacked[:3].mean(axis=1, keepdims=True) + 1e-9
    stacked[:3] /= spread
    return stacked
