"""Moving means, minima and maxima along one axis: by doubling, where no rounding adds up, and as scipy has them.

Neither imports scipy.ndimage, which takes a tenth of a second of processor time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audiokit.dsp.spectrum.compiled import compiled

#: What scipy's compiled filters call zeros beyond the ends.
_ZEROS = 4
#: Values worked on at once, so that all passes over them stay in the cache.
_BLOCK = 1 << 15


def moving_mean(x: np.ndarray, size: int, *, axis: int, mode: str = "nearest") -> np.ndarray:
    """Replace every value by the mean of `size` values around it, as `scipy.ndimage.uniform_filter1d` does.

    Sums of 1, 2, 4... neighbours are added up to the window. Nothing is subtracted, so that means of what is not
    negative are not negative, and a loud place leaves no rounding behind.

    Args:
        x: any array of floats.
        size: values in a window, odd.
        axis: along which.
        mode: what lies beyond the ends: "nearest" (the last value) or "reflect" (from the last value backwards).

    Returns:
        Array of the same shape and type.

    >>> moving_mean(np.array([0.0, 3.0, 0.0, 0.0]), 3, axis=0)
    array([1., 1., 1., 0.])
    """

    def mean(padded: np.ndarray, out: np.ndarray) -> None:
        length, at, width = out.shape[-1], 0, 1
        sums, out[...] = padded, 0
        while True:
            if size & width:
                out += sums[..., at : at + length]
                at += width
            if 2 * width > size:
                break
            sums = sums[..., :-width] + sums[..., width:]
            width *= 2
        out /= size

    return _moved(x, size, axis, mode, mean)


def mean_with_zeros(x: np.ndarray, size: int, *, axis: int = -1) -> np.ndarray:
    """Replace every value by the mean of `size` values around it, zeros beyond the ends, by one sum that is moved.

    To the bit what `scipy.ndimage.uniform_filter1d` makes with mode="constant": it is the same compiled function.

    Args:
        x: any array of floats.
        size: values in a window, not below 1.
        axis: along which.

    Returns:
        Array of the same shape and type.

    >>> mean_with_zeros(np.array([3.0, 3.0, 0.0, 3.0]), 3)
    array([2., 2., 2., 1.])
    """
    filters = compiled("scipy.ndimage._nd_image")
    if filters is None:
        from scipy.ndimage import uniform_filter1d

        return np.asarray(uniform_filter1d(x, size, axis=axis, mode="constant"))
    out = np.zeros_like(x, order="C")
    filters.uniform_filter1d(x, size, axis % x.ndim, out, _ZEROS, 0.0, 0)
    return out


def moving_minimum(x: np.ndarray, size: int, *, axis: int, mode: str = "nearest") -> np.ndarray:
    """Replace every value by the least of `size` values around it, as `scipy.ndimage.minimum_filter1d` does.

    >>> moving_minimum(np.array([4.0, 1.0, 5.0, 6.0, 7.0]), 3, axis=0)
    array([1., 1., 1., 5., 6.])
    """
    return _moved(x, size, axis, mode, lambda padded, out: _extreme(padded, out, size, np.minimum))


def moving_maximum(x: np.ndarray, size: int, *, axis: int, mode: str = "nearest") -> np.ndarray:
    """Replace every value by the largest of `size` values around it, as `scipy.ndimage.maximum_filter1d` does.

    >>> moving_maximum(np.array([4.0, 1.0, 5.0, 6.0, 7.0]), 3, axis=0)
    array([4., 5., 6., 7., 7.])
    """
    return _moved(x, size, axis, mode, lambda padded, out: _extreme(padded, out, size, np.maximum))


def _extreme(padded: np.ndarray, out: np.ndarray, size: int, function: Any) -> None:
    """Two windows of a power of two, which overlap, make one of any size."""
    width = 1
    while 2 * width <= size:
        padded = function(padded[..., :-width], padded[..., width:])
        width *= 2
    length = out.shape[-1]
    function(padded[..., :length], padded[..., size - width : size - width + length], out=out)


def _moved(
    x: np.ndarray, size: int, axis: int, mode: str, work: Callable[[np.ndarray, np.ndarray], None]
) -> np.ndarray:
    """Give some rows at a time, longer by a window, to `work`."""
    if not x.size or size == 1:
        return x.copy()
    rows = np.moveaxis(x, axis, -1)
    flat = rows.reshape(-1, rows.shape[-1])
    out = np.empty(flat.shape, x.dtype)
    beyond = ((0, 0), (size // 2, size // 2))
    step = max(1, _BLOCK // (flat.shape[1] + size))
    for start in range(0, len(flat), step):
        some = flat[start : start + step]
        work(np.pad(some, beyond, mode="edge" if mode == "nearest" else "symmetric"), out[start : start + step])
    return np.ascontiguousarray(np.moveaxis(out.reshape(rows.shape), -1, axis))
