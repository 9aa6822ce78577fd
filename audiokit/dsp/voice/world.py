"""A voice taken apart into pitch, spectral envelope and breath noise, and put together again (WORLD).

References:
    Morise, Yokomori and Ozawa (2016), WORLD: a vocoder-based high-quality speech synthesis system.
    Morise (2016), D4C, a band-aperiodicity estimator for high-quality speech synthesis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import numpy as np

from audiokit.dsp.spectrum.medians import median_of
from audiokit.dsp.spectrum.samples import Wave
from audiokit.dsp.voice.envelopes import HOP_S, Envelopes, Steadiness, world_library
from audiokit.dsp.voice.pitch import PitchTracker, learnt_pitch
from audiokit.errors import InputError, ParameterError

#: Pitch is found in pieces of so many seconds, with as many of their neighbours as a contour needs to begin and end.
_PIECE_S, _AROUND_S = 20, 2
#: Rates the analysis accepts as they are.
MIN_RATE, MAX_RATE = 16_000, 48_000


@dataclass(frozen=True)
class Voice:
    """One voice as frames every `HOP_S` seconds.

    Attributes:
        f0_hz: pitch (N,), float64; 0 where there is none.
        envelopes: power spectral envelopes (N, F), float32, whole or a few frames at a time.
        bands: aperiodicity of each 3 kHz band in dB (N, B), float32, as D4C estimates it.
        voiced: frames to be synthesised with a pitch (N,).
        strong: voiced frames loud and periodic enough to carry a melody (N,).
        power: of each frame (N,), float64.
        level_db: the same in dB (N,).
        middle: power between 300 and 3000 Hz (N,), float64.
        change: how much the envelope's shape changes around each frame (N,), see `Steadiness`.
        rate: sample rate of the analysis in Hz.
    """

    f0_hz: np.ndarray
    envelopes: Envelopes
    bands: np.ndarray
    voiced: np.ndarray
    strong: np.ndarray
    power: np.ndarray
    level_db: np.ndarray
    middle: np.ndarray
    change: np.ndarray
    rate: int

    @property
    def envelope(self) -> np.ndarray:
        """All envelopes as one array (N, F)."""
        return self.envelopes[:]

    @property
    def frames(self) -> int:
        """Number of frames N."""
        return len(self.f0_hz)

    @property
    def n_fft(self) -> int:
        """FFT length that belongs to the envelope."""
        return 2 * (self.envelopes.shape[1] - 1)

    @property
    def median_hz(self) -> float:
        """Median pitch of the strong frames, 0 without any."""
        f0 = self.f0_hz[self.strong]
        return median_of(f0) if len(f0) else 0.0


def analyse_voice(
    y: Wave, rate: int, *, quality: str = "fast", tracker: str = "world", noise_every: int = 1, keep: bool = True
) -> Voice:
    """Take a voice apart.

    Pitch is first looked for between 60 and 800 Hz, then again around the speaker's own median, which keeps
    octave jumps out. A frame counts as voiced when it has a pitch and its mean aperiodicity below 3 kHz is under
    0.9; resynthesis with a plain "has a pitch" mask buzzes in every consonant.

    Args:
        y: audio (T,), float.
        rate: its sample rate in Hz, 16000 to 48000.
        quality: "fast" (DIO and StoneMask) or "best" (Harvest, refined again: the whole analysis takes
            about three times as long, and copies are clearer).
        tracker: who measures the pitch, a `PitchTracker`; the network also says which frames are voiced, because
            aperiodicity says little in noise and rooms.
        noise_every: frames from one measurement of the aperiodicity to the next, those between drawn straight. It
            takes two thirds of the time of the fast analysis.
        keep: keep the envelopes (49 MB a minute at 44100 Hz); otherwise they are made again where some are asked for.

    Returns:
        The voice, 1 + T // (rate * HOP_S) frames.

    Raises:
        ParameterError: rate, quality or tracker out of range.
        InputError: the audio is shorter than a tenth of a second.
        MissingExtraError: the tracker's extra is not installed.

    >>> t = np.arange(8000) / 16000
    >>> voice = analyse_voice(np.cumsum(np.sin(2 * np.pi * 150 * t) > 0.99) % 2 - 0.5, 16000)
    >>> voice.envelope.shape
    (101, 513)
    """
    pyworld = world_library()

    if not MIN_RATE <= rate <= MAX_RATE:
        raise ParameterError(f"a rate of {rate} Hz is outside {MIN_RATE}..{MAX_RATE} Hz", hint="resample first")
    if quality not in ("fast", "best"):
        raise ParameterError(f"quality {quality!r} is not 'fast' or 'best'")
    if tracker not in get_args(PitchTracker):
        raise ParameterError(f"pitch tracker {tracker!r} is none of {', '.join(get_args(PitchTracker))}")
    if len(y) < rate // 10:
        raise InputError(f"{len(y) / rate:.3f} s of audio is too short for a voice")
    if tracker == "world":
        f0, times = _pitch(y, rate, quality)
    else:
        times = np.arange(1 + int(len(y) / (rate * HOP_S))) * HOP_S
        f0 = learnt_pitch(np.ascontiguousarray(y[:], np.float64), rate, times)
    envelopes = Envelopes(y, rate, f0, keep=keep)
    count, n_fft = len(f0), 2 * (envelopes.shape[1] - 1)
    bands = np.empty((count, pyworld.get_num_aperiodicities(rate)), np.float32)
    low_noise, power, middle = (np.empty(count) for _ in range(3))
    steadiness = Steadiness(envelopes.shape)
    below = max(2, int(3000 / (rate / 2) * (n_fft // 2)))
    heard = np.linspace(0, rate / 2, envelopes.shape[1])
    speech = (heard >= 300) & (heard <= 3000)
    for part in envelopes.parts():  # in pieces: the full-size float64 arrays are large
        rows = envelopes[part]
        power[part], middle[part] = rows.sum(axis=1, dtype=np.float64), rows[:, speech].sum(axis=1, dtype=np.float64)
        steadiness.hear(rows)
        x, from_s = envelopes.around(part)
        at = np.arange(part.start, part.stop, noise_every)
        noise = pyworld.d4c(x, envelopes.f0_hz[at], times[at] - from_s, rate, fft_size=n_fft)
        coded = np.column_stack([noise[:, :below].mean(axis=1), pyworld.code_aperiodicity(noise, rate)])
        if noise_every > 1:
            coded = np.stack([np.interp(np.arange(part.start, part.stop), at, row) for row in coded.T], axis=1)
        low_noise[part], bands[part] = coded[:, 0], coded[:, 1:]
    level_db = 10 * np.log10(power + 1e-12)
    voiced = _drop_short((f0 > 0) & (low_noise < 0.9) if tracker == "world" else f0 > 0, 3)
    loud = np.percentile(level_db, 99)
    strong = voiced & (level_db > loud - 35) & (level_db > -95)
    return Voice(f0, envelopes, bands, voiced, strong, power, level_db, middle, steadiness.change, rate)


def _pitch(x: Wave, rate: int, quality: str) -> tuple[np.ndarray, np.ndarray]:
    pyworld = world_library()
    times = np.arange(1 + int(len(x) / (rate * HOP_S))) * (HOP_S * 1000) / 1000  # to the bit as WORLD counts them

    def coarse(y: np.ndarray) -> np.ndarray:
        return pyworld.dio(y, rate, f0_floor=60, f0_ceil=800, frame_period=HOP_S * 1000)[0]

    def fine(y: np.ndarray) -> np.ndarray:
        # Harvest finds no pitch in sounds of two partials, where DIO does.
        for find in (pyworld.harvest, pyworld.dio) if quality == "best" else (pyworld.dio,):
            f0, at = find(y, rate, f0_floor=max(50.0, middle / 2.1), f0_ceil=middle * 2.3, frame_period=HOP_S * 1000)
            if f0.any():
                break
        return pyworld.stonemask(y, f0, at, rate)

    f0 = _in_pieces(coarse, x, rate)
    heard = f0[f0 > 0]
    if len(heard) < 5:
        return np.zeros_like(f0), times
    middle = median_of(heard)
    return np.ascontiguousarray(_in_pieces(fine, x, rate)), times


def _in_pieces(measure: Callable[[np.ndarray], np.ndarray], x: Wave, rate: int) -> np.ndarray:
    """Measure audio (T,) frame by frame, a long one piece by piece: WORLD holds dozens of copies of what it gets."""
    frames = round(1 / HOP_S)
    found = []
    # Whole seconds, on which samples and frames meet; the last piece is never short.
    for start in range(0, max(1, len(x) // rate - _PIECE_S + 1), _PIECE_S):
        before = min(start, _AROUND_S)
        last = len(x) // rate < start + 2 * _PIECE_S
        stop = len(x) if last else (start + _PIECE_S + _AROUND_S) * rate
        values = measure(np.ascontiguousarray(x[(start - before) * rate : stop], np.float64))
        found.append(values[before * frames : None if last else (before + _PIECE_S) * frames])
    return np.concatenate(found)


def _drop_short(mask: np.ndarray, frames: int) -> np.ndarray:
    """Clear runs of True that are shorter than `frames`."""
    kept = mask.copy()
    for start, stop in runs(mask):
        if stop - start < frames:
            kept[start:stop] = False
    return kept


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """List the (start, stop) of every run of True.

    >>> runs(np.array([0, 1, 1, 0, 1], bool))
    [(1, 3), (4, 5)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def synthesise_voice(
    f0_hz: np.ndarray, envelope: np.ndarray, bands: np.ndarray, rate: int, *, breath: np.ndarray | float = 1.0
) -> np.ndarray:
    """Put a voice together from frames.

    Args:
        f0_hz: pitch (N,); 0 makes a frame noise.
        envelope: power spectral envelope (N, F).
        bands: aperiodicity in dB (N, B) from `analyse_voice`.
        rate: sample rate in Hz.
        breath: factor on the aperiodicity (N,) or one number; below 1 the voice is cleaner.

    Returns:
        Audio (T,), float32, T = N * HOP_S * rate.

    >>> flat = np.full((40, 513), 1e-4, np.float32)
    >>> synthesise_voice(np.full(40, 200.0), flat, np.full((40, 1), -30.0), 16000).shape
    (3200,)
    """
    pyworld = world_library()

    n_fft = 2 * (envelope.shape[1] - 1)
    noise = pyworld.decode_aperiodicity(np.ascontiguousarray(bands, np.float64), rate, n_fft)
    factor = np.broadcast_to(np.asarray(breath, np.float64), f0_hz.shape)[:, None]
    noise = np.where(f0_hz[:, None] > 0, np.clip(noise * factor, 1e-6, 1 - 1e-6), 1 - 1e-6)
    y = pyworld.synthesize(
        np.ascontiguousarray(f0_hz, np.float64),
        np.ascontiguousarray(np.maximum(envelope, 1e-16), np.float64),
        np.ascontiguousarray(noise),
        rate,
        HOP_S * 1000,
    )
    length = round(len(f0_hz) * HOP_S * rate)
    out = np.zeros(length, np.float32)
    out[: min(length, len(y))] = y[:length]
    return out
