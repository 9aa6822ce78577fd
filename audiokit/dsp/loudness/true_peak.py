"""Peaks between the samples: what a signal reaches after conversion to analogue, by 4x oversampling."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

#: Samples on each side that the interpolation looks at.
REACH = 16
_STEP = 16
#: The bounds below are of real numbers; float32 may round past them.
_ROUNDING = 1.001


class PeakTracker:
    """Follow the true peak of audio that arrives in blocks.

    Rates from 96 kHz are oversampled twice and from 192 kHz not at all, as ITU-R BS.1770-4 (annex 2) suggests: their
    samples already lie that close. Places that cannot hold what is looked for are not oversampled at all.

    Args:
        rate: Hz.
        channels: how many.

    >>> tracker = PeakTracker(48_000, 1)
    >>> tone = np.hanning(4800) * np.sin(np.pi * (np.arange(4800) / 2 + 0.25))  # sampled 45 degrees off its peaks
    >>> _ = tracker.process(0.5 * tone[None])
    >>> round(0.5 * float(np.abs(tone).max()), 3), round(tracker.peak, 2)
    (0.354, 0.5)
    """

    def __init__(self, rate: int, channels: int) -> None:
        self.factor = 4 if rate < 96_000 else 2 if rate < 192_000 else 1
        self.peak = 0.0
        self._channels = channels
        self._context = np.zeros((channels, REACH - 1), np.float32)

    def process(self, y: np.ndarray, floor: float | None = None) -> tuple[int, np.ndarray, np.ndarray]:
        """Take the next block (C, T).

        Args:
            y: audio.
            floor: what is above it is wanted; None if only the highest peak of all is.

        Returns:
            How many samples were looked at (the last `REACH` so far are still waiting for their right-hand
            neighbours); and from which of them to the next the highest channel exceeds the floor (k,), in order, and
            what it reaches there (k,).
        """
        y = np.concatenate([self._context, y], axis=1, dtype=np.float32)
        count = max(0, y.shape[1] - 2 * REACH + 1)
        self._context = y[:, count:].copy()
        if not count:
            return 0, np.zeros(0, np.int64), np.zeros(0, np.float32)
        padded = np.zeros((self._channels, (-(-count // _STEP) + 2) * _STEP), np.float32)
        padded[:, : y.shape[1]] = y
        level = _highest(np.abs(padded))
        here = level[REACH - 1 : REACH - 1 + count]
        self.peak = max(self.peak, float(here.max()))
        wanted = self.peak if floor is None else floor
        if self.factor == 1:
            places = np.flatnonzero(here > wanted)
            return count, places, here[places]
        hot = np.flatnonzero(_bounds(padded, level, self.factor) > wanted)
        places = (hot[:, None] * _STEP + np.arange(_STEP)).reshape(-1)
        levels = _between(padded, hot, self.factor).reshape(-1)
        inside = places < count
        places = places[inside]
        levels = np.maximum(levels[inside], here[places])
        self.peak = max(self.peak, float(levels.max(initial=0.0)))
        above = levels > wanted
        return count, places[above], levels[above]

    def flush(self) -> float:
        """Look at the samples that were waiting, followed by silence; returns the highest peak of all."""
        self.process(np.zeros((self._channels, REACH), np.float32))
        return self.peak

    def copy(self) -> PeakTracker:
        """One that stands where this one does."""
        made = object.__new__(PeakTracker)
        made.__dict__.update(self.__dict__)
        return made


def true_peak(y: np.ndarray, rate: int) -> float:
    """Find the highest level between and on the samples of y (C, T), as an amplitude.

    >>> true_peak(np.zeros((2, 100)), 44_100)
    0.0
    """
    tracker = PeakTracker(rate, y.shape[0])
    for start in range(0, y.shape[1], 1 << 16):
        tracker.process(y[:, start : start + (1 << 16)])
    return tracker.flush()


def _highest(levels: np.ndarray) -> np.ndarray:
    """The highest channel: (C, n) -> (n,)."""
    return levels[0] if len(levels) == 1 else levels.max(axis=0)


def _bounds(padded: np.ndarray, level: np.ndarray, factor: int) -> np.ndarray:
    """What no interpolated value of each `_STEP` samples (n,) exceeds; padded (C, (n + 2) * _STEP) begins with context.

    An interpolated value is a sum of samples, so it is at most the largest one times the sum of the weights' sizes. A
    much closer bound where the signal bends little: a straight line between the two samples beside it, plus a sum of
    second differences around it, at most the largest one times the sum of *their* weights' sizes.
    """
    _, gain, slope, bend = _kernel(factor)
    bent = np.zeros_like(padded)
    np.subtract(padded[:, 2:], padded[:, 1:-1], out=bent[:, 1:-1])
    bent[:, 1:-1] -= padded[:, 1:-1] - padded[:, :-2]
    largest, sharpest = _block_max(level), _block_max(_highest(np.abs(bent, out=bent)))
    beside = np.maximum(largest[:-2], largest[1:-1])
    around = np.maximum(beside, largest[2:])
    curved = np.maximum(np.maximum(sharpest[:-2], sharpest[1:-1]), sharpest[2:])
    return np.minimum(around * gain, beside + around * slope + curved * bend) * np.float32(_ROUNDING)


def _block_max(x: np.ndarray) -> np.ndarray:
    """The largest of every `_STEP` values; turned first, for then numpy compares whole vectors."""
    return np.ascontiguousarray(x.reshape(-1, _STEP).T).max(axis=0)


def _between(padded: np.ndarray, hot: np.ndarray, factor: int) -> np.ndarray:
    """Interpolate behind each sample of some steps `hot` (h,): the highest of all points and channels (h, _STEP)."""
    kernel = _kernel(factor)[0]
    around = hot[:, None] * _STEP + np.arange(len(kernel))
    found = np.zeros((len(hot), _STEP), np.float32)
    for channel in padded:
        points = np.abs(channel[around] @ kernel).reshape(len(hot), factor - 1, _STEP)
        for k in range(factor - 1):
            np.maximum(found, points[:, k], out=found)
    return found


@lru_cache
def _kernel(factor: int) -> tuple[np.ndarray, np.float32, np.float32, np.float32]:
    """Make the matrix (span, points * step) that interpolates a run of samples by a Kaiser-windowed sinc.

    Returns:
        The matrix, and how much an interpolated value can exceed: the largest sample around it, as a factor; the line
        between its neighbours, in parts of the largest sample and of the largest second difference.
    """
    kernel = np.zeros((_STEP + 2 * REACH - 1, factor - 1, _STEP))
    gain = slope = bend = 0.0
    for point in range(1, factor):
        share = point / factor
        distance = np.arange(-REACH + 1, REACH + 1) - share
        taps = np.sinc(distance) * np.i0(5.0 * np.sqrt(1 - (distance / REACH) ** 2)) / np.i0(5.0)
        taps /= taps.sum()
        # What is left without the line, as weights of first differences; their sums are those of second ones.
        rest = taps.copy()
        rest[REACH - 1 : REACH + 1] -= 1 - share, share
        firsts = np.cumsum(rest)[:-1]
        gain = max(gain, float(np.abs(taps).sum()))
        slope = max(slope, 2 * abs(float(firsts.sum())))
        bend = max(bend, float(np.abs(np.cumsum(firsts)[:-1]).sum()))
        for k in range(_STEP):
            kernel[k : k + 2 * REACH, point - 1, k] = taps
    matrix = kernel.reshape(len(kernel), -1).astype(np.float32)
    return matrix, np.float32(gain), np.float32(slope), np.float32(bend)
