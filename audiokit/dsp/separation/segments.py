"""Streams of frames, cut into segments that overlap, so that what is found for them needs no more than a segment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from audiokit.dsp.separation.held import Frames

#: Frames that are handed on at once.
STRIDE = 128
T = TypeVar("T")


def segments(source: Iterator[np.ndarray], core: int, before: int, after: int) -> Iterator[tuple[np.ndarray, int, int]]:
    """Yield (frames (..., n) of a segment with its surroundings, first frame to keep, one past the last)."""
    held: list[np.ndarray] = []
    count = first = start = 0  # frames held; number of the first of them; of the next core
    over = False
    while not over or start < first + count:
        while not over and first + count < start + core + after:
            if (S := next(source, None)) is None:
                over = True
            else:
                held.append(S)
                count += S.shape[-1]
        stop = min(start + core, first + count)
        if stop <= start:
            break
        X = np.concatenate(held, axis=-1) if len(held) > 1 else held[0]
        held = [X]
        end = min(first + count, start + core + after)
        yield X[..., : end - first], start - first, stop - first
        start = stop
        drop = max(0, start - before - first)
        held, first, count = [X[..., drop:].copy()], first + drop, count - drop
        del X


def faded(
    source: Iterator[np.ndarray],
    found: Callable[[np.ndarray], np.ndarray],
    *,
    core: int,
    before: int = 0,
    after: int = 0,
    fade: int = 0,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Find something for frames, segment by segment; where segments meet, what is found is cross-faded.

    Args:
        source: frames (..., n).
        found: a segment of them (..., n) -> what is found (..., n), float.
        core, before, after, fade: frames, as of `Masking`.

    Yields:
        A few frames, and what was found for them.
    """
    ramp = (np.arange(fade, dtype=np.float32) + 0.5) / max(fade, 1)
    tail: np.ndarray | None = None  # what the segment before says about the first frames of this one
    for X, start, stop in segments(source, core, before, after):
        y = found(X)
        if tail is not None:
            n = min(tail.shape[-1], stop - start)
            share = ramp[:n]
            y[..., start : start + n] *= share
            y[..., start : start + n] += tail[..., :n] * (1 - share)
        if fade:
            tail = y[..., stop : stop + fade].copy()
        for at in range(start, stop, STRIDE):
            part = slice(at, min(at + STRIDE, stop))
            yield X[..., part], y[..., part]
        del X, y  # before the next segment is put together


def in_turn(
    source: Iterator[np.ndarray], found: Callable[[np.ndarray, int, int], T], *, core: int, before: int, after: int
) -> Iterator[T]:
    """Find something for frames from what is seen of them and of their surroundings, which cover its whole reach.

    Args:
        source: what is seen (..., n).
        found: (a segment with its surroundings, first frame to keep, one past the last) -> what is found.
        core, before, after: frames, as of `Masking`.
    """
    seen, start, over = Frames(), 0, False
    while True:
        while not over and seen.stop < start + core + after:
            if (piece := next(source, None)) is None:
                over = True
            else:
                seen.push(piece)
        stop = min(start + core, seen.stop)
        if stop <= start:
            return
        yield found(
            seen.between(seen.start, min(seen.stop, start + core + after)), start - seen.start, stop - seen.start
        )
        start = stop
        seen.drop(start - before)
