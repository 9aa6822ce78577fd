"""Spectra gathered into overlapping bands, narrow where harmonics lie and wider above, and spread out again."""

from __future__ import annotations

import numpy as np


def band_filters(*, n_fft: int, bands: int, single: int) -> np.ndarray:
    """Build overlapping triangles that share every bin out among neighbouring bands.

    Centres lie on the first `single` bins, then at distances that grow by a constant factor up to the last bin.

    Returns:
        Filters (bands, F), float32, whose columns sum to 1.

    >>> bool(np.allclose(band_filters(n_fft=512, bands=64, single=16).sum(axis=0), 1))
    True
    """
    last, more = n_fft // 2, bands - single
    low, high = 1.0, 2.0
    for _ in range(60):  # bisect the growth factor with which the last centre falls on the last bin
        growth = (low + high) / 2
        reach = single - 1 + np.sum(growth ** np.arange(1, more + 1))
        low, high = (growth, high) if reach < last else (low, growth)
    centers = np.concatenate([np.arange(single), single - 1 + np.cumsum(low ** np.arange(1, more + 1))])
    centers[-1] = last
    bins = np.arange(last + 1)
    return np.stack([np.interp(bins, centers, np.eye(bands)[band]) for band in range(bands)]).astype(np.float32)


class Bands:
    """Gather bins into bands and spread bands over bins.

    Args:
        n_fft, bands, single: as for `band_filters`.

    Attributes:
        centers: where the bands are highest, in bins.

    >>> bands = Bands(n_fft=512, bands=64, single=16)
    >>> levels = bands.gather(np.ones((257, 5), np.float32))
    >>> levels.shape, bool(np.allclose(bands.spread(np.ones((64, 5), np.float32)), 1))
    ((64, 5), True)
    """

    def __init__(self, *, n_fft: int, bands: int, single: int) -> None:
        filters = band_filters(n_fft=n_fft, bands=bands, single=single)
        self.centers = filters.argmax(axis=1)
        self._edge = single - 1  # below it, a band is a bin
        self._wide = np.ascontiguousarray(filters[self._edge :, self._edge :])

    def gather(self, x: np.ndarray) -> np.ndarray:
        """Sum bins (..., F, N) into bands (..., bands, N)."""
        return np.concatenate([x[..., : self._edge, :], self._wide @ x[..., self._edge :, :]], axis=-2)

    def spread(self, x: np.ndarray) -> np.ndarray:
        """Give every bin the mean of the bands that it is part of: (..., bands, N) to (..., F, N)."""
        return np.concatenate([x[..., : self._edge, :], self._wide.T @ x[..., self._edge :, :]], axis=-2)
