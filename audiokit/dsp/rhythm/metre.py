"""Metre: which tempo level is the beat, and which beat begins the bar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiokit.dsp.rhythm.onsets import OnsetCurves
from audiokit.dsp.rhythm.tempo import autocorrelation, tempo_prior

# Longest lag of the autocorrelations, in frames.
_LONGEST, _LONGEST_NOTES = 600, 1000
#: Multiples of the period at which the autocorrelations are read.
MULTIPLES = (1 / 3, 1 / 2, 2 / 3, 1, 3 / 2, 2, 3, 4)
#: Beats after which notes and drums may come again: bars and parts of them.
BARS = (2, 3, 4, 6, 8)
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
)  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """What a recording says about its tempo, whichever path of beats is judged.

    Attributes:
        curves: onset curves in three bands.
        curve: all bands, smoothed and flattened (N,).
        scaled: the three bands, each by its own spread (3, N).
        total: all bands, not flattened (N,).
        repeats: autocorrelation of everything, of the low and of the middle band (3, lags).
        notes: autocorrelation of how notes change (lags,).
    """

    curves: OnsetCurves
    curve: np.ndarray
    scaled: np.ndarray
    total: np.ndarray
    repeats: np.ndarray
    notes: np.ndarray

    @staticmethod
    def of(curves: OnsetCurves, curve: np.ndarray) -> Evidence:
        """Gather it from onset curves and their flattened sum (N,)."""
        kernel = np.array([0.25, 0.7, 1.0, 0.7, 0.25])
        bands = [np.convolve(band, kernel, mode="same") if len(band) >= 5 else band for band in curves.strength[:2]]
        repeats = np.stack([autocorrelation(values, _LONGEST) for values in (curve, *bands)])
        spread = np.sqrt((curves.strength**2).mean(axis=1, keepdims=True)) + 1e-9
        return Evidence(
            curves,
            curve,
            curves.strength / spread,
            curves.total,
            repeats,
            autocorrelation(curves.change, _LONGEST_NOTES),
        )


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
    frames, curve, scaled = np.round(path).astype(int), evidence.curve, evidence.scaled
    period = np.diff(frames).astype(float)
    bpm = 60 * evidence.curves.frames_per_s / float(np.median(period))

    def at(part: float) -> np.ndarray:
        places = np.round(frames[:-1] + part * period).astype(int)
        index = np.clip(places[:, None] + np.arange(-2, 3), 0, scaled.shape[1] - 1)
        return scaled[:, index].max(axis=2)

    on, half, first, last = at(0.0), at(0.5), at(0.25), at(0.75)
    third = np.maximum(at(1 / 3), at(2 / 3))
    contrast = (on.mean(axis=1) - half.mean(axis=1)) / (on.mean(axis=1) + half.mean(axis=1) + 1e-6)
    whole = float(on.sum(axis=0).mean())

    def share(hits: np.ndarray) -> float:
        # Bounded, so that a path with next to nothing on its beats gets no extreme measures.
        elsewhere = float(hits.sum(axis=0).mean())
        return 2 * elsewhere / (elsewhere + whole + 1e-6)

    reach = np.clip(frames[:-1, None] + np.arange(-2, 3), 0, len(curve) - 1)
    shapes = np.concatenate([on, half, first, last])
    turns = [_turns(on[0]), _turns(on[1])]
    return np.array([
        tempo_prior(bpm), np.log2(bpm / 120), float(curve[reach].max(axis=1).mean()) / 3, *contrast,
        share(third), share(np.maximum(first, last)),
        float(on[0].mean()) / 3, float(on[1].mean()) / 3, -10 * float(np.median(np.abs(np.diff(np.log(period))))),
        *(alike(shapes, lag) for lag in (1, 2, 3, 4)), *(alike(shapes[0::3], lag) for lag in (1, 2, 4)),
        *(alike(shapes[1::3], lag) for lag in (1, 2, 4)),
        -turns[0] * turns[1], abs(turns[0]), abs(turns[1]),
        float((on[0] - first[0]).mean()) / 3, float((on[0] - last[0]).mean()) / 3,
        max(0.0, float(np.log2(bpm / 160))), max(0.0, float(np.log2(80 / bpm))),
        *(share(at(part)) for part in (2 / 3, 1 / 3, 1 / 6, 5 / 6)), float(even),
        *_repeats(evidence.repeats, float(np.median(np.diff(path)))), *_shares(evidence.total, path),
        *_bars(evidence, path, on), *(max(0.0, float(np.log2(bpm / step))) for step in STEPS_BPM),
        max(0.0, -float(contrast[0] * contrast[1])), *_apart(on), *_density(evidence.curve, path),
    ])  # fmt: skip


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
    # What differs half of the time (vibrato, drums) is no new chord.
    change = np.maximum(0.0, evidence.curves.change - np.median(evidence.curves.change))
    lags = float(np.median(np.diff(path))) * np.array(BARS, float)
    inside = lags < len(evidence.notes) - 2

    def at(part: float) -> np.ndarray:
        return np.interp(path[:-1] + part * np.diff(path), np.arange(len(change)), change)

    notes, mean = at(0.0), float(change.mean()) + 1e-6
    return [
        float(notes.mean()) / mean - 1, float(at(0.5).mean()) / mean - 1,
        *(_stands_out(row, size) for row in (notes, on[0], on[1]) for size in BARS),
        *(float(v) for v in np.where(inside, _interpolated(evidence.notes, lags), 0.0)),
    ]  # fmt: skip


def _stands_out(row: np.ndarray, size: int) -> float:
    """How far the strongest of `size` places is above the mean of all, 0 to 1; chance (few beats) is taken off."""
    if len(row) < 2 * size:
        return 0.0
    means = np.array([row[k::size].mean() for k in range(size)])
    whole = float(row.mean()) + 1e-6
    chance = float(row.std()) / np.sqrt(len(row) / size)
    return float(np.clip((means.max() - whole - chance) / (size * whole), -1.0, 1.0))


def _repeats(repeats: np.ndarray, period: float) -> list[float]:
    """Autocorrelations (3, lags) at multiples of the period, 0 beyond their end."""
    lags = period * np.array(MULTIPLES)
    inside = lags < repeats.shape[1] - 2
    return [float(value) for row in repeats for value in np.where(inside, _interpolated(row, lags), 0.0)]


def _interpolated(row: np.ndarray, lags: np.ndarray) -> np.ndarray:
    return np.interp(lags, np.arange(len(row)), row)


def _shares(total: np.ndarray, path: np.ndarray) -> list[float]:
    """Part of all onsets that lies on the beats, and half, a quarter and a third of the way between them."""

    def near(part: float) -> float:
        places = np.round(path[:-1] + part * np.diff(path)).astype(int)
        return float(total[np.clip(places[:, None] + np.arange(-3, 4), 0, len(total) - 1)].sum())

    whole = float(total.sum()) + 1e-9
    pieces = (near(0.0), near(0.5), near(0.25) + near(0.75), near(1 / 3) + near(2 / 3))
    return [piece / whole for piece in pieces]


def _turns(hits: np.ndarray) -> float:
    """How much every other beat is louder, -1 to 1."""
    even, odd = float(hits[0::2].mean()), float(hits[1::2].mean()) if len(hits) > 1 else 0.0
    return (even - odd) / (even + odd + 1e-6)


def alike(shapes: np.ndarray, lag: int) -> float:
    """Mean correlation of what happens in one beat with what happens `lag` beats later."""
    if shapes.shape[1] <= lag:
        return 0.0
    centred = shapes - shapes.mean(axis=1, keepdims=True)
    norms = np.sqrt((centred**2).sum(axis=0)) + 1e-6
    return float(((centred[:, lag:] * centred[:, :-lag]).sum(axis=0) / (norms[lag:] * norms[:-lag])).mean())


#: Weight of each measure of a bar phase, fitted on synthesised patterns (tests/bench/fit_beats.py).
PHASE_WEIGHTS = np.array([
    1.57, -0.26, -0.92, 3.97, -0.53, -0.26, 1.11, -1.29, 0.3,
    -0.36, 0.21, -0.45, -1.33, 0.88, -0.4, -2.23, -1.17, 3.05,
])  # fmt: skip


def bar_phase(y: np.ndarray, rate: int, times: np.ndarray, curves: OnsetCurves) -> tuple[int, int]:
    """Find the beats per bar and the first downbeat.

    Bars begin where the bass drum falls, where the harmony changes and where the snare does not play.

    Args:
        y: audio (C, T), float32.
        rate: sample rate in Hz.
        times: beats in seconds (B,).
        curves: the onset curves of the audio.

    Returns:
        Beats per bar (3 or 4) and the index of the first downbeat.
    """
    if len(times) < 5:
        return 4, 0
    features = phase_features(y, rate, times, curves)
    return max(features, key=lambda which: float(features[which] @ PHASE_WEIGHTS))


def phase_features(
    y: np.ndarray, rate: int, times: np.ndarray, curves: OnsetCurves
) -> dict[tuple[int, int], np.ndarray]:
    """Measure every (beats per bar, first downbeat): what happens on each beat of such bars (18,)."""
    signals = _beat_signals(y, rate, times, curves)
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


def _beat_signals(y: np.ndarray, rate: int, times: np.ndarray, curves: OnsetCurves) -> np.ndarray:
    """Low, middle and high onsets on each beat, and how much the harmony changes there (4, B), each around 1."""
    from audiokit.dsp.rhythm.key import beat_chroma

    reach = np.round(curves.frame(times)).astype(int)[:, None] + np.arange(-3, 4)
    hits = curves.strength[:, np.clip(reach, 0, curves.strength.shape[1] - 1)].max(axis=2)
    chroma = beat_chroma(y, rate, times)
    unit = chroma / (np.linalg.norm(chroma, axis=0) + 1e-9)
    change = np.zeros(len(times))
    change[1:] = 1 - (unit[:, 1:] * unit[:, :-1]).sum(axis=0)
    change[0] = change[1:].mean()
    stacked = np.vstack([hits, 3 * change])
    spread = stacked[:3].mean(axis=1, keepdims=True) + 1e-9
    stacked[:3] /= spread
    return stacked
