"""When the key of a recorded note was let go."""

from __future__ import annotations

import numpy as np

_STEP_S, _SMOOTH_S = 0.01, 0.04
_BEFORE_S, _AFTER_S, _SLOPE_S = 0.03, 0.2, 0.3
_LEAST_DROP_DB, _STAYS_DB, _QUIET_DB = 10.0, 10.0, 50.0
_OFF_COURSE_DB = 0.5


def find_release(y: np.ndarray, rate: int) -> float | None:
    """Find the moment from which a note falls much faster than it did before, and does not come back.

    A plucked string or a bell that rings until the end has none: its fall goes on as it began.

    Args:
        y: audio (T,), the note starting at sample 0.
        rate: sample rate in Hz.

    Returns:
        Seconds from the start, or None if the note was never let go.

    >>> t = np.arange(32000) / 16000
    >>> tone = np.sin(2 * np.pi * 440 * t)
    >>> round(find_release(tone * np.where(t < 1.2, 1, np.exp(-30 * (t - 1.2))), 16000), 1)
    1.2
    >>> find_release(tone * np.exp(-3 * t), 16000) is None
    True
    """
    hop, width = round(_STEP_S * rate), round(_SMOOTH_S * rate)
    power = np.concatenate([[0.0], np.cumsum(y.astype(np.float64) ** 2)])
    centre = np.arange(0, len(y), hop)
    low, high = np.maximum(centre - width // 2, 0), np.minimum(centre + width // 2, len(y))
    mean = (power[high] - power[low]) / np.maximum(high - low, 1)
    level = 10 * np.log10(np.maximum(mean, mean.max(initial=0.0) * 1e-9 + 1e-20))
    before, after, back = (round(x / _STEP_S) for x in (_BEFORE_S, _AFTER_S, _SLOPE_S))
    at = np.arange(before + back, len(level) - after)
    if len(at) == 0:
        return None
    slope = np.minimum(level[at - before] - level[at - before - back], 0.0) / back
    drop = level[at - before] + slope * (before + after) - level[at + after]
    best = int(at[drop.argmax()]) - before
    course, start = float(slope[drop.argmax()]), level[best]
    if drop.max() < _LEAST_DROP_DB or level[best + before + after :].max() > start - _STAYS_DB:
        return None
    if start < level.max() - _QUIET_DB:
        return None
    part = level[best : best + before + after + 1]
    steepest = int(np.diff(part).argmin())
    on_course = np.flatnonzero(part[: steepest + 1] > start + course * np.arange(steepest + 1) - _OFF_COURSE_DB)
    return float((best + (on_course[-1] if len(on_course) else 0)) * _STEP_S)
