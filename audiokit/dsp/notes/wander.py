"""Smooth random curves: what makes partials beat."""

from __future__ import annotations

from typing import Any

import numpy as np

from audiokit.dsp.notes.time_grid import interpolate

#: Numbers of a curve that are held: more are drawn as they are needed.
_HELD = 512


class Wander:
    """Smooth random curves of unit variance that move about `hz` times per second, up to `end_s`.

    They are read from the beginning to the end. Each is drawn as a whole before the next, but of long ones no more
    than the part that is read is kept: the generator's state where each goes on stands for the rest.

    Args:
        count: curves.
        end_s: seconds that they last.
        hz: turns in a second.
        rng: source of all of them.

    >>> curves = Wander(2, 600.0, 3.0, np.random.default_rng(0))
    >>> curves.at(np.arange(0, 5, 0.1)).shape, curves.at(np.arange(599, 600, 0.1)).shape
    ((2, 50), (2, 10))
    """

    def __init__(self, count: int, end_s: float, hz: float, rng: np.random.Generator) -> None:
        self._step = 1 / (4 * hz)
        self._columns = int(end_s / self._step) + 5
        self._first, self._states = 0, list[Any]()
        if self._columns <= _HELD:
            self._drawn = rng.standard_normal((count, self._columns))
            return
        self._own = type(rng)(type(rng.bit_generator)(0))
        self._drawn = np.zeros((count, 0))
        for _ in range(count):
            self._states.append(rng.bit_generator.state)
            rng.standard_normal(self._columns)

    def at(self, times: np.ndarray) -> np.ndarray:
        """Read them at times (N,) in seconds, ascending and none before the first of those read last: (count, N)."""
        # A place lies between two knots, each of which is made of three numbers that were drawn.
        first = min(int(times[0] / self._step) - 1, self._columns - 4)
        self._draw(min(self._columns, int(times[-1] / self._step) + 5))
        self._drawn, self._first = self._drawn[:, max(0, first - self._first) :], max(first, self._first)
        drawn = self._drawn
        knots = (drawn[:, :-2] + 2 * drawn[:, 1:-1] + drawn[:, 2:]) / np.sqrt(6)
        places = np.arange(self._first, self._first + knots.shape[1])
        return interpolate(knots, places * self._step, times) * 1.15

    def _draw(self, stop: int) -> None:
        """Go on to a column, in every row."""
        missing = stop - self._first - self._drawn.shape[1]
        if missing <= 0 or not self._states:
            return
        more = np.empty((len(self._drawn), missing))
        for row, state in enumerate(self._states):
            self._own.bit_generator.state = state
            self._own.standard_normal(out=more[row])
            self._states[row] = self._own.bit_generator.state
        self._drawn = np.concatenate([self._drawn, more], axis=1)
