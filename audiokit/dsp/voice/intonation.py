"""Pitch as singers draw it: glides, vibrato, slow wandering, and the speaker's own intonation underneath."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audiokit.dsp.voice.plan import SungNote
from audiokit.dsp.voice.world import HOP_S, Voice

#: So long before a note its pitch begins to move.
EARLY_S = 0.04


@dataclass(frozen=True)
class Expression:
    """How a melody is sung.

    Attributes:
        pitch_correction: 0 keeps the speaker's own intonation, 1 sings the plan's pitches.
        portamento: strength of glides, overshoot and preparation, 1 is a trained singer's.
        vibrato_cents: depth of the vibrato on held notes.
        vibrato_hz: its rate.
        drift_cents: depth of the slow and fine fluctuations.
        formant_db: boost around 3 kHz on voiced frames (the singing formant).
        breath: factor on the noise in held vowels, where WORLD sings.
        evenness: 0 keeps the levels of speech, 1 gives every vowel the same level.
    """

    pitch_correction: float = 1.0
    portamento: float = 1.0
    vibrato_cents: float = 35.0
    vibrato_hz: float = 5.5
    drift_cents: float = 5.0
    formant_db: float = 4.0
    breath: float = 0.5
    evenness: float = 0.3


@dataclass(frozen=True)
class Timing:
    """Where every output frame comes from.

    Attributes:
        source: fractional source frame (M,), NaN in silence.
        note: index of the note a frame belongs to (M,), -1 in silence; consonants before a vowel belong to its note.
        gain: amplitude (M,), falling to 0 at the ends of phrases.
    """

    source: np.ndarray
    note: np.ndarray
    gain: np.ndarray


def draw_pitch(
    voice: Voice, notes: Sequence[SungNote], timing: Timing, *, expression: Expression, rng: np.random.Generator
) -> np.ndarray:
    """Draw the pitch of every output frame as a singer would.

    Steps between notes become second-order responses that begin 40 ms early and overshoot a little, with a small dip
    the other way before them (preparation); notes of 0.4 s and more get a vibrato that grows from 0.25 s after the
    onset; slow drift and fine jitter keep the line alive.

    Args:
        voice: the analysed speech.
        notes: in order.
        timing: from `map_time`.
        expression: how to sing.
        rng: for vibrato phase, drift and jitter.

    Returns:
        MIDI numbers (M,), float64.
    """
    count = len(timing.source)
    steps = _note_steps(notes, count)
    curve = _respond(steps, 0.6) if expression.portamento > 0 else steps
    curve = steps + np.clip(expression.portamento, 0, 2) * (curve - steps)
    for note, following in itertools.pairwise(notes):
        jump = np.clip(following.pitch - note.pitch, -5, 5)
        if abs(jump) >= 1 and following.start_s - note.end_s < 0.1:
            at = following.start_s / HOP_S - 8
            before = np.arange(max(0, int(at) - 12), min(int(at) + 1, count))
            curve[before] -= 0.06 * expression.portamento * jump * np.exp((before - at) / 5)
    curve += _vibrato(notes, count, expression, rng)
    slow = _wander(count, 0.35, rng) * expression.drift_cents
    fine = _wander(count, 0.02, rng) * 0.4 * expression.drift_cents
    curve += (slow + fine) / 100
    if expression.pitch_correction < 1:
        spoken = _spoken_pitch(voice, timing)
        curve = spoken + expression.pitch_correction * (curve - spoken)
    return curve


def _note_steps(notes: Sequence[SungNote], count: int) -> np.ndarray:
    """The plan's pitch at every frame, changing `EARLY_S` before each note and held through rests."""
    steps = np.full(count, notes[0].pitch if notes else 60.0, float)
    for note in notes:
        steps[max(0, round((note.start_s - EARLY_S) / HOP_S)) :] = note.pitch
    return steps


def _respond(steps: np.ndarray, damping: float) -> np.ndarray:
    """Second-order response (natural frequency 45 rad/s) to steps of pitch."""
    omega, parts = 45.0, 5
    dt = HOP_S / parts
    position, speed = float(steps[0]), 0.0
    out = np.empty_like(steps)
    for i, target in enumerate(steps.tolist()):
        for _ in range(parts):
            speed += dt * (omega * omega * (target - position) - 2 * damping * omega * speed)
            position += dt * speed
        out[i] = position
    return out


def _vibrato(notes: Sequence[SungNote], count: int, expression: Expression, rng: np.random.Generator) -> np.ndarray:
    out = np.zeros(count)
    for note in notes:
        rate = expression.vibrato_hz * (1 + 0.04 * rng.standard_normal())
        if note.end_s - note.start_s < 0.4:
            continue
        a, b = round(note.start_s / HOP_S), min(round(note.end_s / HOP_S), count)
        t = np.arange(b - a) * HOP_S - 0.25
        depth = np.clip(t / 0.25, 0, 1) * np.clip((b - a) * HOP_S - 0.25 - t, 0, 0.1) / 0.1
        out[a:b] = expression.vibrato_cents / 100 * depth * np.sin(2 * np.pi * rate * t)
    return out


def _wander(count: int, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise of unit deviation."""
    sigma = max(seconds / HOP_S, 1.0)
    reach = int(3 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    noise = np.convolve(rng.standard_normal(count + 2 * reach), kernel, "valid")
    return noise / np.sqrt((kernel**2).sum())


def _spoken_pitch(voice: Voice, timing: Timing) -> np.ndarray:
    """The speaker's own pitch on the new time axis, bridged where there is none."""
    frames = np.flatnonzero(voice.strong)
    midi = 69 + 12 * np.log2(np.maximum(voice.f0_hz[frames], 1.0) / 440)
    return np.interp(np.nan_to_num(timing.source), frames, midi)
