"""Levels along time in little memory: what gating needs of a recording of any length, and an excerpt of the rest."""

from __future__ import annotations

import math

import numpy as np

#: Power is summed in steps of 10 ms; windows of 400 ms and 3 s begin every 100 ms.
STEPS_PER_SECOND = 100
#: Peaks are noted this often, to foresee what a limiter will do.
PEAKS_PER_STEP = 4
_EVERY = 10
#: Seconds of which an excerpt keeps every step; of longer recordings it keeps every second, fourth ... second.
EXCERPT_S = 512


class Windows:
    """Mean power of all windows of one length, of steps of 10 ms that arrive in pieces.

    Memory grows by 80 bytes per second of audio.

    Args:
        steps: length of a window.

    Attributes:
        highest: the highest mean that a running meter shows, which starts from silence.
        count: steps so far.

    >>> windows = Windows(20)
    >>> for piece in (np.ones(15), np.full(16, 2.0)):
    ...     windows.add(piece)
    >>> windows.means, windows.highest
    (array([1.25, 1.75]), 1.8)
    """

    def __init__(self, steps: int) -> None:
        self._steps, self.highest, self.count = steps, 0.0, 0
        self._recent = np.zeros(steps - 1)
        self._means: list[np.ndarray] = []

    def add(self, powers: np.ndarray) -> None:
        """Take the power of the next steps (n,)."""
        if not len(powers):
            return
        together = np.concatenate([self._recent, powers])
        found = sliding_mean(together, self._steps)
        self.highest = max(self.highest, float(found.max()))
        # Window i ends with step i of the new ones; whole windows begin at 0, 10, 20 ...
        first = max(self.count, self._steps - 1)
        first += -(first - self._steps + 1) % _EVERY
        if first - self.count < len(found):
            self._means.append(found[first - self.count :: _EVERY].copy())
        self._recent = together[len(powers) :].copy()
        self.count += len(powers)

    @property
    def means(self) -> np.ndarray:
        """Means of the whole windows that begin every 100 ms (n,)."""
        return np.concatenate(self._means) if self._means else np.zeros(0)

    def copy(self) -> Windows:
        """One that stands where this one does."""
        made = Windows(self._steps)
        made.__dict__.update(self.__dict__, _means=self._means.copy())
        return made


class Excerpt:
    """Power and peaks of a recording step by step: all of what is short, evenly spread seconds of what is longer.

    Args:
        longest_s: the most seconds that are kept.

    Attributes:
        powers: of every step kept (n,).
        peaks: the highest sample of every quarter of a step (4 n,).

    >>> excerpt = Excerpt()
    >>> excerpt.add(np.ones(250), np.zeros(1000, np.float32))
    >>> len(excerpt.powers), len(excerpt.peaks)
    (250, 1000)
    """

    def __init__(self, longest_s: float = EXCERPT_S) -> None:
        self._longest_s = longest_s
        self._powers, self._peaks = np.zeros(0), np.zeros(0, np.float32)
        self._kept: list[tuple[np.ndarray, np.ndarray]] = []
        self._every, self._second, self._seconds = 1, 0, 0

    def add(self, powers: np.ndarray, peaks: np.ndarray) -> None:
        """Take the next steps (n,) and their peaks (4 n,)."""
        self._powers = np.concatenate([self._powers, powers])
        self._peaks = np.concatenate([self._peaks, peaks])
        whole = len(self._powers) // STEPS_PER_SECOND
        if not whole:
            return
        size = whole * STEPS_PER_SECOND
        kept = slice(-self._second % self._every, None, self._every)
        first = (
            self._powers[:size].reshape(whole, -1)[kept],
            self._peaks[: size * PEAKS_PER_STEP].reshape(whole, -1)[kept],
        )
        self._powers, self._peaks = self._powers[size:], self._peaks[size * PEAKS_PER_STEP :]
        self._second += whole
        self._kept.append((first[0].copy(), first[1].copy()))
        self._seconds += len(first[0])
        while self._seconds > self._longest_s:
            self._kept = [tuple(np.concatenate(parts)[::2] for parts in zip(*self._kept, strict=True))]  # type: ignore[list-item]
            self._every *= 2
            self._seconds = len(self._kept[0][0])

    @property
    def powers(self) -> np.ndarray:
        """Power of the steps that were kept (n,)."""
        return np.concatenate([*(powers.reshape(-1) for powers, _ in self._kept), self._powers])

    @property
    def peaks(self) -> np.ndarray:
        """Their peaks (4 n,)."""
        return np.concatenate([*(peaks.reshape(-1) for _, peaks in self._kept), self._peaks])


def sliding_mean(x: np.ndarray, window: int) -> np.ndarray:
    """Average over `window` neighbours, whole windows only: (n,) -> (max(0, n - window + 1),).

    >>> sliding_mean(np.array([1.0, 2, 3]), 2)
    array([1.5, 2.5])
    """
    if len(x) < window:
        return np.zeros(0)
    total = np.concatenate([[0.0], np.cumsum(x)])
    # Differences of a long sum leave a residue where the signal is silent: no power is negative or that small.
    out = (total[window:] - total[:-window]) / window
    out[out < total[-1] * 1e-15] = 0.0
    return out


def excess(peak: float) -> str:
    """Say by how much a peak above 1 is over full scale.

    >>> excess(2.0), excess(1.0001)
    ('6.0 dB', 'less than 0.1 dB')
    """
    db = 20 * math.log10(peak)
    return f"{db:.1f} dB" if db >= 0.05 else "less than 0.1 dB"
