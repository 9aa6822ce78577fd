"""Audio that is read in parts, wherever it lies."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
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


class Wave(Protocol):
    """One channel (T,), float32, of which parts are taken by slices: an array, or what reads them from a file."""

    def __len__(self) -> int:
        """Samples."""

    def __getitem__(self, part: slice, /) -> np.ndarray:
        """Some of them."""


class Line:
    """The first channel of audio (C, T), times a gain, as a wave (T,).

    >>> line = Line(np.ones((1, 5), np.float32), 0.5)
    >>> len(line), line[3:9].tolist()
    (5, [0.5, 0.5])
    """

    def __init__(self, y: Samples, gain: float = 1.0) -> None:
        self._samples, self._gain = y, np.float32(gain)

    def __len__(self) -> int:
        return self._samples.shape[1]

    def __getitem__(self, part: slice) -> np.ndarray:
        return self._samples[0:1, part][0] * self._gain


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


def whole(y: Samples) -> np.ndarray:
    """All of it as an array (C, T).

    >>> whole(Beginning(np.ones((1, 5), np.float32), 2)).tolist()
    [[1.0, 1.0]]
    """
    return y[:, 0 : y.shape[1]]


def placed(pieces: Iterable[tuple[int, np.ndarray]], length: int) -> Iterator[np.ndarray]:
    """Lay pieces (n,) of a wave where they belong, with silence between them, and cut or fill it to a length.

    Args:
        pieces: where each begins, and its samples; in order. One may begin before the last has ended: they are added.
        length: samples of the whole.

    Yields:
        Blocks (n,), float32, one after the other.

    >>> ones = np.ones(2, np.float32)
    >>> np.concatenate([*placed([(1, ones), (2, ones), (6, ones)], 7)]).tolist()
    [0.0, 1.0, 2.0, 1.0, 0.0, 0.0, 1.0]
    """
    done, held = 0, np.zeros(0, np.float32)
    for at, piece in itertools.chain(pieces, [(length, np.zeros(0, np.float32))]):
        ready, rest = held[: max(at - done, 0)], held[max(at - done, 0) :]
        shared = min(len(rest), len(piece))
        added = piece[:shared] + rest[:shared]
        held = np.concatenate([added, piece[shared:], rest[shared:]]) if len(rest) else piece
        ready = ready[: length - done]
        yield ready
        done += len(ready)
        while done < min(at, length):
            gap = min(_BLOCK, min(at, length) - done)
            yield np.zeros(gap, np.float32)
            done += gap


def peak_of(y: Samples, channels: int | None = None) -> float:
    """Highest absolute sample of audio (C, T), or of its first so many channels; 0 without any.

    >>> y = np.array([[0.25, -0.5], [1.0, 0.0]], np.float32)
    >>> peak_of(y), peak_of(y, 1), peak_of(np.zeros((2, 0), np.float32))
    (1.0, 0.5, 0.0)
    """
    return max((float(np.abs(block[:channels]).max(initial=0.0)) for block in blocks_of(y)), default=0.0)


def mono_of(y: Samples) -> np.ndarray:
    """Average all channels (T,), float32.

    >>> mono_of(np.array([[1, 0], [0, 0.5]], np.float32)).tolist()
    [0.5, 0.25]
    """
    mean = np.empty(y.shape[1], np.float32)
    for start in range(0, y.shape[1], _BLOCK):
        mean[start : start + _BLOCK] = y[:, start : start + _BLOCK].mean(axis=0)
    return mean
