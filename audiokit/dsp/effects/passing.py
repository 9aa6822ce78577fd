"""A signal that passes by: any stretch of it in turn, of which no more is held than the stretch and a block."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


class Passing:
    """Audio that comes in blocks, read in stretches that may overlap but never begin before the last one.

    Args:
        blocks: arrays (C, n), float32, in order.
        channels: C.

    >>> sound = Passing(iter([np.array([[1, 2, 3]], np.float32), np.array([[4]], np.float32)]), 1)
    >>> sound.take(-1, 2).tolist(), sound.take(1, 6).tolist()
    ([[0.0, 1.0, 2.0]], [[2.0, 3.0, 4.0, 0.0, 0.0]])
    """

    def __init__(self, blocks: Iterable[np.ndarray], channels: int) -> None:
        self.channels, self._blocks = channels, iter(blocks)
        self._held, self._first = np.zeros((channels, 0), np.float32), 0

    def take(self, start: int, stop: int) -> np.ndarray:
        """Give samples start to stop (C, stop - start); before the beginning and after the end there are zeros."""
        while self._first + self._held.shape[1] < stop and (block := next(self._blocks, None)) is not None:
            gone = min(max(0, start - self._first), self._held.shape[1])
            self._held = np.concatenate([self._held[:, gone:], block], axis=1, dtype=np.float32)
            self._first += gone
        low, high = start - self._first, stop - self._first
        if low >= 0 and high <= self._held.shape[1]:
            return self._held[:, low:high]
        out = np.zeros((len(self._held), stop - start), np.float32)
        there = self._held[:, max(0, low) : max(0, high)]
        out[:, max(0, -low) : max(0, -low) + there.shape[1]] = there
        return out
