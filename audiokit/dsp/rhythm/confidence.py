"""How likely given beats are right: what else they could be, how many are struck, how alike they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from audiokit.dsp.rhythm.metre import Evidence, alike

#: Names of the measures of `confidence_measures`.
MEASURES = ("against_others", "struck", "steady", "beats", "none")
#: Weight of each measure in the log-odds of being right (tests/bench/fit_beats.py).
SURE = np.array([0.848, 2.84, 2.67, 0.768, -3.92])
# Beats that agree this much are the same beats, at another frame or two; log-odds beyond this are no better known.
_SAME, _CLOSE_S, _MOST = 0.9, 0.05, 6.0


def confidence_measures(
    evidence: Evidence, frames: np.ndarray, score: float, others: Sequence[np.ndarray], scores: np.ndarray
) -> np.ndarray:
    """Measure how far beats can be trusted.

    Args:
        evidence: of the recording.
        frames: of the beats (B,), at least three.
        score: how much they look like the level that people tap to (`level_scores`).
        others: everything that the beats could have been (K paths of frames), the same beats among them or not.
        scores: of those (K,).

    Returns:
        Measures (len(MEASURES),): log-odds against other levels and phases, part of the beats with an onset beyond
        chance, likeness of one beat to the next ones, octaves of their number, and 1.
    """
    fps, curve = evidence.curves.frames_per_s, evidence.curve
    same = np.array([_agree(frames, path, _CLOSE_S * fps) >= _SAME for path in others], bool)
    top = max(score, float(scores.max(initial=score)))
    ours = np.exp(score - top) + np.exp(scores[same] - top).sum()
    theirs = np.exp(scores[~same] - top).sum()
    odds = float(np.clip(np.log(ours + 1e-12) - np.log(theirs + 1e-12), -_MOST, _MOST))
    at = np.clip(np.round(frames).astype(int), 1, max(1, len(curve) - 2))
    near = np.maximum(curve[at], np.maximum(curve[at - 1], curve[at + 1]))
    everywhere = np.maximum(curve[1:-1], np.maximum(curve[:-2], curve[2:]))
    hit, chance = float((near > 0.8).mean()), float((everywhere > 0.8).mean())
    struck = float(np.clip((hit - chance) / max(1e-6, 1 - chance), 0.0, 1.0))
    places = (frames[:-1, None] + np.diff(frames)[:, None] * np.arange(16) / 16).ravel()
    cycles = np.interp(places, np.arange(len(curve)), curve).reshape(-1, 16).T
    steady = float(np.clip(max(alike(cycles, lag) for lag in (1, 2, 3, 4)), 0.0, 0.8))
    return np.array([odds, struck, steady, min(0.0, float(np.log2(len(frames) / 32))), 1.0])


def confidence_of(measures: np.ndarray) -> float:
    """Turn measures into the chance (0 to 1) that the beats are right.

    >>> confidence_of(np.array([-6.0, 0.0, 0.0, -3.0, 1.0])) < 0.2
    True
    """
    return float(1 / (1 + np.exp(-float(measures @ SURE))))


def _agree(a: np.ndarray, b: np.ndarray, within: float) -> float:
    """F-measure of two rising lists of beats, closer than `within`."""
    if not len(a) or not len(b):
        return 0.0
    after = np.clip(np.searchsorted(b, a), 1, len(b) - 1) if len(b) > 1 else np.zeros(len(a), int)
    distance = np.minimum(np.abs(b[after] - a), np.abs(b[np.maximum(after - 1, 0)] - a))
    return 2 * float((distance < within).sum()) / (len(a) + len(b))
