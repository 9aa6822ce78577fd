"""Metre: which tempo level is the beat, and which beat begins the bar."""

from __future__ import annotations

import numpy as np

from audiokit.dsp.onsets import OnsetCurves
from audiokit.dsp.tempo import tempo_prior

#: Names of the measures of a tempo level, in the order of `level_features`.
FEATURES = (
    "prior", "fast", "strength", "half_low", "half_mid", "half_high", "third", "quarter",
    "low", "mid", "alike_1", "alike_2", "alike_3", "alike_4", "steady",
)  # fmt: skip
#: Weight of each measure, fitted on synthesised patterns (see tests/bench/bench_beats.py --fit).
WEIGHTS = np.array([-0.02, 1.76, 1.61, 1.68, 2.58, 0.06, -2.09, 0.73, 3.01, 2.24, -0.21, -1.33, -0.07, 1.65, 0.19])


def level_features(curves: OnsetCurves, curve: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Measure how much a path of beats (frames, (B,)) looks like the beat level (len(FEATURES),)."""
    if len(frames) < 3:
        return np.zeros(len(FEATURES))
    period = np.diff(frames).astype(float)
    bpm = 60 * curves.frames_per_s / float(np.median(period))
    scaled = curves.strength / (np.sqrt((curves.strength**2).mean(axis=1, keepdims=True)) + 1e-9)

    def at(part: float) -> np.ndarray:
        places = np.round(frames[:-1] + part * period).astype(int)
        index = np.clip(places[:, None] + np.arange(-2, 3), 0, scaled.shape[1] - 1)
        return scaled[:, index].max(axis=2)

    on, half = at(0.0), at(0.5)
    third = np.maximum(at(1 / 3), at(2 / 3))
    quarter = np.maximum(at(0.25), at(0.75))
    contrast = (on.mean(axis=1) - half.mean(axis=1)) / (on.mean(axis=1) + half.mean(axis=1) + 1e-6)
    whole = on.sum(axis=0).mean() + 1e-6
    reach = np.clip(frames[:-1, None] + np.arange(-2, 3), 0, len(curve) - 1)
    shapes = np.concatenate([on, half, at(0.25), at(0.75)])
    alike = [_alike(shapes, lag) for lag in (1, 2, 3, 4)]
    log_period = np.log(period)
    return np.array([
        tempo_prior(bpm), np.log2(bpm / 120), float(curve[reach].max(axis=1).mean()) / 3, *contrast,
        float(third.sum(axis=0).mean() / whole), float(quarter.sum(axis=0).mean() / whole),
        float(on[0].mean()) / 3, float(on[1].mean()) / 3, *alike, -10 * float(np.median(np.abs(np.diff(log_period)))),
    ])  # fmt: skip


def _alike(shapes: np.ndarray, lag: int) -> float:
    """Mean correlation of what happens in one beat with what happens `lag` beats later."""
    if shapes.shape[1] <= lag:
        return 0.0
    centred = shapes - shapes.mean(axis=1, keepdims=True)
    norms = np.sqrt((centred**2).sum(axis=0)) + 1e-6
    return float(((centred[:, lag:] * centred[:, :-lag]).sum(axis=0) / (norms[lag:] * norms[:-lag])).mean())


def level_score(curves: OnsetCurves, curve: np.ndarray, frames: np.ndarray) -> float:
    """Say how much a path of beats looks like the level that people tap to."""
    return float(level_features(curves, curve, frames) @ WEIGHTS)


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
    if len(times) < 4:
        return 4, 0
    evidence = _downbeat_evidence(y, rate, times, curves)
    scores = {}
    for per_bar in (4, 3):
        for phase in range(min(per_bar, len(times))):
            here = evidence[phase::per_bar].mean()
            scores[per_bar, phase] = here - (evidence.mean() * len(evidence) - evidence[phase::per_bar].sum()) / max(
                1, len(evidence) - len(evidence[phase::per_bar])
            )
    best = {per_bar: max((s, -phase) for (n, phase), s in scores.items() if n == per_bar) for per_bar in (4, 3)}
    alike = _bar_likeness(times, curves)
    per_bar = 3 if alike[3] > alike[4] + 0.1 and best[3][0] > 0.7 * best[4][0] else 4
    return per_bar, -best[per_bar][1]


def _bar_likeness(times: np.ndarray, curves: OnsetCurves) -> dict[int, float]:
    frames = np.round(curves.frame(times)).astype(int)
    step = np.diff(frames, append=2 * frames[-1] - frames[-2])
    shapes = []
    for part in (0.0, 0.5):
        places = np.clip(
            (frames + part * step).astype(int)[:, None] + np.arange(-2, 3), 0, curves.strength.shape[1] - 1
        )
        shapes.append(curves.strength[:, places].max(axis=2))
    stacked = np.concatenate(shapes)
    return {lag: _alike(stacked, lag) for lag in (3, 4)}


def _downbeat_evidence(y: np.ndarray, rate: int, times: np.ndarray, curves: OnsetCurves) -> np.ndarray:
    from audiokit.dsp.key import beat_chroma

    frames = np.clip(
        np.round(curves.frame(times)).astype(int)[:, None] + np.arange(-3, 4), 0, curves.strength.shape[1] - 1
    )
    hits = curves.strength[:, frames].max(axis=2)
    hits = hits / (hits.mean(axis=1, keepdims=True) + 1e-9)
    chroma = beat_chroma(y, rate, times)
    change = np.zeros(len(times))
    if chroma.shape[1] == len(times):
        norm = chroma / (np.linalg.norm(chroma, axis=0) + 1e-9)
        change[1:] = 1 - (norm[:, 1:] * norm[:, :-1]).sum(axis=0)
    return hits[0] - 0.5 * hits[1] + 2.0 * change
