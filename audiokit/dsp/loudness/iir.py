"""Recursive filters in plain numpy, as fast as compiled ones: whole blocks by matrix products.

Importing scipy.signal costs half a second, which is longer than most files take to measure. A recursion looks
sequential, but over a block of L samples it is one matrix (outputs and next state from inputs and state), so long
signals become a matrix product plus a scan over the few states between blocks.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

_BLOCK = 64
#: Blocks whose states are found by one product; as many of these groups make a group of the next level.
_GROUP = 32


class SectionFilter:
    """Filter audio block by block through second-order sections; the state carries over.

    The state is kept in float64 whatever comes: a rounding error in it would ring on. What leaves is as precise as what
    came, float32 or float64.

    Args:
        sections: (n, 6): b0 b1 b2 a0 a1 a2 of each section.
        channels: how many signals are filtered side by side.

    References:
        Burrus (1972), Block realization of digital filters.

    >>> one_pole = SectionFilter(np.array([[1.0, 0, 0, 1, -0.5, 0]]), 1)
    >>> one_pole.process(np.array([[1.0, 0, 0]])), one_pole.process(np.array([[0.0]]))
    (array([[1.  , 0.5 , 0.25]]), array([[0.125]]))
    """

    def __init__(self, sections: np.ndarray, channels: int) -> None:
        self._matrices = _matrices(tuple(map(tuple, np.asarray(sections, np.float64).tolist())))
        self._state = np.zeros((channels, 2 * len(sections)))

    def settle(self, value: np.ndarray) -> None:
        """Go on as if a value per signal (C,) had come for ever.

        >>> one_pole = SectionFilter(np.array([[1.0, 0, 0, 1, -0.5, 0]]), 1)
        >>> one_pole.settle(np.ones(1))
        >>> one_pole.process(np.ones((1, 2)))
        array([[2., 2.]])
        """
        step, inputs = self._matrices.step, self._matrices.inputs
        self._state = np.outer(value, np.linalg.solve(np.eye(len(step)) - step, inputs))

    def process(self, y: np.ndarray) -> np.ndarray:
        """Filter the next block (C, T); returns (C, T), float32 of float32 and float64 of all else."""
        channels, length = y.shape
        kind = np.float32 if y.dtype == np.float32 else np.float64
        made = self._matrices
        count, rest = divmod(length, _BLOCK)
        blocks = count + (rest > 0)
        padded = np.zeros((channels, blocks * _BLOCK), kind)
        padded[:, :length] = y
        pushes = padded.astype(np.float64, copy=False).reshape(channels, blocks, _BLOCK) @ made.reach.T
        if rest:  # not a whole block: its state is found by itself
            tail = padded[:, count * _BLOCK : length].astype(np.float64) @ made.reach[:, _BLOCK - rest :].T
        before, self._state = made.scan(pushes, self._state)
        if rest:
            self._state = before[:, count] @ made.powers[rest].T + tail
        out = padded.reshape(channels, blocks, _BLOCK) @ made.within.astype(kind, copy=False)
        out += before.astype(kind, copy=False) @ made.from_state.astype(kind, copy=False)
        return out.reshape(channels, -1)[:, :length]


class _Matrices:
    """What a cascade does to a block: the same for all filters of its design."""

    def __init__(self, sections: np.ndarray) -> None:
        step, inputs, outputs, direct = _state_space(sections)
        self.order, self.step, self.inputs = len(step), step, inputs
        powers = [np.eye(self.order)]
        for _ in range(_BLOCK):
            powers.append(step @ powers[-1])
        self.powers = np.stack(powers)
        response = np.array([direct, *(outputs @ p @ inputs for p in powers[: _BLOCK - 1])])
        lag = np.subtract.outer(np.arange(_BLOCK), np.arange(_BLOCK))
        self.within = np.ascontiguousarray(np.where(lag >= 0, response[np.maximum(lag, 0)], 0.0).T)
        self.reach = np.stack([p @ inputs for p in powers[_BLOCK - 1 :: -1]], axis=1)
        self.from_state = np.ascontiguousarray(np.stack([outputs @ p for p in powers[:_BLOCK]], axis=1))
        self._levels: list[tuple[np.ndarray, np.ndarray]] = []
        self._leap = powers[_BLOCK]

    def _level(self, level: int) -> tuple[np.ndarray, np.ndarray]:
        """The matrices that carry the state over a group at once: of blocks, of such groups, and so on."""
        while len(self._levels) <= level:
            leaps = [np.eye(self.order)]
            for _ in range(_GROUP):
                leaps.append(self._leap @ leaps[-1])
            # State before block k of a group = leap^k start + sum over j < k of leap^(k-1-j) u_j; k runs to _GROUP.
            carry = np.zeros((_GROUP, self.order, _GROUP + 1, self.order))
            for k in range(_GROUP + 1):
                for j in range(min(k, _GROUP)):
                    carry[j, :, k] = leaps[k - 1 - j].T
            start = np.stack([m.T for m in leaps], axis=1).reshape(self.order, -1)
            self._levels.append((carry.reshape(_GROUP * self.order, -1), np.ascontiguousarray(start)))
            self._leap = leaps[_GROUP]
        return self._levels[level]

    def scan(self, pushes: np.ndarray, state: np.ndarray, level: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Turn what each block adds (C, m, S) into the states before the blocks (C, m, S) and the state after all."""
        channels, count, order = pushes.shape
        if not count:
            return pushes, state
        carry, start = self._level(level)
        groups = -(-count // _GROUP)
        padded = np.zeros((channels, groups * _GROUP, order))
        padded[:, :count] = pushes
        local = (padded.reshape(channels, groups, -1) @ carry).reshape(channels, groups, _GROUP + 1, order)
        firsts = state[:, None]
        if groups > 1:
            firsts, _ = self.scan(local[:, :, _GROUP], state, level + 1)
        local += (firsts @ start).reshape(channels, groups, _GROUP + 1, order)
        before = local[:, :, :_GROUP].reshape(channels, -1, order)
        return before[:, :count], local[:, groups - 1, count - (groups - 1) * _GROUP].copy()


# Those of fourteen states take some MB, and filters that are drawn at random never come again.
@lru_cache(maxsize=4)
def _matrices(sections: tuple[tuple[float, ...], ...]) -> _Matrices:
    return _Matrices(np.array(sections))


def _state_space(sections: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Write a cascade (transposed direct form II) as s' = A s + B x, y = C s + d x."""
    order = 2 * len(sections)
    step, inputs = np.zeros((order, order)), np.zeros(order)
    through, direct = np.zeros(order), 1.0  # the signal so far, as a function of state and input
    for k, section in enumerate(sections):
        b0, b1, b2, _, a1, a2 = section / section[3]
        first, second = 2 * k, 2 * k + 1
        made = b0 * through
        made[first] += 1.0
        made_direct = b0 * direct
        step[first], inputs[first] = b1 * through - a1 * made, b1 * direct - a1 * made_direct
        step[first, second] += 1.0
        step[second], inputs[second] = b2 * through - a2 * made, b2 * direct - a2 * made_direct
        through, direct = made, made_direct
    return step, inputs, through, direct
