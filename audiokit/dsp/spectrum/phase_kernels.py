"""Inner loops of phase retrieval; the only one that numpy cannot do is compiled for long sounds, with the same bits.

Loading compiled code takes half a second of processor time, and compiling it for the first time on a machine another
half. Sounds of a few seconds are done before that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

#: Interpreted bins after which compiled code is loaded: a tenth to a fifth of a second.
_PATIENCE = 200_000
#: Values worked on at once, so that they stay in the cache.
_BLOCK = 1 << 13
_seen = 0


def worth_compiling(bins: int) -> bool:
    """Tell whether to go on with compiled code, after all the bins that this process has spread before.

    A process never loses more by waiting than by loading at once; a batch of short files loads soon.

    >>> worth_compiling(1 << 30)
    True
    """
    global _seen
    _seen += bins
    return _seen > _PATIENCE


@cache
def compiled() -> Callable[..., None]:
    """Compile `spread_phase`, or load it from numba's cache: without fast maths, so that the bits are Python's."""
    from numba import njit

    try:
        return njit(cache=True)(spread_phase)
    except RuntimeError:  # nowhere to keep it: neither the package's folder nor the user's can be written to
        return njit(spread_phase)


def spread_phase(
    phase: Any, closed: Any, level: Any, right: Any, down: Any, order: Any, known: Any,
    heads: Any, following: Any, width: int,
) -> None:  # fmt: skip
    """Carry phases from bin to bin, loudest first; all arguments are flat arrays, or lists when interpreted.

    A queue of buckets by log magnitude takes the place of an exact heap: the same order to within a bucket's width,
    and several times faster. The four sides are written out: a loop over them takes twice as long. Rows are `width`
    apart and end in a closed bin, and a closed row lies before and after.

    Args:
        phase, closed: of each bin, changed in place; a closed bin is decided, or never will be.
        level: bucket of each bin.
        right, down: what the phase gains towards the next bin and the next row.
        order: bins to start from where nothing is reached, loudest first.
        known: decided bins to spread first.
        heads: first bin of each bucket, -1 for none.
        following: next bin in the same bucket.
        width: from row to row.
    """
    for k in known:
        following[k] = heads[level[k]]
        heads[level[k]] = k
    current, at = len(heads) - 1, 0
    while True:
        while current >= 0 and heads[current] < 0:
            current -= 1
        if current < 0:
            while at < len(order) and closed[order[at]]:
                at += 1
            if at == len(order):
                return
            k = order[at]
            phase[k] = 0.0
            closed[k] = 1
            current = level[k]
        else:
            k = heads[current]
            heads[current] = following[k]
        here = phase[k]
        other = k + 1
        if not closed[other]:
            phase[other] = here + right[k]
            closed[other] = 1
            following[other] = heads[level[other]]
            heads[level[other]] = other
            current = level[other] if level[other] > current else current
        other = k - 1
        if not closed[other]:
            phase[other] = here - right[other]
            closed[other] = 1
            following[other] = heads[level[other]]
            heads[level[other]] = other
            current = level[other] if level[other] > current else current
        other = k + width
        if not closed[other]:
            phase[other] = here + down[k]
            closed[other] = 1
            following[other] = heads[level[other]]
            heads[level[other]] = other
            current = level[other] if level[other] > current else current
        other = k - width
        if not closed[other]:
            phase[other] = here - down[other]
            closed[other] = 1
            following[other] = heads[level[other]]
            heads[level[other]] = other
            current = level[other] if level[other] > current else current


def accelerate(
    magnitude: np.ndarray, found: np.ndarray, previous: np.ndarray, momentum: float, out: np.ndarray
) -> None:
    """Set out = magnitude * direction of (found + momentum * (found - previous)); complex64 of one shape (N, F).

    >>> S, out = np.array([[3 + 4j, 0]], np.complex64), np.empty((1, 2), np.complex64)
    >>> accelerate(np.full((1, 2), 10, np.float32), S, S, 0.99, out)
    >>> out.round(3)
    array([[6.+8.j, 0.+0.j]], dtype=complex64)
    """
    magnitude, found, previous, out = (x.reshape(-1) for x in (magnitude, found, previous, out))
    pairs, before = found.view(np.float32), previous.view(np.float32)
    ahead, square = np.empty(2 * _BLOCK, np.float32), np.empty(2 * _BLOCK, np.float32)
    for start in range(0, len(out), _BLOCK):
        part = slice(start, min(start + _BLOCK, len(out)))
        both = slice(2 * part.start, 2 * part.stop)
        count = both.stop - both.start
        now, power = ahead[:count], square[:count]
        np.subtract(pairs[both], before[both], out=now)
        now *= np.float32(momentum)
        now += pairs[both]
        np.multiply(now, now, out=power)
        size = power[::2] + power[1::2]
        size += np.float32(1e-20)
        np.sqrt(size, out=size)
        np.divide(magnitude[part], size, out=size)
        np.multiply(now.view(np.complex64), size, out=out[part])


def overlap_add(frames: Any, hop: int, y: Any) -> None:
    """Add frames (N, n) that begin `hop` apart to y (T,), T being at least as long."""
    n = frames.shape[1]
    for i in range(frames.shape[0]):
        y[i * hop : i * hop + n] += frames[i]
