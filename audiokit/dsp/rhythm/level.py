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


@cache
def shipped() -> dict[str, np.ndarray]:
    """The arrays of the shipped network, float32."""
    with np.load(NETWORK) as arrays:
        return {name: arrays[name].astype(np.float32) for name in ARRAYS}
