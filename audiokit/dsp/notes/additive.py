"""Notes rendered from their description: sinusoids and shaped noise summed straight into a waveform.

Nothing is inverted and no phase is guessed, so pitch is exact, any length and sample rate can be had, and there
are no analysis artefacts. Cost is two matrix products per note: all partials of a block share a table of
sines (`audiokit.dsp.notes.notes.sum_partials`).

References:
    Serra and Smith (1990), Spectral modeling synthesis.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from audiokit.dsp.notes.bands import NOISE_EDGES_HZ
from audiokit.dsp.notes.notes import (
    GROUPS,
    HALVES,
    HALVES_FROM_HZ,
    RELEASE_S,
    SINGLE,
    NoteShape,
    midi_to_hz,
    partial_count,
    slots,
    sum_partials,
)
from audiokit.dsp.notes.time_grid import FLOOR_DB, HELD_S
from audiokit.errors import ParameterError

_BLOCK_S = 0.004
_TAPS = 16
_PHASES = 256
_BEND = 1 << 18
#: Share of a partial's power that wanders, by the RMS swing of its level about the geometric mean; half at most,
#: so that the pitch stays where it is.
_SWING = np.array([0.0, 0.054, 0.108, 0.164, 0.218, 0.294, 0.4, 0.463, 0.528, 0.563])
_SHARE = np.array([0.0, 0.0056, 0.0219, 0.049, 0.084, 0.144, 0.246, 0.322, 0.423, 0.5])
_SPEED = 0.8
_RISE_S = 0.001


def render_note(
    shape: NoteShape,
    pitch: float,
    *,
    held_s: float = 3.0,
    release_s: float = 1.0,
    decay_s: float | None = None,
    rate: int = 44100,
    rng: np.random.Generator,
) -> np.ndarray:
    """Render a note.

    Args:
        shape: what the note is made of.
        pitch: MIDI number, 69 is 440 Hz; need not be whole.
        held_s: time until the key is let go, in seconds; beyond what the description covers its course goes on.
        release_s: time after that; the note is faded out at its end.
        decay_s: time in which it falls by 60 dB once let go; None for the note's own release.
        rate: sample rate in Hz.
        rng: source of phases, beating and noise.

    Returns:
        Audio (T,), float32, T = round((held_s + release_s) * rate).

    Raises:
        ParameterError: a time is not above zero, or the pitch has no partial below half of the rate.

    >>> from audiokit.dsp.notes.notes import N_BANDS, N_GROUPS
    >>> frames = len(HELD_S) + len(RELEASE_S)
    >>> level = np.full((N_GROUPS, frames), -100.0); level[0] = -20.0
    >>> quiet = np.full((N_BANDS, frames), -100.0)
    >>> tone = NoteShape(level, quiet, np.zeros(32), 0.0, np.zeros(N_GROUPS), 3.0, 0.0, 5.0, 0.0, 5.0)
    >>> y = render_note(tone, 69, held_s=1.0, rate=16000, rng=np.random.default_rng(0))
    >>> len(y), int(np.abs(np.fft.rfft(y[:16000])).argmax()), float(y[0])
    (32000, 440, 0.0)
    """
    if held_s <= 0 or release_s <= 0:
        raise ParameterError(f"a note needs a length above zero, not {held_s:g} s held and {release_s:g} s released")
    f0, top_hz = midi_to_hz(pitch), 0.49 * rate
    if f0 > top_hz:
        raise ParameterError(f"pitch {pitch:g} ({f0:.0f} Hz) lies above half of the sample rate {rate} Hz")
    length = round((held_s + release_s) * rate)
    if decay_s is not None:
        shape = replace(
            shape,
            partials_db=_released(shape.partials_db, decay_s),
            noise_db=_released(shape.noise_db, decay_s),
            halves_db=_released(shape.halves_db, decay_s),
        )
    y = _partials(shape, f0, held_s, length, rate, rng)
    if shape.vibrato_cents > 1.0:
        y = _vibrato(y, shape.vibrato_cents, shape.vibrato_hz, rate, rng)
    y = _without_rumble(y + _noise(shape, held_s, length, rate, rng), rate)
    # Partials start at any phase: the first sample is silence, and the rise is shorter than any attack.
    rise = min(length, round(_RISE_S * rate))
    y[:rise] *= np.sin(np.pi / 2 * np.arange(rise) / rise).astype(np.float32) ** 2
    fade = min(length, round(min(0.25, release_s) * rate))
    y[-fade:] *= (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, fade))).astype(np.float32)
    return y


def level_at(levels_db: np.ndarray, times: np.ndarray, held_s: float) -> np.ndarray:
    """Read levels (G, H + R) at any times of a note of any length.

    Between grid points levels move in a straight line in dB; a hold longer than the grid goes on as the
    last second did, never louder; the release starts from wherever the held part has come to.

    Args:
        levels_db: levels on the grid of `audiokit.dsp.notes.notes`.
        times: seconds after the onset (N,).
        held_s: when the key is let go.

    Returns:
        Levels (G, N) in dB.
    """
    count = len(HELD_S)
    # Near the floor of the scale a level means "nothing there": many such channels together would hiss.
    levels_db = levels_db - 4 * np.maximum(FLOOR_DB + 9 - levels_db, 0.0)
    held, release = levels_db[:, :count], levels_db[:, count:]
    # A quick release may be over before its first point: it falls from where the held part ended.
    base = np.maximum(release[:, :1], held[:, -1:])
    release = np.concatenate([base, release[:, 1:]], axis=1)
    late = int(np.searchsorted(HELD_S, HELD_S[-1] - 1.2))
    slope = np.minimum((held[:, -1] - held[:, late]) / (HELD_S[-1] - HELD_S[late]), 0.0)
    slope[slope > -1.5] = 0.0  # a sustained tone stays

    def during(t: np.ndarray) -> np.ndarray:
        return _interpolate(held, HELD_S, t) + slope[:, None] * np.maximum(t - HELD_S[-1], 0.0)

    out = during(np.minimum(times, held_s))
    after = times - held_s
    gone = after > 0
    fall = _interpolate(release, RELEASE_S, after[gone]) - base
    steep = np.minimum(release[:, -1] - release[:, -3], -0.1) / (RELEASE_S[-1] - RELEASE_S[-3])
    fall += steep[:, None] * np.maximum(after[gone] - RELEASE_S[-1], 0.0)
    out[:, gone] += np.minimum(fall, 0.0)
    return out


def _released(levels_db: np.ndarray, decay_s: float) -> np.ndarray:
    """Replace the release of levels (G, H + R) by a straight fall of 60 dB in `decay_s`."""
    fall = np.broadcast_to(-60 * RELEASE_S / decay_s, (len(levels_db), len(RELEASE_S)))
    # Counted down from a height that keeps it on the scale: only the fall from its first point matters.
    return np.concatenate([levels_db[:, : len(HELD_S)], np.maximum(fall, FLOOR_DB)], axis=1)


def _interpolate(values: np.ndarray, at: np.ndarray, times: np.ndarray) -> np.ndarray:
    index = np.clip(np.searchsorted(at, times, side="right") - 1, 0, len(at) - 2)
    share = np.clip((times - at[index]) / (at[index + 1] - at[index]), 0.0, 1.0)
    return values[:, index] * (1 - share) + values[:, index + 1] * share


def _partials(
    shape: NoteShape, f0: float, held_s: float, length: int, rate: int, rng: np.random.Generator
) -> np.ndarray:
    hop = round(_BLOCK_S * rate)
    times = np.arange(-(-length // hop) + 1) * (hop / rate)
    ratios = slots(partial_count(f0, 0.49 * rate), shape.stretch)
    count = min(len(ratios), SINGLE)
    ratios[:count] += shape.deviation[:count]
    ratios = ratios[ratios * f0 < 0.49 * rate]
    numbers = np.arange(1, len(ratios) + 1)
    centres = np.log((GROUPS[:-1] + GROUPS[1:] - 1) / 2)
    spread = _interpolation_matrix(centres, np.log(numbers))  # (K, N_GROUPS)
    levels = spread @ level_at(shape.partials_db, times, held_s)
    if f0 >= HALVES_FROM_HZ:
        between = HALVES[HALVES * f0 < 0.49 * rate]
        ratios = np.concatenate([ratios, between])
        levels = np.concatenate([levels, level_at(shape.halves_db[: len(between)], times, held_s)])
        spread = np.concatenate([spread, _interpolation_matrix(centres, np.log(np.maximum(between, 1.0)))])
    audible = levels.max(1) > FLOOR_DB + 1
    ratios, levels, spread = ratios[audible], levels[audible], spread[audible]
    if len(ratios) == 0:
        return np.zeros(length, np.float32)
    if shape.tremolo_db > 0.1:
        wave = np.sin(2 * np.pi * (shape.tremolo_hz * times + rng.random()))
        levels = levels + shape.tremolo_db * wave * np.clip((times - 0.1) / 0.3, 0, 1)
    # A partial that beats is a steady tone and others near it: a constant and a random walk about it (Rice).
    swing = 10 ** (spread @ shape.beating_db / 20) - 1
    share = np.interp(swing, _SWING, _SHARE)[:, None] * np.clip((times - 0.02) / 0.2, 0.0, 1.0)
    real, imaginary = (_wander(len(ratios), times, _SPEED * shape.beating_hz, rng) for _ in range(2))
    start = rng.random(len(ratios))
    cycles = ratios * f0 / rate
    turns = np.mod(np.outer(cycles, np.arange(len(times)) * float(hop)) + start[:, None], 1.0)
    waves = np.exp(levels * (np.log(10) / 20) + 2j * np.pi * turns)
    waves *= np.sqrt(1 - share) + np.sqrt(share / 2) * (real + 1j * imaginary)
    return sum_partials(waves, cycles, hop)[:length]


def _interpolation_matrix(at: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Weights (len(where), len(at)) of straight-line interpolation; constant outside."""
    index = np.clip(np.searchsorted(at, where, side="right") - 1, 0, len(at) - 2)
    share = np.clip((where - at[index]) / (at[index + 1] - at[index]), 0.0, 1.0)
    matrix = np.zeros((len(where), len(at)))
    rows = np.arange(len(where))
    matrix[rows, index] = 1 - share
    matrix[rows, index + 1] += share
    return matrix


def _wander(count: int, times: np.ndarray, hz: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth random curves (count, N) of unit variance that move about `hz` times per second."""
    step = 1 / (4 * hz)
    knots = rng.standard_normal((count, int(times[-1] / step) + 5))
    knots = (knots[:, :-2] + 2 * knots[:, 1:-1] + knots[:, 2:]) / np.sqrt(6)
    return _interpolate(knots, np.arange(knots.shape[1]) * step, times) * 1.15


def _vibrato(y: np.ndarray, cents: float, hz: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Bend time so that the pitch sways; it sets in after a fifth of a second."""
    t = np.arange(len(y)) / rate
    ramp = np.clip((t - 0.15) / 0.4, 0.0, 1.0)
    depth = cents * np.log(2) / 1200 / (2 * np.pi * hz) * rate
    where = np.arange(len(y)) + depth * ramp * np.cos(2 * np.pi * (hz * t + rng.random()))
    base = np.floor(where).astype(int)
    phase = ((where - base) * _PHASES).astype(int)
    offsets = np.arange(_TAPS) - (_TAPS // 2 - 1)
    x = offsets[None, :] - (np.arange(_PHASES)[:, None] + 0.5) / _PHASES
    table = (np.sinc(x) * np.cos(np.pi * x / _TAPS) ** 2).astype(np.float32)
    padded = np.pad(y, (_TAPS + 64, _TAPS + 64))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _TAPS)
    first = np.clip(base + _TAPS + 64 + offsets[0], 0, len(frames) - 1)
    out = np.empty(len(y), np.float32)
    for start in range(0, len(y), _BEND):  # sixteen values for each sample: of a long note, too many at once
        span = slice(start, start + _BEND)
        out[span] = np.einsum("nt,nt->n", frames[first[span]], table[phase[span]])
    return out


def _without_rumble(y: np.ndarray, rate: int) -> np.ndarray:
    """Take away what lies below 12 Hz, direct current above all; everything from 24 Hz up stays."""
    n_fft = 1 << (len(y) + rate // 4).bit_length()
    spectrum = np.fft.rfft(y, n_fft)
    reach = int(24 * n_fft / rate) + 1
    hz = np.arange(reach) * rate / n_fft
    spectrum[:reach] *= np.sin(np.pi / 2 * np.clip((hz - 12) / 12, 0, 1)) ** 2
    return np.fft.irfft(spectrum, n_fft)[: len(y)].astype(np.float32)


def _noise(shape: NoteShape, held_s: float, length: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    half = round(rate / 250)
    n = 2 * half
    frames = -(-length // half) + 1
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n)).astype(np.float32)
    white = rng.standard_normal((frames + 1) * half).astype(np.float32)
    spectra = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(white, n)[::half] * window, axis=1)
    edges = np.minimum(np.round(NOISE_EDGES_HZ * n / rate).astype(int), half)
    levels = level_at(shape.noise_db, np.arange(frames) * (half / rate), held_s)
    gain = np.zeros((frames, half + 1), np.float32)
    for band, (a, b) in enumerate(pairwise(edges)):
        if b > a:
            gain[:, a:b] = (10 ** (levels[band] / 20) * np.sqrt(half / (b - a)))[:, None]
    gain[:, 0] = 0.0
    parts = np.fft.irfft(spectra * gain, n, axis=1).astype(np.float32) * window
    y = np.zeros((frames + 1, half), np.float32)
    y[:-1] += parts[:, :half]
    y[1:] += parts[:, half:]
    return y.reshape(-1)[half : half + length]
