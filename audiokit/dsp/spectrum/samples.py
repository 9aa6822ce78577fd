"""Audio that is read in parts, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

_BLOCK = 1 << 18


class Samples(Protocol):
    """Audio (C, T), float32, of which parts are taken by slices: an array, or what reads them from a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels and samples."""

    def __getitem__(self, part: tuple[slice, slice], /) -> np.ndarray:
        """Some channels of some samples."""


class Beginning:
    """The first samples of audio (C, T), without reading them.

    >>> y = Beginning(np.ones((1, 5), np.float32), 3)
    >>> y.shape, y[:, 2:9].shape
    ((1, 3), (1, 1))
    """

    def __init__(self, y: Samples, length: int) -> None:
        self._samples, self.shape = y, (y.shape[0], min(y.shape[1], length))

    def __getitem__(self, part: tuple[slice, slice]) -> np.ndarray:
        return self._samples[part[0], slice(*part[1].indices(self.shape[1]))]


def blocks_of(y: Samples, size: int = _BLOCK) -> Iterator[np.ndarray]:
    """Take audio (C, T) in blocks (C, up to size), in order.

    >>> [block.shape for block in blocks_of(np.zeros((2, 5), np.float32), 2)]
    [(2, 2), (2, 2), (2, 1)]
    """
    for start in range(0, y.shape[1], size):
        yield y[:, start : start + size]


def mono_of(y: Samples) -> np.ndarray:
    """Average all channels (T,), float32.

    >>> mono_of(np.array([[1, 0], [0, 0.5]], np.float32)).tolist()
    [0.5, 0.25]
    """
    mean = np.empty(y.shape[1], np.float32)
    for start in range(0, y.shape[1], _BLOCK):
        mean[start : start + _BLOCK] = y[:, start : start + _BLOCK].mean(axis=0)
    return mean
