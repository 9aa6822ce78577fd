"""Blend voices and notes: WORLD takes both apart, and what lies between is put together part by part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from audiokit.dsp.effects.alignment import between
from audiokit.dsp.effects.curve import Curve, curve_values
from audiokit.dsp.effects.ends import FADE_S, with_ends
from audiokit.dsp.effects.passing import Passing
from audiokit.dsp.effects.warping import path_between, steady
from audiokit.dsp.spectrum.samples import Wave
from audiokit.dsp.voice.envelopes import HOP_S
from audiokit.dsp.voice.synthesis import PART, synthesise_in_parts
from audiokit.dsp.voice.world import Voice, analyse_voice
from audiokit.errors import InputError

#: Frames of a sound whose envelopes are kept; those of longer ones are made again where they are needed.
_KEPT = 2 * PART
#: A level is heard over this long on either side of a frame.
_AROUND_S = 0.0125
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Side:
    """One of two sounds to be blended.

    Attributes:
        wave: its channels averaged (T,), float32, at a rate that WORLD takes.
        blocks: gives its blocks (C, n), float32, at its own rate, each time it is called.
        length: samples of those.
    """

    wave: Wave
    blocks: Callable[[], Iterator[np.ndarray]]
    length: int


@dataclass(frozen=True)
class _Heard:
    """A side taken apart: its frames, which of them have a pitch, and how loud each is (N,)."""

    voice: Voice
    known: np.ndarray
    level: np.ndarray

    def inside(self, at: np.ndarray) -> np.ndarray:
        """Which places (n,), in frames, it reaches to."""
        return at <= self.voice.frames - 1

    def level_at(self, at: np.ndarray) -> np.ndarray:
        """How loud it is at places (n,)."""
        return np.interp(at, np.arange(self.voice.frames), self.level) * self.inside(at)


def morph_by_world(
    a: Side, b: Side, inner: int, rate: int, *, points: Curve, align: bool, tracker: str, channels: int
) -> tuple[Callable[[], Iterator[np.ndarray]], int]:
    """Blend pitch on a logarithmic scale, envelopes in dB at a level of their own, and breath.

    Args:
        a, b: the sounds.
        inner: rate of their waves in Hz.
        rate: of their blocks, and of the result.
        points: amounts along time, as `check_amount` gives them.
        align: bring alike moments together first.
        tracker: who measures pitch, an `audiokit.dsp.voice.pitch.PitchTracker`.
        channels: C, all alike but where one of the sounds itself is heard.

    Returns:
        What yields the blocks (C, n), float32, of the result, made as they are read; and its length in samples.

    Raises:
        InputError: a sound has no pitch.
    """
    found = [_heard(a.wave, inner, tracker, "first"), _heard(b.wave, inner, tracker, "second")]
    where, length = _together(found, points, rate, (a.length, b.length), align)
    x = curve_values(points, len(where[0]))

    def frames(start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return _blended(found, [at[start:stop] for at in where], x[start:stop])

    def amounts(at: np.ndarray) -> np.ndarray:
        return np.interp(at / (HOP_S * rate), np.arange(len(x)), x)

    def blocks() -> Iterator[np.ndarray]:
        levels = [side.level_at(at) for side, at in zip(found, where, strict=True)]
        mono = at_level(synthesise_in_parts(frames, len(x), inner), (1 - x) * levels[0] + x * levels[1], inner)
        made = (np.tile(y, (channels, 1)) for y in _fitted(mono, inner, rate, length))
        first, second = (
            Passing(_resting(Passing(side.blocks(), channels), at, rate, x == value, length), channels)
            for side, at, value in zip((a, b), where, (0.0, 1.0), strict=True)
        )
        return with_ends(made, first, second, rate, amounts, length=length)

    return blocks, length


def _heard(wave: Wave, rate: int, tracker: str, called: str) -> _Heard:
    keep = len(wave) <= _KEPT * HOP_S * rate
    voice = analyse_voice(wave, rate, quality="best", tracker=tracker, keep=keep)
    known = np.flatnonzero(voice.voiced & (voice.f0_hz > 0))
    if not len(known):
        raise InputError(f"the {called} sound has no pitch", hint="use --engine transport")
    parts = [np.arange(k, min(k + PART, voice.frames)) for k in range(0, voice.frames, PART)]

    def take(start: int, stop: int) -> np.ndarray:
        return wave[start:stop]

    return _Heard(voice, known, np.concatenate([levels(take, part, rate, len(wave)) for part in parts]))


def _together(
    found: Sequence[_Heard], points: Curve, rate: int, lengths: tuple[int, int], align: bool
) -> tuple[list[np.ndarray], int]:
    """Places in both sounds, in frames, that belong together (N,), and the samples they last at a rate."""
    counts = [side.voice.frames for side in found]
    if not align:
        return [np.arange(max(counts), dtype=float)] * 2, max(lengths)
    first, second = (partial(_every_other, side.voice) for side in found)
    path = steady(*path_between(first, second, *((count + 1) // 2 for count in counts)))
    # The last frame need not be the last sample.
    places = [np.append(np.minimum(at * 2 * HOP_S, n / rate), n / rate) for at, n in zip(path, lengths, strict=True)]
    time_s = between(places[0], places[1], points)
    frames_s = HOP_S * np.arange(round(float(time_s[-1]) / HOP_S) + 1)
    return [np.interp(frames_s, time_s, place) / HOP_S for place in places], round(float(time_s[-1]) * rate)


def _every_other(voice: Voice, frames: np.ndarray) -> np.ndarray:
    """Envelopes (n, F) of every other frame, 10 ms apart: moments are not told apart more closely."""
    return voice.envelopes.take(2 * frames)


def _blended(
    found: Sequence[_Heard], where: Sequence[np.ndarray], x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Some frames of what lies between: pitch (n,), envelopes (n, F), aperiodicity (n, B)."""
    pitch, envelope, bands, level, voiced = [], [], [], [], []
    for side, at in zip(found, where, strict=True):
        voice, inside = side.voice, side.inside(at)
        near = np.clip(np.round(at).astype(int), 0, voice.frames - 1)
        pitch.append(np.interp(at, side.known, np.log(voice.f0_hz[side.known])))
        power = np.maximum(voice.power[near], 1e-16)
        envelope.append(np.log(voice.envelopes.take(near) / power[:, None] + 1e-12))
        bands.append(voice.bands[near])
        level.append(np.sqrt(np.interp(at, np.arange(voice.frames), voice.power)) * inside)
        voiced.append(voice.voiced[near] & inside)
    total = (1 - x) * level[0] + x * level[1]
    # A side that is silent has no say in pitch and timbre.
    share = np.where(total > 0, np.clip(x, 1e-9, 1 - 1e-9), 0.5)
    quiet = [lev < 0.01 * np.maximum(level[0], level[1]) for lev in level]
    share = np.where(quiet[0] & ~quiet[1], 1.0, np.where(quiet[1] & ~quiet[0], 0.0, share))
    f0 = np.exp((1 - share) * pitch[0] + share * pitch[1])
    f0 = np.where((1 - share) * voiced[0] + share * voiced[1] >= 0.5, f0, 0.0)
    shape = (1 - share)[:, None] * envelope[0]
    shape += share[:, None] * envelope[1]
    np.exp(shape, out=shape)
    shape *= (total**2 / np.maximum(shape.sum(axis=1), 1e-30))[:, None]
    breath = (1 - share)[:, None] * bands[0] + share[:, None] * bands[1]
    return f0, shape.astype(np.float32), breath.astype(np.float32)


def _resting(sound: Passing, at: np.ndarray, rate: int, rests: np.ndarray, length: int) -> Iterator[np.ndarray]:
    """Move a sound to where it is heard itself: stretches (C, n) of it in time with the morph, and silence between.

    Args:
        sound: the sound.
        at: its places, in frames, along the morph (N,).
        rate: Hz.
        rests: in which frames of the morph (N,) it is heard itself; there both go equally fast.
        length: samples of the morph.

    >>> sound = Passing([np.arange(800, dtype=np.float32)[None]], 1)
    >>> rests = np.repeat([False, True], (30, 70))
    >>> moved = np.concatenate([*_resting(sound, np.arange(100) + 10.0, 1000, rests, 500)], axis=1)
    >>> moved.shape, moved[0, 150:153].tolist()
    ((1, 500), [200.0, 201.0, 202.0])
    """
    hop, done, reach = HOP_S * rate, 0, math.ceil(FADE_S * rate) + 1
    edges = np.flatnonzero(np.diff(rests, prepend=False, append=False)).tolist()
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        middle = (start + stop - 1) // 2
        moved = round(float(at[middle] - middle) * hop)
        first = max(done, round(start * hop) - reach)  # it comes and goes outside
        last = length if stop == len(rests) else max(first, min(length, round(stop * hop) + reach))
        yield from _silence(sound.channels, first - done)
        for k in range(first, last, _BLOCK):
            yield sound.take(k + moved, min(k + _BLOCK, last) + moved)
        done = last
    yield from _silence(sound.channels, length - done)


def _silence(channels: int, length: int) -> Iterator[np.ndarray]:
    for start in range(0, length, _BLOCK):
        yield np.zeros((channels, min(_BLOCK, length - start)), np.float32)


def _fitted(blocks: Iterator[np.ndarray], own: int, rate: int, length: int) -> Iterator[np.ndarray]:
    """Bring blocks (n,) from their own rate to another, and cut them to a length; `with_ends` fills what is missing."""
    if own != rate:
        blocks = _resampled(blocks, own, rate)
    left = length
    for y in blocks:
        yield y[:left]
        left -= len(y[:left])


def _resampled(blocks: Iterator[np.ndarray], own: int, rate: int) -> Iterator[np.ndarray]:
    import soxr

    stream = soxr.ResampleStream(own, rate, 1, dtype="float32", quality="HQ")
    for y in blocks:
        yield stream.resample_chunk(y)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def levels(take: Callable[[int, int], np.ndarray], frames: np.ndarray, rate: int, length: int) -> np.ndarray:
    """Measure the level (n,) of 25 ms around frames of WORLD.

    Args:
        take: gives samples from one to before another.
        frames: numbers that follow each other (n,).
        rate: Hz.
        length: samples of the whole.

    >>> levels(lambda start, stop: np.ones(stop - start), np.arange(3), 16000, 16000).tolist()
    [1.0, 1.0, 1.0]
    """
    middle = frames * HOP_S * rate
    low, high = (np.clip(np.round(middle + side * _AROUND_S * rate).astype(int), 0, length) for side in (-1, 1))
    first = int(low[0])
    total = np.concatenate([[0.0], np.cumsum(take(first, int(high[-1])).astype(np.float64) ** 2)])
    return np.sqrt(np.maximum(total[high - first] - total[low - first], 0) / np.maximum(high - low, 1))


def at_level(blocks: Iterator[np.ndarray], wanted: np.ndarray, rate: int) -> Iterator[np.ndarray]:
    """Bring a synthesised sound to a level per frame: WORLD softens attacks and loses what has no pitch.

    Args:
        blocks: of the sound (n,), float32, round(N * HOP_S * rate) samples in all.
        wanted: level of each frame (N,).
        rate: Hz.

    Yields:
        Blocks (n,), float32.

    >>> [y.tolist() for y in at_level(iter([np.ones(240, np.float32)]), np.full(3, 0.5), 16000)] == [[0.5] * 240]
    True
    """
    sound, count, hop = Passing((block[None] for block in blocks), 1), len(wanted), HOP_S * rate
    length = round(count * hop)

    def take(start: int, stop: int) -> np.ndarray:
        return sound.take(start, stop)[0]

    for start in range(0, count, PART):
        stop = min(start + PART, count)
        frames = np.arange(start, min(stop + 1, count))
        is_now = levels(take, frames, rate, length)
        gain = np.clip(wanted[frames] / np.maximum(is_now, 1e-9), 0.25, 4.0)
        gain[is_now < 1e-7] = 1.0
        first, last = round(start * hop), round(stop * hop)
        places = np.arange(first, last) / hop
        yield (take(first, last) * np.interp(places, frames, gain)).astype(np.float32)
