"""Notes rendered from their description: sinusoids and shaped noise summed straight into a waveform.

Nothing is inverted and no phase is guessed, so pitch is exact, any length and sample rate can be had, and there
are no analysis artefacts. Cost is two matrix products per note: all partials of a block share a table of
sines (`audiokit.dsp.notes.notes.sum_partials`).

References:
    Serra and Smith (1990), Spectral modeling synthesis.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
from audiokit.dsp.notes.time_grid import FLOOR_DB, HELD_S, interpolate
from audiokit.dsp.notes.wander import Wander
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
#: Frames of partials or of noise that are held at once, and seconds that are filtered at once.
_FRAMES, _STRETCH_S = 4096, 40


def note_blocks(
    shape: NoteShape,
    pitch: float,
    *,
    held_s: float = 3.0,
    release_s: float = 1.0,
    decay_s: float | None = None,
    rate: int = 44100,
    rng: np.random.Generator,
) -> Iterator[np.ndarray]:
    """Render a note in blocks of seconds: as long as it may be, no more of it is held.

    Args:
        shape: what the note is made of.
        pitch: MIDI number, 69 is 440 Hz; need not be whole.
        held_s: time until the key is let go, in seconds; beyond what the description covers its course goes on.
        release_s: time after that; the note is faded out at its end.
        decay_s: time in which it falls by 60 dB once let go; None for the note's own release.
        rate: sample rate in Hz.
        rng: source of phases, beating and noise.

    Returns:
        Blocks (n,), float32, of round((held_s + release_s) * rate) samples in all.

    Raises:
        ParameterError: a time is not above zero, or the pitch has no partial below half of the rate.

    >>> from audiokit.dsp.notes.notes import N_BANDS, N_GROUPS
    >>> frames = len(HELD_S) + len(RELEASE_S)
    >>> level = np.full((N_GROUPS, frames), -100.0); level[0] = -20.0
    >>> quiet = np.full((N_BANDS, frames), -100.0)
    >>> tone = NoteShape(level, quiet, np.zeros(32), 0.0, np.zeros(N_GROUPS), 3.0, 0.0, 5.0, 0.0, 5.0)
    >>> [y] = note_blocks(tone, 69, held_s=1.0, rate=16000, rng=np.random.default_rng(0))
    >>> len(y), int(np.abs(np.fft.rfft(y[:16000])).argmax()), float(y[0])
    (32000, 440, 0.0)
    >>> [len(y) for y in note_blocks(tone, 69, held_s=60.0, rate=16000, rng=np.random.default_rng(0))]
    [640000, 336000]
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
    # Everything random is drawn in this order, whatever is made when: the noise comes last, block by block.
    y = _partials(shape, f0, held_s, length, rate, rng)
    if shape.vibrato_cents > 1.0:
        y = _vibrato(y, shape.vibrato_cents, shape.vibrato_hz, length, rate, rng)
    y = _with_noise(y, shape, held_s, length, rate, rng)
    return _with_ends(_without_rumble(y, length, rate), length, min(length, round(min(0.25, release_s) * rate)), rate)


def _with_ends(blocks: Iterable[np.ndarray], length: int, fade: int, rate: int) -> Iterator[np.ndarray]:
    """Let a note begin with silence and fade out over its last samples."""
    # Partials start at any phase: the first sample is silence, and the rise is shorter than any attack.
    rise = min(length, round(_RISE_S * rate))
    up = np.sin(np.pi / 2 * np.arange(rise) / rise).astype(np.float32) ** 2
    down = (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, fade))).astype(np.float32)
    at = 0
    for y in blocks:
        y[: max(0, rise - at)] *= up[at : at + len(y)]
        last = max(0, length - fade - at)
        y[last:] *= down[max(0, at + last - (length - fade)) :][: max(0, len(y) - last)]
        at += len(y)
        yield y


def _stretches(
    blocks: Iterable[np.ndarray], length: int, size: int, before: int, after: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Cut a wave of `length` samples anew: (start, samples start - before to start + size + after), at most its own."""
    left, parts, first = iter(blocks), [np.zeros(0, np.float32)], 0
    for start in range(0, length, size):
        missing = min(length, start + size + after) - first - len(parts[0])
        while missing > 0:
            parts.append(next(left))
            missing -= len(parts[-1])
        made = [np.concatenate(parts)]  # popped when it is handed on: no more than one of them is held
        behind = max(0, start + size - before)
        parts, ready = [made[0][behind - first :].copy()], made[0][: min(length, start + size + after) - first]
        made, first = [ready], behind
        del ready
        yield start, made.pop()


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
        return interpolate(held, HELD_S, t) + slope[:, None] * np.maximum(t - HELD_S[-1], 0.0)

    out = during(np.minimum(times, held_s))
    after = times - held_s
    gone = after > 0
    fall = interpolate(release, RELEASE_S, after[gone]) - base
    steep = np.minimum(release[:, -1] - release[:, -3], -0.1) / (RELEASE_S[-1] - RELEASE_S[-3])
    fall += steep[:, None] * np.maximum(after[gone] - RELEASE_S[-1], 0.0)
    out[:, gone] += np.minimum(fall, 0.0)
    return out


def _released(levels_db: np.ndarray, decay_s: float) -> np.ndarray:
    """Replace the release of levels (G, H + R) by a straight fall of 60 dB in `decay_s`."""
    fall = np.broadcast_to(-60 * RELEASE_S / decay_s, (len(levels_db), len(RELEASE_S)))
    # Counted down from a height that keeps it on the scale: only the fall from its first point matters.
    return np.concatenate([levels_db[:, : len(HELD_S)], np.maximum(fall, FLOOR_DB)], axis=1)


def _partials(
    shape: NoteShape, f0: float, held_s: float, length: int, rate: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Everything that is drawn for the partials is drawn now; they are summed when blocks are asked for."""
    hop = round(_BLOCK_S * rate)
    times = np.arange(-(-length // hop) + 1) * (hop / rate)
    ratios = slots(partial_count(f0, 0.49 * rate), shape.stretch)
    count = min(len(ratios), SINGLE)
    ratios[:count] += shape.deviation[:count]
    ratios = ratios[ratios * f0 < 0.49 * rate]
    numbers = np.arange(1, len(ratios) + 1)
    centres = np.log((GROUPS[:-1] + GROUPS[1:] - 1) / 2)
    spread = _interpolation_matrix(centres, np.log(numbers))  # (K, N_GROUPS)
    between = HALVES[HALVES * f0 < 0.49 * rate] if f0 >= HALVES_FROM_HZ else HALVES[:0]
    own = spread

    def levels_at(t: np.ndarray) -> np.ndarray:
        levels = own @ level_at(shape.partials_db, t, held_s)
        return np.concatenate([levels, level_at(shape.halves_db[: len(between)], t, held_s)])

    ratios = np.concatenate([ratios, between])
    spread = np.concatenate([spread, _interpolation_matrix(centres, np.log(np.maximum(between, 1.0)))])
    starts = range(0, len(times) - 1, _FRAMES)  # a long note in stretches: each frame has hundreds of partials
    audible = np.max([levels_at(times[a : a + _FRAMES + 1]).max(1) for a in starts], axis=0) > FLOOR_DB + 1
    ratios, spread = ratios[audible], spread[audible]
    if len(ratios) == 0:
        size = _FRAMES * hop
        return (np.zeros(min(size, length - at), np.float32) for at in range(0, length, size))
    tremolo = rng.random() if shape.tremolo_db > 0.1 else None
    # A partial that beats is a steady tone and others near it: a constant and a random walk about it (Rice).
    swing = 10 ** (spread @ shape.beating_db / 20) - 1
    real, imaginary = (Wander(len(ratios), times[-1], _SPEED * shape.beating_hz, rng) for _ in range(2))
    phase = rng.random(len(ratios))[:, None]
    cycles = ratios * f0 / rate

    def summed(a: int) -> np.ndarray:
        t = times[a : a + _FRAMES + 1]
        levels = levels_at(t)[audible]
        if tremolo is not None:
            wave = np.sin(2 * np.pi * (shape.tremolo_hz * t + tremolo))
            levels += shape.tremolo_db * wave * np.clip((t - 0.1) / 0.3, 0, 1)
        share = np.interp(swing, _SWING, _SHARE)[:, None] * np.clip((t - 0.02) / 0.2, 0.0, 1.0)
        turns = np.mod(np.outer(cycles, np.arange(a, a + len(t)) * float(hop)) + phase, 1.0)
        waves = np.exp(levels * (np.log(10) / 20) + 2j * np.pi * turns)
        waves *= np.sqrt(1 - share) + np.sqrt(share / 2) * (real.at(t) + 1j * imaginary.at(t))
        return sum_partials(waves, cycles, hop)[: length - a * hop]

    return map(summed, starts)


def _interpolation_matrix(at: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Weights (len(where), len(at)) of straight-line interpolation; constant outside."""
    index = np.clip(np.searchsorted(at, where, side="right") - 1, 0, len(at) - 2)
    share = np.clip((where - at[index]) / (at[index + 1] - at[index]), 0.0, 1.0)
    matrix = np.zeros((len(where), len(at)))
    rows = np.arange(len(where))
    matrix[rows, index] = 1 - share
    matrix[rows, index + 1] += share
    return matrix


def _vibrato(
    blocks: Iterable[np.ndarray], cents: float, hz: float, length: int, rate: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Bend time so that the pitch sways; it sets in after a fifth of a second."""
    depth, turn = cents * np.log(2) / 1200 / (2 * np.pi * hz) * rate, rng.random()
    offsets = np.arange(_TAPS) - (_TAPS // 2 - 1)
    x = offsets[None, :] - (np.arange(_PHASES)[:, None] + 0.5) / _PHASES
    table = (np.sinc(x) * np.cos(np.pi * x / _TAPS) ** 2).astype(np.float32)
    silence = _TAPS + 64  # read before the first sample and after the last
    around = int(depth) + 2 * silence

    def bent(start: int, y: np.ndarray) -> np.ndarray:  # sixteen values for each sample: of a long note, too many
        at = np.arange(start, min(length, start + _BEND))
        t = at / rate
        ramp = np.clip((t - 0.15) / 0.4, 0.0, 1.0)
        where = at + depth * ramp * np.cos(2 * np.pi * (hz * t + turn))
        base = np.floor(where).astype(int)
        phase = ((where - base) * _PHASES).astype(int)
        first = np.clip(base + offsets[0], -silence, length + silence - _TAPS)
        ends = max(0, around - start), max(0, start + _BEND + around - length)
        frames = np.lib.stride_tricks.sliding_window_view(np.pad(y, ends), _TAPS)
        return np.einsum("nt,nt->n", frames[first - (start - around)], table[phase])

    return (bent(start, y) for start, y in _stretches(blocks, length, _BEND, around, around))


def _without_rumble(blocks: Iterable[np.ndarray], length: int, rate: int) -> Iterator[np.ndarray]:
    """Take away what lies below 12 Hz, direct current above all; everything from 24 Hz up stays.

    A long note is filtered in stretches, with as much around each as the filter hears.
    """
    size, around = _STRETCH_S * rate, rate
    if length <= size + around:
        yield _high_passed(np.concatenate([*blocks]), rate)
        return
    for start, y in _stretches(blocks, length, size, around, around):
        before = min(start, around)
        y = _high_passed(y, rate)[before : before + min(size, length - start)]
        yield y
        del y


def _high_passed(y: np.ndarray, rate: int) -> np.ndarray:
    n_fft = 1 << (len(y) + rate // 4).bit_length()
    spectrum = np.fft.rfft(y, n_fft)
    reach = int(24 * n_fft / rate) + 1
    hz = np.arange(reach) * rate / n_fft
    spectrum[:reach] *= np.sin(np.pi / 2 * np.clip((hz - 12) / 12, 0, 1)) ** 2
    return np.fft.irfft(spectrum, n_fft)[: len(y)].astype(np.float32)


def _with_noise(
    blocks: Iterable[np.ndarray], shape: NoteShape, held_s: float, length: int, rate: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Add the noise of a note to its partials."""
    noise, ready = _noise(shape, held_s, length, rate, rng), np.zeros(0, np.float32)
    for y in blocks:
        while len(ready) < len(y):
            ready = np.concatenate([ready, next(noise)])
        yield y + ready[: len(y)]
        ready = ready[len(y) :]


def _noise(shape: NoteShape, held_s: float, length: int, rate: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The noise of a note, no shorter than it."""
    half = round(rate / 250)
    n = 2 * half
    frames = -(-length // half) + 1
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n)).astype(np.float32)
    edges = np.minimum(np.round(NOISE_EDGES_HZ * n / rate).astype(int), half)
    white, late = rng.standard_normal(half).astype(np.float32), np.zeros((1, half), np.float32)
    for a in range(0, frames, _FRAMES):
        count = min(_FRAMES, frames - a)
        white = np.concatenate([white[-half:], rng.standard_normal(count * half).astype(np.float32)])
        spectra = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(white, n)[::half] * window, axis=1)
        levels = level_at(shape.noise_db, np.arange(a, a + count) * (half / rate), held_s)
        gain = np.zeros((count, half + 1), np.float32)
        for band, (low, high) in enumerate(pairwise(edges)):
            if high > low:
                gain[:, low:high] = (10 ** (levels[band] / 20) * np.sqrt(half / (high - low)))[:, None]
        gain[:, 0] = 0.0
        parts = np.fft.irfft(spectra * gain, n, axis=1).astype(np.float32) * window
        made = (parts[:, :half] + np.concatenate([late, parts[:-1, half:]])).reshape(-1)
        late = parts[-1:, half:]
        yield made if a else made[half:]  # the first frame leads in
