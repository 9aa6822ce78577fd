"""Power of notes on a time grid that is dense at the attack, and how it goes on beyond what was heard."""

from __future__ import annotations

import numpy as np

#: Times after the onset at which a held note is described: 5 ms apart at first, 150 ms at the end.
HELD_S = np.concatenate([[0.0], np.cumsum(0.005 * 1.0493 ** np.arange(71))])


#: Level below which nothing is kept.
FLOOR_DB = -120.0


def interpolate(values: np.ndarray, at: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Read values (C, G) that are known at ascending places (G,) at any others (N,): straight lines, (C, N).

    >>> interpolate(np.array([[0.0, 2.0, 2.0]]), np.array([0.0, 1.0, 2.0]), np.array([-1.0, 0.25, 9.0])).tolist()
    [[0.0, 0.5, 2.0]]
    """
    index = np.clip(np.searchsorted(at, times, side="right") - 1, 0, len(at) - 2)
    share = np.clip((times - at[index]) / (at[index + 1] - at[index]), 0.0, 1.0)
    return values[:, index] * (1 - share) + values[:, index + 1] * share


def _fade_index(seen_s: float) -> int:
    """The last grid point that was seen."""
    return max(1, int(np.searchsorted(HELD_S, seen_s * 1.0001 + 1e-6, side="right")) - 1)


def _to_grid(power: np.ndarray, step_s: float, times: np.ndarray, held: int) -> np.ndarray:
    """Average power around every grid time."""
    total = np.concatenate([np.zeros((len(power), 1)), np.cumsum(power, axis=1)], axis=1)
    out = np.zeros((len(power), len(times)))
    for grid in (slice(0, len(HELD_S)), slice(len(HELD_S), len(times))):
        t = times[grid]
        middle = (t[:-1] + t[1:]) / 2
        low, high = np.concatenate([t[:1], middle]), np.concatenate([middle, t[-1:]])
        if grid.start == 0:  # keep the last held cell clear of the release
            high[held] = min(high[held], t[held] + 0.01)
        a = np.clip(np.round(low / step_s + 0.5).astype(int), 0, power.shape[1] - 1)
        b = np.clip(np.round(high / step_s + 0.5).astype(int), a + 1, power.shape[1])
        out[:, grid] = (total[:, b] - total[:, a]) / (b - a)
    return out


def _continue_course(db: np.ndarray, held: int) -> None:
    """Let held frames that were never seen go on as the last ones went, in place."""
    back = int(np.searchsorted(HELD_S, HELD_S[held] * 0.6))
    slope = np.minimum((db[:, held] - db[:, back]) / max(HELD_S[held] - HELD_S[back], 1e-3), 0)
    last = len(HELD_S)
    course = db[:, held : held + 1] + slope[:, None] * (HELD_S[held + 1 :] - HELD_S[held])
    db[:, held + 1 : last] = np.maximum(course, FLOOR_DB)
