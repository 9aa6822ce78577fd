"""What a recording repeats: for every frame, how loud each band was in the moments most like it.

A loop, a beat or a riff comes back, a voice seldom does. Moments are compared in a few ranges of bands at a time, so
that a bass line finds its repetition under another melody, and the levels of the most similar moments are sorted
band by band: what nearly all of them share is what repeats.

References:
    Rafii and Pardo (2012), Music/voice separation using the similarity matrix.
"""

from __future__ import annotations

import numpy as np

#: Similar moments that are looked at.
MOMENTS = 7
#: Which of them, in order of level, are handed on: one of the quietest, and the median.
RANKS = (1, 3)
#: Ranges of bands that are compared by themselves.
RANGES = 4
#: Frames before and after that make a moment recognisable.
SURROUNDINGS = (-6, -3, 0, 3, 6)
#: How far the surroundings of a compared moment reach, in frames.
AROUND = max(SURROUNDINGS) + 1
#: What pairs of compare-and-swap sort seven values (Knuth, The Art of Computer Programming 3, 5.3.4).
SWAPS = (
    ((0, 6), (2, 3), (4, 5)),
    ((0, 2), (1, 4), (3, 6)),
    ((0, 1), (2, 5), (3, 4)),
    ((1, 2), (4, 6)),
    ((2, 3), (4, 5)),
    ((1, 2), (3, 4), (5, 6)),
)
# Frames whose moments are looked for at a time.
_BLOCK = 256


def repeated_levels(
    levels: np.ndarray, *, memory: int, gap: int, start: int = 0, stop: int | None = None
) -> np.ndarray:
    """Find for every frame the levels that its most similar frames share.

    Args:
        levels: of bands, (C, N, bands), float32; bands are a multiple of 4.
        memory: how far, in frames, similar frames may be away.
        gap: how near, in frames, they may not be.
        start, stop: frames that are wanted; all by default.

    Returns:
        (2 * C, stop - start, bands): the second lowest of seven for every channel, then the median. Where there are
        not yet seven frames to choose from, a frame is its own repetition.

    >>> y = np.random.default_rng(0).random((1, 20, 8), np.float32)
    >>> low, median = repeated_levels(np.tile(y, (1, 10, 1)), memory=100, gap=10)  # 20 frames, ten times
    >>> np.allclose(median[40:160], np.tile(y, (1, 6, 1)))
    True
    """
    channels, frames, bands = levels.shape
    stop = frames if stop is None else stop
    width = bands // RANGES
    # (ranges, N, C * width): one row per moment
    rows = levels.reshape(channels, frames, RANGES, width).transpose(2, 1, 0, 3).reshape(RANGES, frames, -1)
    rows = np.ascontiguousarray(rows)
    smooth, weight = _looks(rows)
    out = np.empty((len(RANKS), channels, stop - start, RANGES, width), np.float32)
    for at in range(start, stop, _BLOCK):
        asked = slice(at, min(at + _BLOCK, stop))
        near = slice(max(0, asked.start - memory), min(frames, asked.stop + memory))
        apart = np.abs(np.arange(asked.start, asked.stop)[:, None] - np.arange(near.start, near.stop))
        unfit = (apart < gap) | (apart > memory)
        for part in range(RANGES):
            similar = _similarity(smooth[part], weight[part], asked, near)
            similar[unfit] = -np.inf
            found = _ranked(rows[part], _moments(similar, asked.start, near.start))
            out[:, :, asked.start - start : asked.stop - start, part] = [
                y.reshape(-1, channels, width).transpose(1, 0, 2) for y in found
            ]
    return out.reshape(len(RANKS) * channels, stop - start, bands)


def _looks(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Describe moments (R, N, D): what is compared, silence added at both ends, and one over its length (R, N)."""
    frames, reach = rows.shape[1], max(SURROUNDINGS)
    level = rows - rows.mean(axis=2, keepdims=True)
    smooth = np.zeros((rows.shape[0], frames + 2 * reach, rows.shape[2]), np.float32)
    middle = smooth[:, reach : reach + frames]
    middle += level
    middle[:, 1:] += level[:, :-1]
    middle[:, :-1] += level[:, 1:]
    count = np.full(frames, 3, np.float32)
    count[0] -= 1
    count[-1] -= 1
    middle /= count[:, None]
    power = np.einsum("rnd,rnd->rn", smooth, smooth)
    length = np.sqrt(sum(power[:, reach + k : reach + k + frames] for k in SURROUNDINGS))
    return smooth, 1 / np.maximum(length, 1e-6)


def _similarity(smooth: np.ndarray, weight: np.ndarray, asked: slice, near: slice) -> np.ndarray:
    """Compare moments asked for with those near (n, m), in proportion to the cosine of what surrounds them."""
    reach = max(SURROUNDINGS)
    # In double precision: products of single precision are rounded as the shapes have it, and of two moments that are
    # all but equally alike, now the one would be chosen and now the other.
    ours, others = (smooth[part.start : part.stop + 2 * reach].astype(np.float64, copy=False) for part in (asked, near))
    product = ours @ others.T
    n, m = asked.stop - asked.start, near.stop - near.start
    similar = product[:n, :m].copy()
    for shift in (reach + k for k in SURROUNDINGS[1:]):
        similar += product[shift : shift + n, shift : shift + m]
    return similar * weight[near]


def _moments(similar: np.ndarray, own: int, first: int) -> list[np.ndarray]:
    """Number the most similar moments of each row, best first; a frame's own number where there are no more."""
    rows = np.arange(len(similar))
    found = []
    for _ in range(MOMENTS):
        best = similar.argmax(axis=1)
        found.append(np.where(np.isfinite(similar[rows, best]), best + first, rows + own))
        similar[rows, best] = -np.inf
    return found


def _ranked(rows: np.ndarray, moments: list[np.ndarray]) -> list[np.ndarray]:
    """Sort the levels of moments value by value, and pick the ranks wanted."""
    values = [rows[moment] for moment in moments]
    for pairs in SWAPS:
        for a, b in pairs:
            values[a], values[b] = np.minimum(values[a], values[b]), np.maximum(values[a], values[b])
    return [values[rank] for rank in RANKS]
