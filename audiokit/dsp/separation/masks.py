"""Masks that share the bins of a mix out among stems, made by classical means.

All functions take magnitudes or spectra (B, 2, F, N), B pairs of channels, and give masks (B, S, 2, F, N) in 0..1 that
sum to 1 over the S stems.
"""

from __future__ import annotations

import numpy as np

from audiokit.dsp.spectrum.medians import running_median
from audiokit.errors import ParameterError

_TINY = 1e-10


def harmonic_percussive(magnitude: np.ndarray, *, frames: int = 17, bins: int = 17, power: float = 2.0) -> np.ndarray:
    """Tell lines along time from lines along frequency by medians.

    Args:
        magnitude: (B, 2, F, N).
        frames, bins: lengths of the two medians, odd.
        power: sharpness of the masks.

    Returns:
        Masks (B, 2, 2, F, N): harmonic, percussive.

    References:
        Fitzgerald (2010), Harmonic/percussive separation using median filtering.

    >>> x = np.zeros((1, 2, 32, 32), np.float32)
    >>> x[:, :, 10, :] = 1
    >>> float(harmonic_percussive(x)[0, 0, 0, 10, 16])
    1.0
    """
    harmonic = running_median(magnitude, frames, axis=3)
    percussive = running_median(magnitude, bins, axis=2)
    return ratio_masks(np.stack([harmonic, percussive], axis=1), power=power)


def repetition(
    magnitude: np.ndarray, *, hop_s: float, neighbours: int = 20, apart_s: float = 1.0, lowest_bin: int = 10
) -> np.ndarray:
    """Tell a voice from a background that repeats: what a frame shares with its most similar frames is background.

    Args:
        magnitude: (B, 2, F, N) of one stretch of music, at least some 20 s of it.
        hop_s: time between frames.
        neighbours: similar frames that are compared.
        apart_s: frames closer than this do not count as repetitions.
        lowest_bin: below, everything is background.

    Returns:
        Masks (B, 2, 2, F, N): vocals, accompaniment.

    References:
        Rafii and Pardo (2012), Music/voice separation using the similarity matrix.

    >>> beat = np.tile(np.eye(4, 4, dtype=np.float32), (1, 2, 4, 16))
    >>> bool(repetition(beat, hop_s=0.5, lowest_bin=0)[:, 1].min() > 0.4)
    True
    """
    frames = magnitude.shape[3]
    both = magnitude.mean(axis=(0, 1))
    columns = both / (np.linalg.norm(both, axis=0, keepdims=True) + _TINY)
    likeness = columns.T @ columns
    reach = max(1, round(apart_s / hop_s))
    # A frame in a row: rows are gathered and sorted side by side, several times as fast as medians one by one.
    rows = np.ascontiguousarray(np.moveaxis(magnitude, 3, 0))
    repeated = rows.copy()  # where a stretch is too short for anything to repeat
    index = np.arange(frames)
    for frame in range(frames):
        row = likeness[frame].copy()
        row[np.abs(index - frame) < reach] = -1
        count = min(neighbours, max(1, int((row >= 0).sum())))
        nearest = np.argpartition(row, -count)[-count:]
        nearest = nearest[row[nearest] >= 0]
        if len(nearest):
            ranked = np.sort(rows[nearest], axis=0)
            middle = ranked[(len(nearest) - 1) // 2 : len(nearest) // 2 + 1]
            np.minimum(middle.mean(axis=0), rows[frame], out=repeated[frame])
    del rows
    parts = np.empty((len(magnitude), 2, *magnitude.shape[1:]), magnitude.dtype)
    parts[:, 1] = np.moveaxis(repeated, 0, 3)
    np.subtract(magnitude, parts[:, 1], out=parts[:, 0])
    del repeated
    masks = ratio_masks(parts, power=2.0)
    masks[:, 0, :, :lowest_bin], masks[:, 1, :, :lowest_bin] = 0, 1
    return masks


def ratio_masks(parts: np.ndarray, *, power: float = 2.0) -> np.ndarray:
    """Share every bin out in proportion to estimated magnitudes (B, S, 2, F, N); equally where all are zero.

    >>> ratio_masks(np.array([3.0, 1.0]).reshape(1, 2, 1, 1, 1), power=1).ravel().round(3).tolist()
    [0.75, 0.25]
    """
    raised = parts**power
    raised += np.float32(_TINY / parts.shape[1])
    raised /= raised.sum(axis=1, keepdims=True)
    return raised.astype(np.float32, copy=False)


def extend_upwards(masks: np.ndarray, bins: int, how: str) -> np.ndarray:
    """Continue masks (B, S, 2, F, N) up to `bins` bins.

    Args:
        masks: for the lowest F bins.
        bins: F of the result.
        how: "average": the mean of the mask over all bins below; "zero": nothing; "mix": the last stem gets all.

    Raises:
        ParameterError: `how` is none of these.

    >>> extend_upwards(np.full((1, 2, 2, 3, 1), 0.5), 5, "average").shape
    (1, 2, 2, 5, 1)
    """
    above = bins - masks.shape[3]
    if above <= 0:
        return masks
    shape = (*masks.shape[:3], above, masks.shape[4])
    if how == "average":
        top = np.broadcast_to(masks.mean(axis=3, keepdims=True), shape)
    elif how in ("zero", "mix"):
        top = np.zeros(shape, masks.dtype)
        if how == "mix":
            top[:, -1] = 1
    else:
        raise ParameterError(f"--high-band {how}: must be average, zero or mix")
    return np.concatenate([masks, top], axis=3)
