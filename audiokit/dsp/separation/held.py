"""Frames that are held while they are needed, in the pieces that they came in."""

from __future__ import annotations

import numpy as np


class Frames:
    """Consecutive frames (..., n): new ones are put behind, old ones dropped, without copies of the whole.

    Attributes:
        start, stop: the first frame held and one past the last, counted from the first that was ever put in.

    >>> frames = Frames()
    >>> for k in range(4):
    ...     frames.push(np.array([[2 * k, 2 * k + 1]]))
    >>> frames.drop(3)
    >>> frames.between(3, 6).tolist(), frames.start, frames.stop
    ([[3, 4, 5]], 3, 8)
    """

    def __init__(self) -> None:
        self.start = self.stop = 0
        self._pieces: list[np.ndarray] = []

    def push(self, frames: np.ndarray) -> None:
        """Put frames (..., n) behind those held."""
        self._pieces.append(frames)
        self.stop += frames.shape[-1]

    def between(self, start: int, stop: int) -> np.ndarray:
        """Give frames (..., stop - start), all of which are held."""
        found, at = [], self.start
        for piece in self._pieces:
            if start < at + piece.shape[-1] and at < stop:
                found.append(piece[..., max(0, start - at) : stop - at])
            at += piece.shape[-1]
        return np.concatenate(found, axis=-1) if len(found) > 1 else found[0]

    def drop(self, before: int) -> None:
        """Forget the frames before one."""
        while self._pieces and self.start + self._pieces[0].shape[-1] <= before:
            self.start += self._pieces.pop(0).shape[-1]
        if before > self.start:
            self._pieces[0] = self._pieces[0][..., before - self.start :]
            self.start = before

    def take(self, count: int) -> np.ndarray:
        """Give the oldest frames (..., count), and forget them."""
        found = self.between(self.start, self.start + count)
        self.drop(self.start + count)
        return found
