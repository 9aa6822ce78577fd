"""Songs whose eighths lie where they are told to: drums, bass and chords, synthesised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfilt

_CHORDS = ((57, 60, 64), (53, 57, 60), (60, 64, 67), (55, 59, 62))


@dataclass(frozen=True)
class Song:
    """A song and what is true of it."""

    y: np.ndarray
    rate: int
    beats_s: np.ndarray
    off_beats_s: np.ndarray


def song(bpm, *, swing=0.5, bars=8, seed=0, sixteenths=False, rate=44_100, drums=True, accents_db=((0, 0),) * 4):
    """Play bars of four beats; off-beats come `swing` of a beat later, both as loud as `accents_db` has them."""
    rng = np.random.default_rng(seed)
    period, first = 60 / bpm, 0.3
    y = np.zeros(round((first + bars * 4 * period + 1.0) * rate))
    t = np.arange(round(0.25 * rate)) / rate
    noise = rng.normal(size=len(t))
    kick = np.sin(2 * np.pi * (50 * t + 1.8 * (1 - np.exp(-t / 0.03)))) * np.exp(-t / 0.08)
    hat = 0.25 * sosfilt(butter(2, 6000, "high", fs=rate, output="sos"), noise) * np.exp(-t / 0.02)
    snare = (0.3 * noise + 0.6 * np.sin(2 * np.pi * 190 * t)) * np.exp(-t / 0.07)

    def add(sound, at, gain):
        start = round(at * rate)
        piece = sound[: max(0, len(y) - start)]
        y[start : start + len(piece)] += gain * piece

    def note(pitch, at, seconds, gain):
        s = np.arange(round(seconds * rate)) / rate
        hz = 440 * 2 ** ((pitch - 69) / 12)
        wave = sum(np.sin(2 * np.pi * hz * k * s) / k for k in range(1, 6))
        add(
            wave * np.exp(-s / (0.6 * seconds)) * np.minimum(1, s / 0.004) * np.minimum(1, (seconds - s) / 0.02),
            at,
            gain,
        )

    beats = first + np.arange(4 * bars) * period
    for k, beat in enumerate(beats):
        off, chord = beat + swing * period, _CHORDS[k // 4 % 4]
        on_gain, off_gain = (10 ** (db / 20) for db in accents_db[k % 4])
        if drums:
            add(hat, beat, 0.8 * on_gain)
            add(hat, off, 0.7 * off_gain)
            add(snare if k % 2 else kick, beat, (0.6 if k % 2 else 0.9) * on_gain)
            if rng.random() < 0.3:
                add(kick, off, 0.6 * off_gain)
        if sixteenths:
            add(hat, beat + swing * period / 2, 0.35)
            add(hat, beat + (1 + swing) / 2 * period, 0.35)
        note(chord[0] - 24, beat, 0.45 * period, 0.25 * on_gain)
        note(chord[0] - 24, off, 0.9 * (1 - swing) * period, 0.22 * off_gain)
        for pitch in chord:
            note(pitch, off if k % 2 else beat, 0.8 * period, 0.07 * (off_gain if k % 2 else on_gain))
    return Song((0.8 * y / np.abs(y).max()).astype(np.float32)[None], rate, beats, beats + swing * period)
