"""Recursive filters in plain numpy, as fast as compiled ones: whole blocks by matrix products.

Importing scipy.signal costs a second, which is longer than most files take to measure. A recursion looks sequential,
but over a block of L samples it is one matrix (outputs and next state from inputs and state), so long signals become
a matrix product plus a scan over the few states between blocks.
"""

from __future__ import annotations

import numpy as np

_BLOCK = 64
_GROUP = 32


class SectionFilter:
    """Filter audio block by block through second-order sections; the state carries over.

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
        step, inputs, outputs, direct = _state_space(np.asarray(sections, np.float64))
        order = len(step)
        self._step, self._inputs = step, inputs
        powers = [np.eye(order)]
        for _ in range(_BLOCK):
            powers.append(step @ powers[-1])
        self._powers = np.stack(powers)
        response = np.array([direct, *(outputs @ p @ inputs for p in powers[: _BLOCK - 1])])
        lag = np.subtract.outer(np.arange(_BLOCK), np.arange(_BLOCK))
        within = np.where(lag >= 0, response[np.maximum(lag, 0)], 0.0)
        self._reach = np.stack([p @ inputs for p in powers[_BLOCK - 1 :: -1]], axis=1)
        self._from_input = np.ascontiguousarray(np.vstack([within, self._reach]).T)
        self._from_state = np.ascontiguousarray(np.stack([outputs @ p for p in powers[:_BLOCK]], axis=1))
        self._prepare_scan(powers[_BLOCK])
        self._state = np.zeros((channels, order))

    def settle(self, value: np.ndarray) -> None:
        """Go on as if a value per signal (C,) had come for ever.

        >>> one_pole = SectionFilter(np.array([[1.0, 0, 0, 1, -0.5, 0]]), 1)
        >>> one_pole.settle(np.ones(1))
        >>> one_pole.process(np.ones((1, 2)))
        array([[2., 2.]])
        """
        steady = np.linalg.solve(np.eye(len(self._step)) - self._step, self._inputs)
        self._state = np.outer(value, steady)

    def _prepare_scan(self, leap: np.ndarray) -> None:
        """Make the matrices that carry the state over a group of blocks at once."""
        order = len(leap)
        leaps = [np.eye(order)]
        for _ in range(_GROUP):
            leaps.append(leap @ leaps[-1])
        # State before block k of a group = leap^k start + sum over j < k of leap^(k-1-j) u_j; k runs to _GROUP.
        carry = np.zeros((_GROUP, order, _GROUP + 1, order))
        for k in range(_GROUP + 1):
            for j in range(min(k, _GROUP)):
                carry[j, :, k] = leaps[k - 1 - j].T
        self._carry = carry.reshape(_GROUP * order, (_GROUP + 1) * order)
        self._leaps = np.ascontiguousarray(np.stack([m.T for m in leaps], axis=1).reshape(order, -1))

    def process(self, y: np.ndarray) -> np.ndarray:
        """Filter the next block (C, T); returns (C, T), float64."""
        channels, length = y.shape
        count, rest = divmod(length, _BLOCK)
        blocks = count + (rest > 0)
        padded = np.zeros((channels, blocks * _BLOCK))
        padded[:, :length] = y
        mixed = padded.reshape(channels, blocks, _BLOCK) @ self._from_input
        states, self._state = self._scan(np.ascontiguousarray(mixed[:, :count, _BLOCK:]), blocks)
        if rest:
            tail = padded[:, count * _BLOCK : length] @ self._reach[:, _BLOCK - rest :].T
            self._state = self._state @ self._powers[rest].T + tail
        out = mixed[:, :, :_BLOCK] + states @ self._from_state
        return out.reshape(channels, -1)[:, :length]

    def _scan(self, pushes: np.ndarray, blocks: int) -> tuple[np.ndarray, np.ndarray]:
        """Turn what each whole block adds (C, m, S) into the states before `blocks` blocks and the state after m."""
        channels, count, order = pushes.shape
        groups = -(-max(count, 1) // _GROUP)
        padded = np.zeros((channels, groups * _GROUP, order))
        padded[:, :count] = pushes
        local = (padded.reshape(channels, groups, -1) @ self._carry).reshape(channels, groups, _GROUP + 1, order)
        state = self._state
        for group in range(groups):
            local[:, group] += (state @ self._leaps).reshape(channels, _GROUP + 1, order)
            state = local[:, group, _GROUP]
        before = local[:, :, :_GROUP].reshape(channels, -1, order)
        after = local[:, count // _GROUP if count < groups * _GROUP else groups - 1]
        at = count % _GROUP if count < groups * _GROUP else _GROUP
        if blocks > before.shape[1]:  # a partial block right after a full group
            before = np.concatenate([before, state[:, None]], axis=1)
        return before[:, :blocks], after[:, at].copy()


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
