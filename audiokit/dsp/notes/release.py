"""When the key of a recorded note was let go."""

from __future__ import annotations

import numpy as np

from audiokit.dsp.spectrum.samples import Wave

#: Levels that are measured at once.
_AT_ONCE = 1 << 12
_STEP_S, _SMOOTH_S = 0.01, 0.04
_BEFORE_S, _AFTER_S, _SLOPE_S = 0.03, 0.2, 0.3
_LEAST_DROP_DB, _STAYS_DB, _QUIET_DB = 10.0, 10.0, 50.0
_OFF_COURSE_DB = 0.5
#: What is said of a note lies within so many seconds of its start and of its release; others are left out in steps.
_REACH_S, _STEPS_S = 4, 0.02


def find_release(y: Wave, rate: int) -> float | None:
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
    centre = np.arange(0, len(y), hop)
    low, high = np.maximum(centre - width // 2, 0), np.minimum(centre + width // 2, len(y))
    mean = np.empty(len(centre))
    for k in range(0, len(centre), _AT_ONCE):
        part, first = slice(k, k + _AT_ONCE), int(low[k])
        power = np.cumsum(y[first : int(high[part][-1])].astype(np.float64) ** 2)
        power = np.concatenate([[0.0], power])
        mean[part] = (power[high[part] - first] - power[low[part] - first]) / np.maximum(high[part] - low[part], 1)
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


def described(y: Wave, rate: int, held_s: float | None) -> tuple[np.ndarray, float | None]:
    """The parts of a note that its description is made of: its start, and what lies around its release.

    Args:
        y: audio (T,), the note starting at sample 0.
        rate: sample rate in Hz.
        held_s: when it was let go, or None.

    Returns:
        Audio (T',), float32, of no more than about twelve seconds, and when that was let go.

    >>> y = np.zeros(100_000, np.float32)
    >>> [(len(part), held_s) for part, held_s in (described(y, 1000, held_s) for held_s in (None, 2.0, 90.0))]
    [(4000, None), (6000, 2.0), (12000, 8.0)]
    """
    reach = _REACH_S * rate
    if held_s is None:
        return y[:reach], None
    step = round(_STEPS_S * rate)
    left_out = max(0, (int(held_s * rate) - 2 * reach) // step) * step
    stop = int(held_s * rate) + reach
    if not left_out:
        return y[:stop], held_s
    return np.concatenate([y[:reach], y[reach + left_out : stop]]), held_s - left_out / rate
