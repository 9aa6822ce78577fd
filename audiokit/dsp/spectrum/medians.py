"""Running medians along one axis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from audiokit.dsp.spectrum.compiled import compiled

#: Values worked on at once, and the widest window that a network is made for: above, scipy's sorted window is faster.
_BLOCK = 1 << 14
_WIDEST = 33
#: What scipy's compiled filters call values mirrored at the ends.
_REFLECT = 2


def median_of(x: np.ndarray) -> float:
    """Median of all values (N,), to the bit as `np.median` has it, without the 15 ms in which that loads masked arrays.

    >>> median_of(np.array([4.0, 1.0, 3.0, 9.0])), median_of(np.array([4.0, 1.0, 3.0]))
    (3.5, 3.0)
    """
    half = len(x) // 2
    ordered = np.partition(x, [half - 1, half] if len(x) % 2 == 0 else [half])
    return float(ordered[half - 1 : half + 1].mean() if len(x) % 2 == 0 else ordered[half])


def running_median(x: np.ndarray, size: int, *, axis: int, mode: str = "reflect") -> np.ndarray:
    """Replace every value by the median of its neighbours along one axis, as `scipy.ndimage.median_filter` does.

    Rows are laid end to end, with room for the window between them. Windows of up to 33 values go through a network
    of minima and maxima of whole arrays, in which neighbouring windows share what they have in common; wider ones
    through scipy, which keeps a sorted window for arrays of one dimension only. The values are the same.

    Args:
        x: any array.
        size: values that a median is taken of, odd.
        axis: along which.
        mode: what lies beyond the ends: "reflect" (the edge value twice) or "nearest".

    Returns:
        Array of the same shape and type.

    References:
        Batcher (1968), Sorting networks and their applications; Hardle and Steiger (1995), Optimal median smoothing
        (AS 296).

    >>> running_median(np.array([[1.0, 9.0, 2.0, 3.0, 8.0]]), 3, axis=1)
    array([[1., 2., 3., 3., 8.]])
    """
    half = size // 2
    if not x.size or not half:
        return x.copy()
    rows = np.moveaxis(x, axis, -1)
    beyond = [(0, 0)] * (rows.ndim - 1) + [(half, half)]
    padded = np.pad(rows, beyond, mode="symmetric" if mode == "reflect" else "edge")
    if size <= _WIDEST:
        found = np.empty(padded.shape, padded.dtype)
        _run(_network(size), padded.reshape(-1), found.reshape(-1)[half : padded.size - half])
    else:
        found = _by_sorted_window(padded.reshape(-1), size).reshape(padded.shape)
    return np.ascontiguousarray(np.moveaxis(found[..., half : half + rows.shape[-1]], -1, axis))


def _by_sorted_window(signal: np.ndarray, size: int) -> np.ndarray:
    """Medians of a signal (T,), T at least `size`, whose ends do not matter, by scipy's compiled function.

    `import scipy.ndimage` takes a fifth of a second of processor time, this function alone a millisecond.
    """
    filters = compiled("scipy.ndimage._rank_filter_1d")
    if filters is None or signal.dtype not in (np.float32, np.float64):
        from scipy.ndimage import median_filter

        return np.asarray(median_filter(signal, size))
    out = np.empty_like(signal)
    filters.rank_filter(signal, size // 2, size, out, _REFLECT, signal.dtype.type(0), 0)
    return out


@dataclass(frozen=True)
class _Step:
    """The minimum or maximum of two earlier results, each read from a place on; result 0 is the signal itself."""

    largest: bool
    left: tuple[int, int]
    right: tuple[int, int]
    beyond: int  # values that later steps need after the block's end
    done: tuple[int, ...]  # results that nobody needs after this step


#: A value of a window: a result, and how far from the window's first place it is read.
_Value = tuple[int, int]


class _Maker:
    """Make steps, each once: what windows share is the same step read at another place."""

    def __init__(self) -> None:
        self.steps: list[tuple[bool, _Value, _Value]] = []
        self._known: dict[tuple[bool, _Value, _Value], int] = {}

    def compare(self, a: _Value, b: _Value) -> tuple[_Value, _Value]:
        """The smaller and the larger of two values."""
        first = min(a[1], b[1])
        low, high = sorted([(a[0], a[1] - first), (b[0], b[1] - first)])
        made = []
        for largest in (False, True):
            if (largest, low, high) not in self._known:
                self.steps.append((largest, low, high))
                self._known[largest, low, high] = len(self.steps)
            made.append((self._known[largest, low, high], first))
        return made[0], made[1]

    def sort(self, values: list[_Value]) -> list[_Value]:
        """Sort by merging halves; the left one is a power of two long, so that windows share it."""
        if len(values) < 2:
            return values
        middle = 1 << (len(values) - 1).bit_length() - 1
        return self.merge(self.sort(values[:middle]), self.sort(values[middle:]))

    def merge(self, a: list[_Value], b: list[_Value]) -> list[_Value]:
        """Merge sorted lists: even and odd places each by themselves, then neighbours."""
        if not a or not b:
            return a or b
        if len(a) == len(b) == 1:
            return list(self.compare(a[0], b[0]))
        even, odd = self.merge(a[::2], b[::2]), self.merge(a[1::2], b[1::2])
        out = [even[0]]
        for k in range(max(len(odd), len(even) - 1)):
            pair = [values[at] for values, at in ((odd, k), (even, k + 1)) if at < len(values)]
            out += self.compare(*pair) if len(pair) == 2 else pair
        return out


@cache
def _network(size: int) -> tuple[_Step, ...]:
    """Make the steps that lead to the median of `size` neighbours, and none else."""
    maker = _Maker()
    goal, shift = maker.sort([(0, k) for k in range(size)])[size // 2]
    reach = {goal: shift}  # how far beyond the block each needed result is read
    for k in range(goal, 0, -1):
        for value, place in maker.steps[k - 1][1:] if k in reach else ():
            reach[value] = max(reach.get(value, 0), reach[k] + place)
    names = {old: new for new, old in enumerate(sorted(reach))}
    last: dict[int, int] = {}
    for k in sorted(reach):
        for value, _ in maker.steps[k - 1][1:] if k else ():
            last[value] = k
    return tuple(
        _Step(
            largest, (names[low[0]], low[1]), (names[high[0]], high[1]), reach[k],
            tuple(sorted({names[v] for v in (low[0], high[0]) if v and last[v] == k})),
        )
        for k in sorted(reach) if k for largest, low, high in [maker.steps[k - 1]]
    )  # fmt: skip


def _run(steps: tuple[_Step, ...], signal: np.ndarray, out: np.ndarray) -> None:
    """Write the medians of a signal (T,) into out (T - size + 1,), block by block."""
    beyond = signal.size - out.size
    spare = [np.empty(_BLOCK + beyond, signal.dtype) for _ in range(2 * beyond)]
    for start in range(0, out.size, _BLOCK):
        count = min(_BLOCK, out.size - start)
        results: list[np.ndarray | None] = [signal[start : start + count + beyond]]
        for step in steps:
            length = count + step.beyond
            (left, i), (right, j) = step.left, step.right
            made = spare.pop() if spare else np.empty(_BLOCK + beyond, signal.dtype)
            function = np.maximum if step.largest else np.minimum
            function(results[left][i : i + length], results[right][j : j + length], out=made[:length])  # type: ignore[index]
            results.append(made)
            for value in step.done:
                spare.append(results[value])  # type: ignore[arg-type]
                results[value] = None
        final = results[-1]
        assert final is not None
        out[start : start + count] = final[steps[-1].beyond : steps[-1].beyond + count]
        spare.append(final)
