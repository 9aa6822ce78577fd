"""Drive and reverberation of sounds that are never held whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from audiokit.dsp.effects.effects import OVERSAMPLE, drive, drive_gain, reverb, reverb_time, room, tanh_between
from audiokit.dsp.spectrum.samples import Wave

#: Keeps the blocks (n,) of a sound that passes by where parts of it can be taken: in memory, or in a file.
Keep = Callable[[Iterable[np.ndarray]], Wave]
#: Samples that are worked on at once; shorter sounds are one block.
BLOCK = 1 << 18


def in_memory(blocks: Iterable[np.ndarray]) -> Wave:
    """Keep blocks (n,) as one array.

    >>> in_memory([np.zeros(2, np.float32), np.zeros(1, np.float32)]).shape
    (3,)
    """
    return np.concatenate([np.zeros(0, np.float32), *blocks])


def drive_passing(blocks: Iterable[np.ndarray], amount: float, *, keep: Keep = in_memory) -> Iterator[np.ndarray]:
    """Distort a sound as `drive` does.

    Args:
        blocks: of the sound (n,), float32.
        amount: 0 to 1.
        keep: where what has to be heard twice is kept.

    Yields:
        Blocks (n,), float32: those of `drive`, within rounding.

    >>> y = np.sin(np.arange(600_000) * 0.1).astype(np.float32)
    >>> made = np.concatenate([*drive_passing(np.array_split(y, 5), 0.5)])
    >>> bool(np.abs(made - drive(y, 0.5)).max() < 1e-6)
    True
    """
    sound = keep(blocks)
    peak = max((float(np.abs(block).max()) for block in _parts(sound)), default=0.0)
    if len(sound) <= BLOCK or peak == 0 or amount == 0:
        yield from (drive(block, amount) for block in _parts(sound))
        return
    # How high it gets is known when all of it has been made.
    shaped = keep(_shaped(_parts(sound), len(sound), amount, peak))
    highest = max(float(np.abs(block).max()) for block in _parts(shaped))
    yield from (block * np.float32(peak / max(highest, 1e-9)) for block in _parts(shaped))


def _shaped(blocks: Iterable[np.ndarray], length: int, amount: float, peak: float) -> Iterator[np.ndarray]:
    import soxr

    finer, back = (soxr.ResampleStream(*rates, 1, dtype="float64") for rates in ((1, OVERSAMPLE), (OVERSAMPLE, 1)))
    gain, before, left = drive_gain(amount), np.zeros(0), length
    for block, last in _with_last(blocks):
        fine = gain * finer.resample_chunk(block.astype(np.float64) / peak, last=last)
        joined = np.concatenate([before, fine])
        shaped = tanh_between(joined)[len(before) :] / np.tanh(gain)
        before = joined[-1:]
        out = back.resample_chunk(shaped, last=last)[:left]
        left -= len(out)
        yield out.astype(np.float32)
    if left:
        yield np.zeros(left, np.float32)


def _with_last(blocks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, bool]]:
    held: np.ndarray | None = None
    for block in blocks:
        if held is not None:
            yield held, False
        held = block
    if held is not None:
        yield held, True


def reverb_passing(
    blocks: Iterable[np.ndarray], rate: int, amount: float, *, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Put a sound into a room as `reverb` does; the tail lengthens it.

    Args:
        blocks: of the sound (n,), float32.
        rate: Hz.
        amount: above 0, to 1.
        rng: source of the room.

    Yields:
        Blocks (n,), float32: those of `reverb`, within rounding.

    >>> y = np.random.default_rng(0).standard_normal(600_000).astype(np.float32)
    >>> made = np.concatenate([*reverb_passing(np.array_split(y, 5), 8000, 0.5, rng=np.random.default_rng(1))])
    >>> bool(np.abs(made - reverb(y, 8000, 0.5, rng=np.random.default_rng(1))).max() < 1e-5)
    True
    """
    size, pieces = BLOCK, _regular(blocks, BLOCK)
    first = next(pieces, np.zeros(0, np.float32))
    if len(first) < size:
        yield reverb(first, rate, amount, rng=rng)
        return
    ir = room(rate, reverb_time(amount), rng=rng)
    share = np.float32(0.7 * amount**0.5)
    n_fft = 1 << (size + len(ir) - 2).bit_length()
    heard = np.fft.rfft(ir, n_fft)
    ringing = np.zeros(len(ir) - 1, np.float32)
    for y in _chained(first, pieces):
        wet = np.fft.irfft(np.fft.rfft(y, n_fft) * heard, n_fft)[: len(y) + len(ir) - 1].astype(np.float32) * share
        wet[: len(ringing)] += ringing
        wet[: len(y)] += y
        ringing = wet[len(y) :].copy()
        yield wet[: len(y)]
    fade = min(len(ringing), round(0.05 * rate))
    ringing[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    yield ringing


def _chained(first: np.ndarray, others: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    yield first
    yield from others


def _regular(blocks: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Cut blocks (n,) anew into such of one size, but for the last."""
    held, count = [], 0
    for block in blocks:
        held.append(block)
        count += len(block)
        while count >= size:
            joined = np.concatenate(held)
            yield joined[:size]
            held, count = [joined[size:]], count - size
    if count:
        yield np.concatenate(held)


def _parts(y: Wave) -> Iterator[np.ndarray]:
    return (y[k : k + BLOCK] for k in range(0, len(y), BLOCK))
