"""Peaks between the samples: what a signal reaches after conversion to analogue, by 4x oversampling."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

#: Samples on each side that the interpolation looks at.
REACH = 16
_STEP = 16


class PeakTracker:
    """Follow the true peak of audio that arrives in blocks.

    Rates from 96 kHz are oversampled twice and from 192 kHz not at all, as ITU-R BS.1770-4 (annex 2) suggests: their
    samples already lie that close.

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

    def process(self, y: np.ndarray, floor: float = 0.0) -> np.ndarray:
        """Take the next block (C, T) and return its peaks (n,), the highest channel's, from each sample to the next.

        The last `REACH` samples so far are still waiting for their right-hand neighbours. Where nothing can exceed
        `floor`, the points between the samples are left out, which saves most of the work.
        """
        y = np.concatenate([self._context, y], axis=1, dtype=np.float32)
        count = max(0, y.shape[1] - 2 * REACH + 1)
        self._context = np.ascontiguousarray(y[:, count:])
        if not count:
            return np.zeros(0, np.float32)
        here = y[:, REACH - 1 : REACH - 1 + count]
        peaks = np.maximum(here.max(axis=0), -here.min(axis=0))
        if self.factor > 1:
            _raise_between(peaks, y, self.factor, floor)
        self.peak = max(self.peak, float(peaks.max()))
        return peaks

    def flush(self) -> np.ndarray:
        """Return the peaks (n,) of the samples that were waiting, followed by silence."""
        return self.process(np.zeros((self._channels, REACH), np.float32))


def true_peak(y: np.ndarray, rate: int) -> float:
    """Find the highest level between and on the samples of y (C, T), as an amplitude.

    >>> true_peak(np.zeros((2, 100)), 44_100)
    0.0
    """
    tracker = PeakTracker(rate, y.shape[0])
    for start in range(0, y.shape[1], 1 << 16):
        tracker.process(y[:, start : start + (1 << 16)], floor=tracker.peak)
    tracker.flush()
    return tracker.peak


def _raise_between(peaks: np.ndarray, y: np.ndarray, factor: int, floor: float) -> None:
    """Raise `peaks` (n,) to the values between the samples; y (C, n + 2 REACH - 1) carries the context."""
    kernel, gain = _kernel(factor)
    count = len(peaks)
    blocks = -(-count // _STEP)
    span = len(kernel)
    padded = np.zeros((y.shape[0], (blocks - 1) * _STEP + span), np.float32)
    padded[:, : y.shape[1]] = y
    windows = np.lib.stride_tricks.sliding_window_view(padded, span, axis=1)[:, ::_STEP]
    largest = np.abs(padded[:, : blocks * _STEP]).max(axis=0).reshape(blocks, _STEP).max(axis=1)
    tail = np.abs(padded[:, blocks * _STEP :]).max(initial=0.0)
    after = np.maximum(np.append(largest[1:], tail), np.append(largest[2:], [tail, tail])[:blocks])
    hot = np.flatnonzero(np.maximum(largest, after) * gain > floor)
    raised = np.zeros((blocks, _STEP), np.float32)
    for channel in windows:
        between = (channel[hot] @ kernel).reshape(len(hot), factor - 1, _STEP)
        raised[hot] = np.maximum(raised[hot], np.maximum(between.max(axis=1), -between.min(axis=1)))
    np.maximum(peaks, raised.reshape(-1)[:count], out=peaks)


@lru_cache
def _kernel(factor: int) -> tuple[np.ndarray, float]:
    """Make the matrix (span, points * step) that interpolates a run of samples by a Kaiser-windowed sinc.

    Returns:
        The matrix, and how much an interpolated value can exceed the largest sample around it.
    """
    kernel = np.zeros((_STEP + 2 * REACH - 1, factor - 1, _STEP))
    for point in range(1, factor):
        distance = np.arange(-REACH + 1, REACH + 1) - point / factor
        taps = np.sinc(distance) * np.i0(5.0 * np.sqrt(1 - (distance / REACH) ** 2)) / np.i0(5.0)
        taps /= taps.sum()
        for k in range(_STEP):
            kernel[k : k + 2 * REACH, point - 1, k] = taps
    return kernel.reshape(len(kernel), -1).astype(np.float32), float(np.abs(kernel).sum(axis=0).max()) * 1.001
