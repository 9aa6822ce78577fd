"""Run a picture-to-picture network over a picture of any length, in windows of the length it was trained on.

Networks with instance norm look at the whole window they are given, so the window is part of the model: its
length is fixed by the front-end, windows overlap by half and are cross-faded. The answer therefore does not depend
on how the picture arrives or how many frames are held at a time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from audiokit.dsp.spectrum.style import StyleFrontend
from audiokit.errors import ParameterError

Picture = Callable[[np.ndarray], np.ndarray]


class Slider:
    """Answer a picture that arrives block by block.

    The last window is aligned with the end; a picture shorter than one window is continued by its mirror image.

    Args:
        network: maps pictures (1, 1, bins, frames), float32, to the same shape.
        total: frames of the whole picture.
        frontend: gives the window's length.
        overlap: share of a window that it has in common with the next.
    """

    def __init__(
        self,
        network: Picture,
        total: int,
        frontend: StyleFrontend,
        *,
        overlap: float = 0.5,
    ) -> None:
        if not 0 <= overlap < 1:
            raise ParameterError(f"overlap is in 0..1, not {overlap}")
        self.network, self.total, self.bins = network, total, frontend.bins
        self.size = frontend.frames
        step = max(1, round(self.size * (1 - overlap)))
        self.starts = [*range(0, max(1, total - self.size), step)]
        if total > self.size and self.starts[-1] != total - self.size:
            self.starts.append(total - self.size)
        ramp = np.hanning(self.size + 2)[1:-1].astype(np.float32)
        self.weight = ramp + np.float32(1e-3)
        self.held = np.zeros((self.bins, 0), np.float32)
        self.sum = np.zeros((self.bins, 0), np.float32)
        self.norm = np.zeros(0, np.float32)
        self.offset = 0

    def push(self, block: np.ndarray) -> np.ndarray:
        """Take frames (bins, n); return the answers (bins, k) that later frames cannot change."""
        self.held = np.concatenate([self.held, block], axis=1)
        parts = []
        while self.starts and self.starts[0] + self.size <= self.offset + self.held.shape[1]:
            parts.append(self._window(self.held[:, self.starts[0] - self.offset :][:, : self.size]))
        return np.concatenate(parts, axis=1) if parts else np.zeros((self.bins, 0), np.float32)

    def finish(self) -> np.ndarray:
        """Return the remaining answers (bins, k)."""
        count = self.held.shape[1]
        if self.starts and count:  # shorter than one window
            # numpy mirrors once per call at most count - 1 frames, "symmetric" any number
            mirrored = np.pad(self.held, ((0, 0), (0, self.size - count)), mode="symmetric")
            self._window(mirrored)
            return self._emit(count)
        return self._emit(self.sum.shape[1])

    def _window(self, x: np.ndarray) -> np.ndarray:
        start = self.starts.pop(0)
        y = self.network(np.ascontiguousarray(x)[None, None])[0, 0]
        at = start - self.offset
        missing = at + self.size - self.sum.shape[1]
        if missing > 0:
            self.sum = np.pad(self.sum, ((0, 0), (0, missing)))
            self.norm = np.pad(self.norm, (0, missing))
        self.sum[:, at : at + self.size] += y * self.weight
        self.norm[at : at + self.size] += self.weight
        return self._emit((self.starts[0] - self.offset) if self.starts else 0)

    def _emit(self, count: int) -> np.ndarray:
        done = self.sum[:, :count] / self.norm[:count]
        self.sum, self.norm = self.sum[:, count:].copy(), self.norm[count:].copy()
        self.held = self.held[:, count:].copy()
        self.offset += count
        return done
