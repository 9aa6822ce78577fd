"""Blend one sound into another: pitch and timbre travel, instead of one fading while the other comes.

Engines: "world" takes both apart into pitch, envelope and breath and blends those (voices, single notes);
"transport" moves the peaks of their spectra (noises, drums, textures, plain tones); "fade" is the cross-fade that
both are measured against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from audiokit.dsp.effects.alignment import in_step
from audiokit.dsp.effects.choice import choose_engine, for_world
from audiokit.dsp.effects.curve import Curve, check_amount, curve_values
from audiokit.dsp.effects.ends import with_ends
from audiokit.dsp.effects.passing import Passing
from audiokit.errors import InputError, ParameterError

ENGINES = ("auto", "world", "transport", "fade")
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
        align: bring alike moments together first (dynamic time warping); both are then played to their ends, at a pace
            between theirs as the amount says, from which the result's length follows. Otherwise both start together
            and the result is as long as the longer one.
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
    first, second = (lambda: iter([a])), (lambda: iter([b]))
    length = max(a.shape[1], b.shape[1])
    if engine == "world":
        from audiokit.dsp.effects.world_morph import Side, morph_by_world

        (low, inner), (high, _) = (for_world(y, rate) for y in (a, b))
        sides = Side(low, first, a.shape[1]), Side(high, second, b.shape[1])
        blocks, _ = morph_by_world(
            *sides, inner, rate, points=points, align=align, tracker=tracker, channels=len(a)
        )  # fmt: skip
        return np.concatenate(list(blocks()), axis=1)
    if align:
        first, second, length = in_step(a, b, rate, points)
    made = morph_passing(first, second, rate, amount=points, engine=engine, channels=len(a), length=length)
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
