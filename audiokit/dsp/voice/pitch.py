"""Who measures pitch: WORLD's estimators, which are built in, or a network that an extra brings.

Reference: Nieradzik (2025), SwiftF0: fast and accurate monophonic pitch detection.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from audiokit.errors import MissingExtraError

if TYPE_CHECKING:
    import numpy as np

#: The choices of `--pitch-tracker`.
PitchTracker = Literal["world", "swift-f0"]
#: The rate that the network wants, and the pitch it is asked for.
LEARNT_RATE, LOWEST_HZ, HIGHEST_HZ = 16_000, 50.0, 1100.0
#: The network calls a frame voiced from this confidence on.
CONFIDENT = 0.5


def check_tracker(tracker: str) -> None:
    """Refuse a tracker whose package is not here, before any work is done.

    Raises:
        MissingExtraError: the extra `pitch` is not installed.

    >>> check_tracker("world")
    """
    if tracker == "swift-f0" and find_spec("swift_f0") is None:
        raise MissingExtraError.of("pitch", "--pitch-tracker swift-f0")


@cache
def _detector() -> Any:
    """Load the network, once per process.

    Raises:
        MissingExtraError: swift-f0 is not installed.
    """
    check_tracker("swift-f0")
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1, spin=False)


def learnt_pitch(y: np.ndarray, rate: int, times_s: np.ndarray) -> np.ndarray:
    """Measure the pitch of one voice with the network.

    Args:
        y: audio (T,), float.
        rate: its sample rate in Hz.
        times_s: where the pitch is wanted (N,), rising.

    Returns:
        Pitch in Hz (N,), float64; 0 where there is none. Between the network's frames, 16 ms apart, it is drawn
        straight on a logarithmic scale.

    Raises:
        MissingExtraError: the extra `pitch` is not installed.

    >>> learnt_pitch(np.zeros(1600), 16_000, np.zeros(1))  # doctest: +SKIP
    array([0.])
    """
    import numpy as np
    import soxr

    detector = _detector()
    mono = np.asarray(y, np.float32)
    if rate != LEARNT_RATE:
        mono = np.asarray(soxr.resample(mono, rate, LEARNT_RATE, quality="HQ"))
    peak = float(np.abs(mono).max(initial=0.0))
    if peak < 1e-5:
        return np.zeros(len(times_s))
    found = detector.detect(mono * np.float32(0.5 / peak), LEARNT_RATE, fmin=LOWEST_HZ, fmax=HIGHEST_HZ)
    voiced = found.confidence >= CONFIDENT
    if not voiced.any():
        return np.zeros(len(times_s))
    log_hz = np.interp(times_s, found.timestamps[voiced], np.log(found.pitch_hz[voiced]))
    step = found.timestamps[1] - found.timestamps[0] if len(found.timestamps) > 1 else 1.0
    nearest = np.clip(np.round(times_s / step).astype(int), 0, len(voiced) - 1)
    return np.where(voiced[nearest], np.exp(log_hz), 0.0)
