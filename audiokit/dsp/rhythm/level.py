"""Which of several paths of beats people would tap to: a small network over the measures of all of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

#: Where the network lies: trained on music drawn at random (tests/bench/fit_level.py).
NETWORK = Path(__file__).with_name("level.npz")
#: Names of its arrays. M measures are taken off `centre`, divided by `spread`; `own` and `context` lead to H hidden
#: units, `out` from those to the score, `straight` from the measures to the score.
ARRAYS = ("centre", "spread", "own", "context", "bias", "out", "straight")
# Measures further from the middle than this many times their spread say no more.
_FAR = 5.0
# Paths of the same tempo differ in it by less; so much less likely a path may be that the bass speaks for; how much
# more it must change on its beats, and on one of so many of them.
_SAME_TEMPO, _UNSURE, _BASS_MOVES = 0.05, 2.5, (0.4, 0.1)


def level_scores(measures: np.ndarray, network: dict[str, np.ndarray] | None = None) -> np.ndarray:
    """Say how much each path of beats looks like the level and phase that people tap to, beside the others.

    What a measure means depends on the music (off-beats that are struck mean little where there are only drums), so the
    network also hears the mean of the measures of all paths.

    Args:
        measures: of each path (K, M): see `level_features`.
        network: arrays named as in `ARRAYS`; the shipped ones by default.

    Returns:
        Logarithms of how likely each is (K,), up to a constant.

    >>> from audiokit.dsp.rhythm.metre import FEATURES
    >>> level_scores(np.zeros((3, len(FEATURES)))).shape
    (3,)
    """
    if not len(measures):
        return np.zeros(0)
    net = shipped() if network is None else network
    scaled = np.clip((measures - net["centre"]) / net["spread"], -_FAR, _FAR).astype(np.float32)
    hidden = np.maximum(scaled @ net["own"] + (scaled.mean(axis=0) @ net["context"] + net["bias"]), 0.0)
    return np.asarray(hidden @ net["out"] + scaled @ net["straight"], np.float64)


def where_bass_moves(best: int, scores: np.ndarray, bass: np.ndarray, periods: np.ndarray) -> int:
    """Prefer another phase of the same tempo that is nearly as likely, if the bass moves on its beats.

    Where eighths run through without drums and chords come early, both phases look alike to the network; what tells
    them apart is that the bass goes to another note on a beat, and with the harmony on one of so many.

    Args:
        best: the likeliest path.
        scores: logarithms of how likely each path is (K,).
        bass: how much more the bass changes on beats than between them, and how far one beat of so many stands out
            by it (K, 2).
        periods: of the paths (K,).

    Returns:
        The path to take.

    >>> bass = np.array([[-0.5, 0.0], [0.5, 0.3], [0.9, 0.4]])
    >>> where_bass_moves(0, np.array([1.0, 0.0, 0.5]), bass, np.array([50.0, 50.0, 25.0]))
    1
    >>> where_bass_moves(0, np.array([9.0, 0.0, 0.5]), bass, np.array([50.0, 50.0, 25.0]))
    0
    """
    same = np.abs(periods / periods[best] - 1) < _SAME_TEMPO
    moves = (bass - bass[best] > _BASS_MOVES).all(axis=1)
    others = np.flatnonzero(same & moves & (scores > scores[best] - _UNSURE))
    return int(others[scores[others].argmax()]) if len(others) else best


@cache
def shipped() -> dict[str, np.ndarray]:
    """The arrays of the shipped network, float32."""
    with np.load(NETWORK) as arrays:
        return {name: arrays[name].astype(np.float32) for name in ARRAYS}
