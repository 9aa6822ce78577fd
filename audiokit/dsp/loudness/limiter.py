"""A look-ahead limiter for true peaks that leaves everything below its ceiling untouched."""

from __future__ import annotations

import math

import numpy as np

from audiokit.dsp.loudness.true_peak import REACH, PeakTracker
from audiokit.errors import ParameterError

_LOOKAHEAD_S = 0.002
_RELEASE_S = 0.08
#: Gain changes between samples bend the waveform a little: aim this far below the ceiling (dB).
_MARGIN_DB = 0.01
#: A gain that has come back to within this of 1 is 1.
_NOTHING = 1e-5


class Limiter:
    """Hold true peaks under a ceiling, block by block, with no delay in what comes out.

    All channels share one gain, so the stereo image stays. The gain starts to fall 4 ms before a peak along a smooth
    curve and recovers with a time constant of 80 ms; passages under the ceiling are passed on bit for bit.

    Args:
        rate: Hz.
        channels: how many.
        ceiling_dbtp: highest true peak that leaves.

    Attributes:
        reduction_db: the largest gain reduction so far.
        limited_s: seconds of audio turned down by more than 0.1 dB so far.

    Raises:
        ParameterError: the ceiling is not a finite number of decibels.

    >>> limiter = Limiter(44_100, 1, ceiling_dbtp=-6.0)
    >>> tone = np.sin(np.arange(44_100) * 0.1, dtype=np.float32)[None]
    >>> held = np.concatenate([limiter.process(tone), limiter.flush()], axis=1)
    >>> held.shape, round(float(np.abs(held).max()), 2), round(limiter.reduction_db, 1)
    ((1, 44100), 0.5, 6.1)
    """

    def __init__(self, rate: int, channels: int, *, ceiling_dbtp: float = -1.0) -> None:
        if not math.isfinite(ceiling_dbtp):
            raise ParameterError(f"limiter ceiling {ceiling_dbtp}: not a number of decibels")
        self._ceiling = 10 ** ((ceiling_dbtp - _MARGIN_DB) / 20)
        self._rate, self._channels = rate, channels
        self._half = max(1, round(_LOOKAHEAD_S * rate))
        self._decay = 1 / (_RELEASE_S * rate)
        self.reduction_db = 0.0
        self.limited_s = 0.0
        self._tracker = PeakTracker(rate, channels)
        self._waiting = np.zeros((channels, 0), np.float32)
        self._skip = 2 * self._half
        self._last_over = 0.0
        self._last_depth = 0.0
        self._needed = np.zeros(2 * self._half)
        self._held = np.zeros(2 * self._half)

    def process(self, y: np.ndarray) -> np.ndarray:
        """Take the next block (C, T) and return what is ready (C, n), float32."""
        self._waiting = np.concatenate([self._waiting, y], axis=1, dtype=np.float32)
        count, places, levels = self._tracker.process(y, floor=self._ceiling)
        if not count:
            return self._waiting[:, :0]
        gain = self._gain(count, places, levels)
        if self._skip:
            dropped = min(self._skip, count)
            gain, self._skip = gain[dropped:], self._skip - dropped
        ready, self._waiting = self._waiting[:, : len(gain)], self._waiting[:, len(gain) :]
        lowest = float(gain.min(initial=1.0))
        if lowest == 1.0:
            return np.ascontiguousarray(ready)
        self.reduction_db = max(self.reduction_db, -20 * math.log10(lowest))
        self.limited_s += float(np.count_nonzero(gain < 0.9886)) / self._rate
        return ready * gain

    def flush(self) -> np.ndarray:
        """Return the samples (C, n) that were still waiting."""
        return self.process(np.zeros((self._channels, REACH + 2 * self._half), np.float32))

    def _gain(self, count: int, places: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Turn peaks, each at a place and up to the next, into gains (count,), late by the look-ahead."""
        gain = np.ones(count, np.float32)
        needed = 1 - self._ceiling / levels.astype(np.float64)
        wanted = np.zeros(count + 1)
        wanted[places] = needed
        wanted[places + 1] = np.maximum(wanted[places + 1], needed)
        wanted[0] = max(wanted[0], self._last_over)
        self._last_over = float(wanted[count])
        over = np.flatnonzero(wanted[:count])
        for start, stop in self._stretches(over, wanted[over], count):
            gain[start:stop] = self._curve(wanted[start:stop])
        return gain

    def _stretches(self, over: np.ndarray, depths: np.ndarray, count: int) -> list[tuple[int, int]]:
        """Where gains may differ from 1, in order and apart: from each demand until it is released and smoothed."""
        carried = max(self._last_depth, float(self._needed.max()))
        if carried or self._held.any():
            over, depths = np.concatenate([[0], over]), np.concatenate([[carried], depths])
        if not len(over):
            return []
        released_in = np.log(np.maximum(depths, _NOTHING) / _NOTHING) / self._decay
        stops = np.maximum.accumulate(over + np.ceil(released_in).astype(np.int64) + 4 * self._half + 2)
        first = np.concatenate([[True], over[1:] > stops[:-1]])
        last = np.concatenate([first[1:], [True]])
        return [(int(a), min(int(b), count)) for a, b in zip(over[first], stops[last], strict=True)]

    def _curve(self, needed: np.ndarray) -> np.ndarray:
        """Hold each demand of a stretch, let it recover, smooth the corners: gains (n,)."""
        window = 2 * self._half + 1
        needed = np.concatenate([self._needed, needed])
        self._needed = needed[-2 * self._half :]
        depth = released(sliding_max(needed, window), self._last_depth, self._decay)
        self._last_depth = float(depth[-1])
        held = np.concatenate([self._held, depth])
        self._held = held[-2 * self._half :]
        return 1 - _smooth(held, window)


def sliding_max(x: np.ndarray, window: int) -> np.ndarray:
    """Find the largest of each `window` neighbours: (n,) -> (n - window + 1,).

    Runs of 2, 4, 8 ... are made of two runs half as long: a few passes, each at the speed of memory.

    >>> sliding_max(np.array([1.0, 3, 2, 0, 0]), 3)
    array([3., 3., 2.])
    """
    size, largest = 1, x
    while 2 * size <= window:
        largest = np.maximum(largest[:-size], largest[size:])
        size *= 2
    # Two runs that overlap cover the window.
    return np.maximum(largest[: len(x) - window + 1], largest[window - size :])


def released(x: np.ndarray, before: float, decay: float) -> np.ndarray:
    """Let values x (n,) >= 0 fall no faster than exp(-decay) per step, starting after the value `before`.

    >>> released(np.array([1.0, 0, 0]), 0.0, float(np.log(2)))
    array([1.  , 0.5 , 0.25])
    """
    steps = decay * np.arange(len(x) + 1)
    with np.errstate(divide="ignore"):
        logs = np.log(np.concatenate([[before], x])) + steps
    out = np.exp(np.maximum.accumulate(logs) - steps)[1:]
    out[out < _NOTHING] = 0.0
    return out


def _smooth(x: np.ndarray, window: int) -> np.ndarray:
    """Average over `window` neighbours with a smooth bell (three boxes): (n,) -> (n - window + 1,)."""
    first = (window + 2) // 3
    for size in (first, first, window + 2 - 2 * first):
        total = np.concatenate([[0.0], np.cumsum(x)])
        x = (total[size:] - total[:-size]) / size
    return np.maximum(x, 0.0)
