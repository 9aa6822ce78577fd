"""Blend one sound into another: pitch and timbre travel, instead of one fading while the other comes.

Engines: "world" takes both apart into pitch, envelope and breath and blends those (voices, single notes);
"transport" moves the peaks of their spectra (noises, drums, textures, plain tones); "fade" is the cross-fade that
both are measured against.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from audiokit.dsp.effects.choice import at_rate, choose_engine, for_world
from audiokit.dsp.effects.ends import with_ends
from audiokit.dsp.effects.passing import Passing
from audiokit.errors import InputError, ParameterError

ENGINES = ("auto", "world", "transport", "fade")
Curve = Sequence[tuple[float, float]]
_BLOCK = 1 << 16


def morph(
    a: np.ndarray,
    b: np.ndarray,
    rate: int,
    *,
    amount: float | Curve = 0.5,
    align: bool = False,
    engine: str = "auto",
    tracker: str = "world",
) -> np.ndarray:
    """Blend two sounds.

    Args:
        a: audio (C, T), float32.
        b: audio (C, T2) with as many channels.
        rate: Hz, of both.
        amount: 0 (a) to 1 (b); or points (share of the result's length, amount) with straight lines between.
        align: bring alike moments together first (dynamic time warping); the result then has a length between theirs.
            Otherwise both start together and the result is as long as the longer one.
        engine: "auto", "world", "transport" or "fade"; "auto" takes "world" where both sounds are pitched and harmonic.
        tracker: who measures pitch for "world", an `audiokit.dsp.voice.pitch.PitchTracker`.

    Returns:
        Audio (C, T3), float32. Amounts 0 and 1 return a and b as they are.

    Raises:
        ParameterError: an amount outside 0 to 1, an unknown engine, other numbers of channels.
        InputError: a sound is empty.

    >>> t = np.arange(11_025) / 22_050
    >>> low, high = (0.5 * np.sin(2 * np.pi * hz * t)[None].astype(np.float32) for hz in (220, 330))
    >>> morph(low, high, 22_050, amount=0.5).shape
    (1, 11025)
    """
    if engine not in ENGINES:
        raise ParameterError(f"engine {engine!r}: must be one of {', '.join(ENGINES)}")
    points = check_amount(amount)
    if a.shape[0] != b.shape[0]:
        raise ParameterError(f"{a.shape[0]} and {b.shape[0]} channels cannot be morphed", hint="make them equal first")
    if not a.shape[1] or not b.shape[1]:
        raise InputError("there is nothing to morph: a sound is empty")
    if all(value == 0 for _, value in points):
        return a.astype(np.float32, copy=True)
    if all(value == 1 for _, value in points):
        return b.astype(np.float32, copy=True)
    if engine == "auto":
        engine = choose_engine(a, b, rate, tracker=tracker)
    if engine == "world":
        return _by_world(a, b, rate, points, align, tracker)
    if align:
        a, b = _in_step(a, b, rate, points)
    made = morph_passing(
        lambda: iter([a]), lambda: iter([b]), rate, amount=points, engine=engine, channels=len(a),
        length=max(a.shape[1], b.shape[1]),
    )  # fmt: skip
    return np.concatenate(list(made), axis=1)


def morph_passing(
    a: Callable[[], Iterator[np.ndarray]],
    b: Callable[[], Iterator[np.ndarray]],
    rate: int,
    *,
    amount: Curve,
    engine: str,
    channels: int,
    length: int,
) -> Iterator[np.ndarray]:
    """Blend two sounds that are never held whole.

    Args:
        a, b: give the blocks (C, n), float32, of a sound from its start, each time they are called.
        rate: Hz, of both.
        amount: points, as `check_amount` gives them.
        engine: "transport" or "fade".
        channels: C.
        length: of the result in samples, as long as the longer sound.

    Yields:
        Audio (C, n), float32, the same as `morph` gives of the whole.

    >>> ones = lambda: iter([np.ones((1, 2), np.float32)] * 2)
    >>> made = morph_passing(ones, ones, 8000, amount=[(0, 0), (1, 1)], engine="fade", channels=1, length=4)
    >>> np.concatenate(list(made), axis=1).tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    """

    def amounts(at: np.ndarray) -> np.ndarray:
        return curve_values(amount, length, at)

    # The ends are heard later than what is made of them.
    first, second, first_end, second_end = (Passing(side(), channels) for side in (a, b, a, b))
    if engine == "fade":
        for start in range(0, length, _BLOCK):
            stop = min(length, start + _BLOCK)
            x = amounts(np.arange(start, stop))
            yield ((1 - x) * first.take(start, stop) + x * second.take(start, stop)).astype(np.float32)
        return
    from audiokit.dsp.effects.transport import transported

    made = transported(first, second, rate, amounts, length=length)
    yield from with_ends(made, first_end, second_end, rate, amounts, length=length)


def check_amount(amount: float | Curve) -> list[tuple[float, float]]:
    """Turn an amount into points (place, value), places rising from 0 to 1.

    Raises:
        ParameterError: a place or a value is outside 0 to 1, or places do not rise.

    >>> check_amount(0.25), check_amount([(0, 0), (1, 1)])
    ([(0.0, 0.25), (1.0, 0.25)], [(0.0, 0.0), (1.0, 1.0)])
    """
    points = [(0.0, float(amount)), (1.0, float(amount))] if isinstance(amount, int | float) else [
        (float(place), float(value)) for place, value in amount
    ]  # fmt: skip
    if not points or any(not 0 <= number <= 1 for point in points for number in point):
        raise ParameterError(f"amount {amount}: must lie between 0 and 1")
    if any(later[0] <= earlier[0] for earlier, later in pairwise(points)):
        raise ParameterError(f"curve {amount}: its places must rise")
    return points


def curve_values(points: Curve, count: int, at: np.ndarray | None = None) -> np.ndarray:
    """Read a curve at `count` places from its start to its end, or at some of them (n,).

    >>> curve_values([(0, 0), (1, 1)], 5).tolist(), curve_values([(0, 0), (1, 1)], 5, np.array([4, 1])).tolist()
    ([0.0, 0.25, 0.5, 0.75, 1.0], [1.0, 0.25])
    """
    places, values = zip(*points, strict=True)
    at = np.arange(count) if at is None else at
    last = max(1, count - 1)
    return np.interp(np.where(at == last, 1.0, at * (1 / last)), places, values)


def _by_world(a: np.ndarray, b: np.ndarray, rate: int, points: Curve, align: bool, tracker: str) -> np.ndarray:
    """Blend pitch on a logarithmic scale, envelopes in dB at a level of their own, and breath."""
    from audiokit.dsp.voice.world import HOP_S, analyse_voice, synthesise_voice

    sounds = [for_world(y, rate) for y in (a, b)]
    inner = sounds[0][1]
    voices = [analyse_voice(mono, inner, quality="best", tracker=tracker) for mono, _ in sounds]
    if align:
        path = warping_path(voices[0].envelope, voices[1].envelope)
        places = [path[0].astype(float), path[1].astype(float)]
        x = curve_values(points, len(path[0]))
        time = np.maximum.accumulate((1 - x) * path[0] + x * path[1])
        frames = np.arange(round(time[-1]) + 1)
        where = [np.interp(frames, time, place) for place in places]
        x = np.interp(frames, time, x)
        length = round((1 - points[-1][1]) * a.shape[1] + points[-1][1] * b.shape[1])
    else:
        count = max(voice.frames for voice in voices)
        where = [np.arange(count, dtype=float)] * 2
        x = curve_values(points, count)
        length = max(a.shape[1], b.shape[1])
    pitch, envelope, bands, level, voiced = [], [], [], [], []
    heard = []
    for called, voice, at, (mono, _) in zip(("first", "second"), voices, where, sounds, strict=True):
        inside = at <= voice.frames - 1
        near = np.clip(np.round(at).astype(int), 0, voice.frames - 1)
        known = np.flatnonzero(voice.voiced & (voice.f0_hz > 0))
        if not len(known):
            raise InputError(f"the {called} sound has no pitch", hint="use --engine transport")
        pitch.append(np.interp(at, known, np.log(voice.f0_hz[known])))
        power = voice.envelope.astype(np.float64).sum(axis=1)
        envelope.append(np.log(voice.envelope[near] / np.maximum(power[near], 1e-16)[:, None] + 1e-12))
        bands.append(voice.bands[near])
        level.append(np.sqrt(np.interp(at, np.arange(voice.frames), power)) * inside)
        voiced.append(voice.voiced[near] & inside)
        own = _levels(mono, inner, voice.frames)
        heard.append(np.interp(at, np.arange(voice.frames), own) * inside)
    total = (1 - x) * level[0] + x * level[1]
    # A side that is silent has no say in pitch and timbre.
    share = np.where(total > 0, np.clip(x, 1e-9, 1 - 1e-9), 0.5)
    quiet = [lev < 0.01 * np.maximum(level[0], level[1]) for lev in level]
    share = np.where(quiet[0] & ~quiet[1], 1.0, np.where(quiet[1] & ~quiet[0], 0.0, share))
    f0 = np.exp((1 - share) * pitch[0] + share * pitch[1])
    f0 = np.where((1 - share) * voiced[0] + share * voiced[1] >= 0.5, f0, 0.0)
    shape = np.exp((1 - share)[:, None] * envelope[0] + share[:, None] * envelope[1])
    shape *= (total**2 / np.maximum(shape.sum(axis=1), 1e-30))[:, None]
    breath = (1 - share)[:, None] * bands[0] + share[:, None] * bands[1]
    y = synthesise_voice(f0, shape.astype(np.float32), breath.astype(np.float32), inner)
    y = _at_level(y, (1 - x) * heard[0] + x * heard[1], inner)
    made = np.tile(at_rate(y, inner, rate, length), (a.shape[0], 1))

    def amounts(at: np.ndarray) -> np.ndarray:
        return np.interp(at / (HOP_S * rate), np.arange(len(x)), x)

    ended = with_ends([made], Passing([a], len(a)), Passing([b], len(b)), rate, amounts, length=length)
    return np.concatenate(list(ended), axis=1)


def _levels(y: np.ndarray, rate: int, frames: int) -> np.ndarray:
    """Measure the level (frames,) of 25 ms around every frame of WORLD."""
    from audiokit.dsp.voice.world import HOP_S

    total = np.concatenate([[0.0], np.cumsum(y.astype(np.float64) ** 2)])
    middle = np.arange(frames) * HOP_S * rate
    low, high = (np.clip(np.round(middle + side * 0.0125 * rate).astype(int), 0, len(y)) for side in (-1, 1))
    return np.sqrt(np.maximum(total[high] - total[low], 0) / np.maximum(high - low, 1))


def _at_level(y: np.ndarray, wanted: np.ndarray, rate: int) -> np.ndarray:
    """Bring a synthesised sound (T,) to a level per frame: WORLD softens attacks and loses what has no pitch."""
    from audiokit.dsp.voice.world import HOP_S

    is_now = _levels(y, rate, len(wanted))
    gain = np.clip(wanted / np.maximum(is_now, 1e-9), 0.25, 4.0)
    gain[is_now < 1e-7] = 1.0
    return (y * np.interp(np.arange(len(y)) / (HOP_S * rate), np.arange(len(gain)), gain)).astype(np.float32)


def _in_step(a: np.ndarray, b: np.ndarray, rate: int, points: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Warp both sounds to one time between theirs, alike moments together."""
    from audiokit.dsp.rhythm.warp import TimeMap, warp

    hop = max(1, round(0.01 * rate))
    step = hop / rate
    rows, columns = warping_path(_timbre(a, rate, hop), _timbre(b, rate, hop))
    x = curve_values(points, len(rows))
    time = np.maximum.accumulate((1 - x) * rows + x * columns)
    end = points[-1][1]
    length = round((1 - end) * a.shape[1] + end * b.shape[1])
    out = []
    for y, place in ((a, rows), (b, columns)):
        knots = _rising(place * step, time * step, y.shape[1] / rate, length / rate)
        try:
            out.append(warp(y.astype(np.float32), rate, TimeMap(*knots), length=length))
        except ParameterError as error:
            raise ParameterError(
                f"the clips are too different to be aligned: {error}", hint="leave out --align, or trim their silence"
            ) from None
    return out[0], out[1]


def _rising(
    source_s: np.ndarray, target_s: np.ndarray, end_s: float, target_end_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Thin a path out to knots that rise on both sides by 60 ms or more, from start to end."""
    knots = [(0.0, 0.0)]
    for s, t in zip(source_s, target_s, strict=True):
        if s - knots[-1][0] >= 0.06 and t - knots[-1][1] >= 0.06 and s < end_s - 0.03 and t < target_end_s - 0.03:
            knots.append((float(s), float(t)))
    knots.append((end_s, target_end_s))
    pairs = np.array(knots)
    return pairs[:, 0], pairs[:, 1]


def _timbre(y: np.ndarray, rate: int, hop: int) -> np.ndarray:
    """Mel power every `hop` samples (N, 40), for finding alike moments."""
    from audiokit.dsp.spectrum.mel import mel_filterbank
    from audiokit.dsp.spectrum.stft import stft

    n_fft = 1 << max(6, round(math.log2(rate * 0.046)))
    spectrum = np.abs(stft(y.mean(axis=0, keepdims=True), n_fft=n_fft, hop=hop))[0]
    return (mel_filterbank(rate, n_fft, n_mels=40) @ spectrum**2).T


def warping_path(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pair alike frames of two power spectrograms (N, F), (M, F) by dynamic time warping: (rows, columns), rising.

    Timbre (log spectrum without its level) and the level's rises count; long sounds are compared in coarser steps.

    References:
        Sakoe and Chiba (1978), Dynamic programming algorithm optimization for spoken word recognition.

    >>> ramp = np.repeat(np.eye(4), 3, axis=0)
    >>> rows, columns = warping_path(ramp, ramp[::1])
    >>> bool(np.abs(rows - columns).max() <= 1)
    True
    """
    stride = max(1, math.ceil(max(len(a), len(b)) / 3000))
    first, second = (_features(y[::stride]) for y in (a, b))
    cost = np.maximum(0.0, (first**2).sum(1)[:, None] + (second**2).sum(1)[None] - 2 * first @ second.T) ** 0.5
    count, other = cost.shape
    total = np.full((count + 1, other + 1), np.inf)
    total[0, 0] = 0.0
    for diagonal in range(count + other - 1):  # cells of one anti-diagonal do not depend on each other
        i = np.arange(max(0, diagonal - other + 1), min(count, diagonal + 1))
        j = diagonal - i
        best = np.minimum(total[i, j], np.minimum(total[i, j + 1], total[i + 1, j]) + 0.3 * cost[i, j])
        total[i + 1, j + 1] = cost[i, j] + best
    path = [(count - 1, other - 1)]
    while path[-1] != (0, 0):
        i, j = path[-1]
        steps = [(total[i, j], (i - 1, j - 1)), (total[i, j + 1], (i - 1, j)), (total[i + 1, j], (i, j - 1))]
        path.append(min((s for s in steps if min(s[1]) >= 0), key=lambda s: s[0])[1])
    rows, columns = np.array(path[::-1]).T
    return rows * stride, columns * stride


def _features(power: np.ndarray) -> np.ndarray:
    """Describe frames (N, F) by shape, level and onsets."""
    bands = np.array_split(np.maximum(power, power.max(initial=0.0) * 1e-6 + 1e-20), min(24, power.shape[1]), axis=1)
    logs = np.log(np.stack([band.mean(axis=1) for band in bands], axis=1))
    level = logs.mean(axis=1, keepdims=True)
    rise = np.maximum(0.0, np.diff(level, axis=0, prepend=level[:1]))
    shape = (logs - level) / max(1e-6, float((logs - level).std()))
    spread = max(1e-6, float(level.std()))
    return np.concatenate(
        [shape / math.sqrt(shape.shape[1]), 0.7 * (level - level.mean()) / spread, 2 * rise / spread], 1
    )
