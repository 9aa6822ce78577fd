"""A voice of any length put together from frames that are made as they are needed (WORLD, part by part).

WORLD's synthesis starts its pulses, and its noise, anew whenever it is called. Parts begin a little early, on a pitch
that brings their pulses to where those of the part before are; only the noise of breath is drawn anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from audiokit.dsp.rhythm.playing import crossfade
from audiokit.dsp.voice.envelopes import HOP_S
from audiokit.dsp.voice.world import synthesise_voice

#: Gives the frames of a voice from one to before another: pitch (n,), power envelopes (n, F), aperiodicity (n, B).
Frames = Callable[[int, int], tuple[np.ndarray, np.ndarray, np.ndarray]]
#: Frames of a part; up to twice as many are one part.
PART = 2000
#: Frames before a part in which its pulses are moved into place, in which they then settle, and frames after it.
_MOVED, _SETTLED, _AFTER = 21, 20, 24
#: Two parts fade into each other over this long.
_FADE_S = 0.02
#: Pitch in Hz from which a part comes, and what WORLD takes where there is none.
_FROM_HZ, _UNVOICED_HZ = 200.0, 500.0


def synthesise_in_parts(frames: Frames, count: int, rate: int) -> Iterator[np.ndarray]:
    """Put a voice together part by part.

    Args:
        frames: gives some of its frames.
        count: frames N of the whole.
        rate: sample rate in Hz.

    Yields:
        Audio (n,), float32, round(N * HOP_S * rate) samples in all. Up to twenty seconds they are those of
        `synthesise_voice`; beyond, all but the noise is within rounding of them.

    >>> def steady(start, stop):
    ...     n = stop - start
    ...     return np.full(n, 200.0), np.full((n, 513), 1e-4, np.float32), np.full((n, 1), -60.0)
    >>> [len(y) for y in synthesise_in_parts(steady, 5000, 16000)]
    [160000, 240000]
    """
    early = _whole_samples(rate)
    hop, fade = HOP_S * rate, round(_FADE_S * rate)
    starts = [k * PART for k in range(max(1, count // PART))]
    phase, old = 0.0, np.zeros(0, np.float32)
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        first = start and start - early
        last = count if following is None else min(count, following + _AFTER)
        f0, envelope, bands = frames(first, last)
        pulsed = f0 if not start else _in_phase(f0, rate, phase)
        y = synthesise_voice(pulsed, envelope, bands, rate)[round((start - first) * hop) :]
        if start:
            rise = ((np.arange(fade) + 0.5) / fade).astype(np.float32)
            y[:fade] = crossfade(old, y[:fade], rise)
        if following is None:
            rest = round(count * hop) - round(start * hop)
            yield np.pad(y, (0, max(0, rest - len(y))))[:rest]
            return
        stop = round((following - start) * hop)
        old = y[stop : stop + fade].copy()
        at = round((following - early - first) * hop) + _place(rate)
        phase = float(_phases(pulsed, rate)[at])
        yield y[:stop]


def _whole_samples(rate: int) -> int:
    """Frames by which parts begin early: enough of them, and a whole number of samples."""
    step = 200 // math.gcd(rate, 200)
    return -(-(_MOVED + _SETTLED) // step) * step


def _place(rate: int) -> int:
    """The sample of a part at which its pulses are in place."""
    return math.ceil((_whole_samples(rate) - _SETTLED + 1) * HOP_S * rate)


def _in_phase(f0_hz: np.ndarray, rate: int, phase: float) -> np.ndarray:
    """Begin a part on another pitch, so that its pulses are in a phase when they are in place."""
    moved, at = _whole_samples(rate) - _SETTLED, _place(rate)
    begun = f0_hz[: moved + 4].copy()

    def reached(hz: float) -> float:
        begun[:moved] = hz
        return float(_phases(begun, rate)[at])

    found = reached(_FROM_HZ)
    missing = (phase - found + np.pi) % (2 * np.pi) - np.pi
    out = f0_hz.copy()
    out[:moved] = _FROM_HZ + missing / (reached(_FROM_HZ + 1) - found)
    return out


def _phases(f0_hz: np.ndarray, rate: int) -> np.ndarray:
    """Phase of the pulses at every sample (T,), to the bit as WORLD interpolates the pitch of frames (N,)."""
    frame_s = np.arange(len(f0_hz) + 1) * HOP_S
    values = np.append(f0_hz, 2 * f0_hz[-1] - f0_hz[-2])
    voiced = np.append(f0_hz > 0, False).astype(float)
    voiced[-1] = 2 * voiced[-2] - voiced[-3]
    at_s = np.arange(int(len(f0_hz) * HOP_S * rate)) / rate
    index = np.searchsorted(frame_s, at_s, side="right") - 1
    share = (at_s - frame_s[index]) / np.diff(frame_s)[index]
    hz = values[index] + share * np.diff(values)[index]
    hz[voiced[index] + share * np.diff(voiced)[index] <= 0.5] = _UNVOICED_HZ
    return np.cumsum(2 * np.pi / rate * hz)
