"""Where the harmony moves: on which of the beats of a path the chords and the bass change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audiokit.dsp.rhythm.key import chroma_and_bass
from audiokit.dsp.spectrum.samples import Samples

#: Beats after which chords may come again.
LAGS = (1, 2, 3, 4, 6, 8, 16)
_FLOOR = 0.1


@dataclass(frozen=True)
class Harmony:
    """Pitch classes of everything and of the bass over time.

    Attributes:
        values: (24, N), non-negative: see `chroma_and_bass`.
        frames_per_s: frame rate; frame k is centred on k / frames_per_s.
        sums: of all frames before each (24, N + 1), float64.
    """

    values: np.ndarray
    frames_per_s: float
    sums: np.ndarray

    @staticmethod
    def of(y: Samples, rate: int) -> Harmony:
        """Measure it in audio (C, T)."""
        values, frames_per_s = chroma_and_bass(y, rate)
        # Loudness to the root, so that a held chord counts beside its attack.
        heard = np.sqrt(values.astype(np.float64))
        return Harmony(values, frames_per_s, np.pad(np.cumsum(heard, axis=1), ((0, 0), (1, 0))))

    def between(self, times_s: np.ndarray) -> np.ndarray:
        """Direction of the pitch classes from each time to the next: all and bass (2, 12, K - 1), of length 1."""
        at = np.clip(times_s * self.frames_per_s + 0.5, 0, self.sums.shape[1] - 1)
        low = np.minimum(at.astype(int), self.sums.shape[1] - 2)
        part = at - low
        there = self.sums[:, low] * (1 - part) + self.sums[:, low + 1] * part
        pieces = np.diff(there, axis=1).reshape(2, 12, -1)
        # A little of every class, so that silence is like silence.
        pieces += _FLOOR * pieces.mean(axis=(1, 2), keepdims=True) + 1e-9
        return pieces / np.sqrt((pieces**2).sum(axis=1, keepdims=True))


def changes(pieces: np.ndarray) -> np.ndarray:
    """How much pitch classes (2, 12, K) change from each piece to the next (2, K - 1), 0 to 1."""
    return 1 - (pieces[:, :, 1:] * pieces[:, :, :-1]).sum(axis=1)


def harmony_measures(harmony: Harmony, times_s: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Measure how harmony moves along beats.

    Args:
        harmony: of the recording.
        times_s: beats (B,), at least four.

    Returns:
        How much chords and bass change on each beat but the last (2, B - 1), and measures: how much more they change on
        beats than between them, and how alike they are some beats later (`LAGS`), of all pitch classes and of the bass.
    """
    halves = np.empty(2 * len(times_s) - 1)
    halves[::2], halves[1::2] = times_s, 0.5 * (times_s[1:] + times_s[:-1])
    moves = changes(harmony.between(halves))
    on, off = moves[:, 1::2].mean(axis=1), moves[:, ::2].mean(axis=1)
    pieces = harmony.between(times_s)
    change = changes(pieces)
    change = np.concatenate([change.mean(axis=1, keepdims=True), change], axis=1)
    share = (on - off) / (on + off + 0.01)
    return change, [*share, *on, *_again(pieces, LAGS).ravel()]


def _again(pieces: np.ndarray, lags: Sequence[int]) -> np.ndarray:
    """How alike pitch classes (2, 12, K) are so many pieces later, beyond what any two are (2, len(lags))."""
    count = pieces.shape[2]
    any_two = (pieces.mean(axis=2) ** 2).sum(axis=1)
    alike = np.zeros((2, len(lags)))
    for place, lag in enumerate(lags):
        if count > lag + 3:
            alike[:, place] = (pieces[:, :, lag:] * pieces[:, :, :-lag]).sum(axis=(1, 2)) / (count - lag) - any_two
    return alike
