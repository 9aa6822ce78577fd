"""Which engine morphs two sounds: WORLD where both are voices or notes that it can give back, else transport."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from audiokit.dsp.effects.passing import Passing

if TYPE_CHECKING:
    from audiokit.dsp.voice.world import Voice


#: Longer sounds are judged by so many parts of so many seconds, spread evenly; shorter ones as a whole.
_WHOLE_S, _PARTS, _PART_S = 60, 3, 20


def choose_engine(a: np.ndarray, b: np.ndarray, rate: int, *, tracker: str = "world") -> str:
    """Take "world" where both sounds are pitched with harmonics most of the time, "transport" elsewhere.

    >>> choose_engine(np.zeros((1, 22_050), np.float32), np.zeros((1, 22_050), np.float32), 22_050)
    'transport'
    """
    sounds = Passing([a], len(a)), Passing([b], len(b))
    return engine_of_passing(*sounds, rate, lengths=(a.shape[1], b.shape[1]), tracker=tracker)


def engine_of_passing(a: Passing, b: Passing, rate: int, *, lengths: tuple[int, int], tracker: str = "world") -> str:
    """Choose likewise between sounds that pass by, of which no more than a minute is held.

    Args:
        a, b: the sounds.
        rate: Hz, of both.
        lengths: samples of each.
        tracker: who measures pitch, an `audiokit.dsp.voice.pitch.PitchTracker`.

    >>> a, b = (Passing([np.zeros((1, 22_050), np.float32)], 1) for _ in range(2))
    >>> engine_of_passing(a, b, 22_050, lengths=(22_050, 22_050))
    'transport'
    """
    sounds = zip((a, b), lengths, strict=True)
    return "world" if all(_is_mostly_harmonic(y, length, rate, tracker) for y, length in sounds) else "transport"


def _is_mostly_harmonic(y: Passing, length: int, rate: int, tracker: str) -> bool:
    """Whether a sound is harmonic, or most of the parts by which it is judged."""
    count, size = (_PARTS, _PART_S * rate) if length > _WHOLE_S * rate else (1, length)
    found = 0
    for k in range(count):
        start = k * (length - size) // max(1, count - 1)
        found += _is_harmonic(y.take(start, start + size), rate, tracker)
        if 2 * found > count or 2 * (k + 1 - found) > count:
            break
    return 2 * found > count


#: How well WORLD has to give a sound back; between the outer two, what half the rate says is not enough.
_UNSURE = (0.7, 0.8, 0.9)


def _is_harmonic(y: np.ndarray, rate: int, tracker: str) -> bool:
    mono, rate = for_world(y, rate)
    if len(mono) < rate // 8 or not mono.any():
        return False
    low, enough, high = _UNSURE
    if rate >= 32_000:  # half the rate takes two fifths of the time, and says the same wherever it is sure
        size = len(mono) // 2
        half = np.fft.irfft(np.fft.rfft(mono)[: size // 2 + 1], size) * (size / len(mono))
        found = _harmonicity(half.astype(np.float32), rate // 2, tracker)
        if not low < found < high:
            return found >= high
    return _harmonicity(mono, rate, tracker) > enough


def _harmonicity(mono: np.ndarray, rate: int, tracker: str) -> float:
    """How well WORLD gives a sound (T,) back, 0 to 1; 0 without a pitch or harmonics most of the time."""
    from audiokit.dsp.spectrum.medians import median_of
    from audiokit.dsp.voice.world import analyse_voice

    voice = analyse_voice(mono, rate, tracker=tracker, noise_every=8)
    loud = voice.level_db > voice.level_db.max() - 30
    if not loud.any() or (voice.strong & loud).sum() < 0.6 * loud.sum():
        return 0.0
    # Where there is no pitch within WORLD's reach (a piano's lowest notes), what it finds jumps from frame to frame.
    near = loud[1:] & voice.voiced[1:] & voice.voiced[:-1]
    steps = np.abs(np.diff(np.log2(np.maximum(voice.f0_hz, 1.0))))[near]
    if not len(steps) or median_of(steps) > 0.06:
        return 0.0
    # A plain tone has no harmonics for an envelope to rest on.
    spectrum = np.abs(np.fft.rfft(mono * np.hanning(len(mono)))) ** 2
    hz = np.fft.rfftfreq(len(mono), 1 / rate)
    if spectrum[hz > 1.5 * voice.median_hz].sum() <= 1e-3 * spectrum.sum():
        return 0.0
    return _given_back(mono, rate, voice)


def _given_back(mono: np.ndarray, rate: int, voice: Voice) -> float:
    """Correlate the log spectrum below 2.5 kHz with that of WORLD's own resynthesis: chords do not come back."""
    from audiokit.dsp.spectrum.stft import stft
    from audiokit.dsp.voice.world import synthesise_voice

    n_fft = 1 << round(math.log2(rate * 0.093))
    again = synthesise_voice(np.where(voice.voiced, voice.f0_hz, 0.0), voice.envelope, voice.bands, rate)
    again = np.pad(again, (0, max(0, len(mono) - len(again))))[: len(mono)]
    top = round(2500 / rate * n_fft)
    levels = [np.abs(stft(y[None], n_fft=n_fft, hop=n_fft // 4))[0, :top] for y in (mono, again)]
    floor = 10 ** (-45 / 20) * float(levels[0].max())
    logs = [np.log(np.maximum(level, floor)).ravel() for level in levels]
    return float(np.corrcoef(*logs)[0, 1]) if all(np.ptp(log) > 0 for log in logs) else 0.0


def world_rate(rate: int) -> int:
    """The rate that WORLD takes which is nearest to another, in Hz.

    >>> world_rate(8000), world_rate(44_100), world_rate(96_000)
    (16000, 44100, 48000)
    """
    return min(max(rate, 16_000), 48_000)


def for_world(y: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    """Average the channels, at a rate that WORLD takes."""
    mono, target = y.mean(axis=0, dtype=np.float32), world_rate(rate)
    if target == rate:
        return mono, rate
    import soxr

    return np.asarray(soxr.resample(mono, rate, target, quality="HQ")), target
