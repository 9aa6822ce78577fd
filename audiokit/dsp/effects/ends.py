"""A morph at rest: as long as it is all the one sound or all the other, that sound itself is heard."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from audiokit.dsp.effects.passing import Passing

#: The sound itself comes, and goes, within so long.
FADE_S = 0.04
_BLOCK = 1 << 16


def with_ends(
    made: Iterable[np.ndarray],
    a: Passing,
    b: Passing,
    rate: int,
    amount: Callable[[np.ndarray], np.ndarray],
    *,
    length: int,
) -> Iterator[np.ndarray]:
    """Play a and b themselves as long as the amount stays 0 or 1; take 40 ms to come and go.

    Args:
        made: the morph, in blocks (C, n), float32.
        a, b: the sounds, with C channels.
        rate: Hz.
        amount: gives 0 (all a) to 1 (all b) at samples (n,).
        length: of the morph in samples.

    Yields:
        Audio (C, n), float32.

    >>> ones = np.ones((1, 8), np.float32)
    >>> sides = Passing([0 * ones], 1), Passing([ones], 1)
    >>> [y.tolist() for y in with_ends([0.5 * ones], *sides, 25, lambda at: np.minimum(at / 3, 1.0), length=8)]
    [[[0.0, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0]]]
    """
    between, reach = Passing(made, a.channels), math.ceil(FADE_S * rate)
    start = 0
    while start < length:
        first, last = max(0, start - reach), min(length, start + _BLOCK + 4 * reach)
        x = amount(np.arange(first, last))
        shares = [_shares(x == value, FADE_S * rate)[start - first :] for value in (0.0, 1.0)]
        fading = np.any([(share > 0) & (share < 1) for share in shares], axis=0)
        # No fade is cut in two: how alike both sounds are is asked of the whole.
        idle = np.flatnonzero(~fading[_BLOCK:])
        count = _BLOCK + int(idle[0]) if len(idle) else last - start
        out = between.take(start, start + count)
        for sound, share in zip((a, b), shares, strict=True):
            own = sound.take(start, start + count)
            if share[:count].any():
                out = _crossed(out, own, share[:count])
        yield out.astype(np.float32)
        start += count


def _shares(resting: np.ndarray, fade: float) -> np.ndarray:
    """How much of the sound itself is heard (n,), 0..1, where the amount rests (n,) and next to it."""
    count, far = np.arange(len(resting)), 2 * len(resting) + math.ceil(fade)
    before = count - np.maximum.accumulate(np.where(resting, -far, count))
    after = np.minimum.accumulate(np.where(resting, far, count)[::-1])[::-1] - count
    return np.clip(np.minimum(before, after) / fade, 0, 1)


def _crossed(made: np.ndarray, own: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Cross over from a morph (C, n) to the sound itself as the share (n,) rises."""
    fading = (share > 0) & (share < 1)
    alike = _correlation(made[:, fading], own[:, fading])  # equal sounds add up to twice, others to 3 dB more
    leaving, coming = np.cos(np.pi / 2 * share), np.sin(np.pi / 2 * share)
    mixed = (leaving * made + coming * own) / np.sqrt(1 + 2 * leaving * coming * alike)
    return np.where(share == 1, own, mixed)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    energy = float(np.sqrt((a.astype(np.float64) ** 2).sum() * (b.astype(np.float64) ** 2).sum()))
    return float(np.clip((a.astype(np.float64) * b).sum() / energy, 0, 1)) if energy > 0 else 0.0
