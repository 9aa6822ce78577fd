"""Parts of a sound that is too long to be held: pieces that overlap, and what lies shortly behind."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from audiokit.engine.sound import Sound

Array = NDArray[np.float32]
# A reader may go back by this much.
_BACK_S = 2.0


def pieces(sound: Sound, size_s: float, shared_s: float) -> Iterator[tuple[Array, int]]:
    """Yield pieces of a sound (C, n) and the sample at which each begins; neighbours share some seconds.

    All lie in the same memory: a piece is gone when the next one is asked for.

    >>> sound = Sound.of(np.zeros((1, 9), np.float32), 1)
    >>> [(y.shape[1], start) for y, start in pieces(sound, 4.0, 1.0)]
    [(4, 0), (6, 3)]
    """
    size, shared = round(size_s * sound.rate), round(shared_s * sound.rate)
    held = np.empty((sound.channels, 2 * size - shared), np.float32)
    start = filled = 0
    for block in sound.blocks():
        while block.shape[1]:
            if filled == held.shape[1]:  # what follows makes a piece of its own that is never short
                yield held[:, :size], start
                start, filled = start + size - shared, size
                held[:, :filled] = held[:, size - shared :]
            count = min(block.shape[1], held.shape[1] - filled)
            held[:, filled : filled + count] = block[:, :count]
            filled, block = filled + count, block[:, count:]
    yield held[:, :filled], start


class Behind:
    """Reads a sound on as it is asked for, and forgets what lies more than two seconds behind."""

    def __init__(self, sound: Sound) -> None:
        self._blocks = sound.blocks()
        self._back = round(_BACK_S * sound.rate)
        self._held = np.zeros((sound.channels, 0), np.float32)
        self._at = 0

    def take(self, start: int, stop: int) -> Array:
        """Samples start to stop (C, stop - start), zeros where there are none.

        >>> Behind(Sound.of(np.ones((1, 2), np.float32), 8000)).take(-1, 3).tolist()
        [[0.0, 1.0, 1.0, 0.0]]
        """
        parts, end = [self._held], self._at + self._held.shape[1]
        while end < stop:
            block = next(self._blocks, None)
            if block is None:
                break
            parts.append(block)
            end += block.shape[1]
        forget = max(0, min(start - self._back, end) - self._at)
        self._held = np.concatenate(parts, axis=1)[:, forget:]
        self._at += forget
        out = np.zeros((self._held.shape[0], stop - start), np.float32)
        low, high = max(start, self._at), min(stop, end)
        if low < high:
            out[:, low - start : high - start] = self._held[:, low - self._at : high - self._at]
        return out
