"""The band U-Net's voice weighed against what a recording repeats, more on the one or the other as the music asks.

The voice's masks are a product of powers: of the network's own, of the share that REPET gives to the voice, of what
rises above the median of like moments, and of what does not come back to the sample. The exponents differ from band to
band and moment to moment: they are read off how the four agree around it, how much of the last seconds each takes for
voice, and how loud things are. Where a recording does not repeat, REPET loses its say; where the network takes far more
for voice than repetition explains, the network does; where bars are copies of each other, what differs is the voice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from audiokit.dsp.separation.segments import in_turn
from audiokit.dsp.spectrum.moving import mean_with_zeros
from audiokit.errors import ModelError
from audiokit.models.folder.runtime import Network
from audiokit.models.separation.band_masks import BandMasks, whole_frames

# Frames before and after a frame that its exponents are read off; a multiple of every network's.
MARGIN = 192
# Frames of the means: of about a fifth of a second, one second, six seconds.
_SHORT, _MIDDLE, _LONG = 9, 43, 259
# The share of a band that is new, below which it comes back.
_RETURNS = 0.3
# Frames whose exponents are found at a time: few, so that all of them stay in the cache.
_STRETCH = 128
#: How many numbers there are of every band and moment, and of every moment.
LOCAL, GLOBAL = 16, 16
#: How many ways are raised to exponents.
WAYS = 4
#: The exponents of network and REPET together are never less: what comes back may weigh most, but not all.
LEAST = np.float32(0.3)
# A singer is seldom a tenth of a song's power or less. Where the network takes that little for voice, over seconds, it
# mostly missed a part of one unlike those it learnt from: from -11 dB on the exponents fall, to half of them at -19.
# What is below -22 dB is no voice at all more often than not, and theirs are whole again from -30 on.
_SEES_ENOUGH_DB, _SEES_LITTLE_DB, _SEES_NOBODY_DB, _SILENCE_DB = -11.0, -19.0, -22.0, -30.0
_SOFTEST = 0.5


class CombinedMasks:
    """Turn what is known of the bands of a mix into masks: their powers, and how much of them repeats.

    Args:
        network: a band U-Net with memory.
        weights: (K, WAYS, 1 + LOCAL + GLOBAL): of K sets of exponents, which are averaged.

    Raises:
        ModelError: the weights are of another shape, or the network does not look for what repeats.
    """

    def __init__(self, network: Network, weights: Sequence[Sequence[Sequence[float]]]) -> None:
        self._own = BandMasks(network, held=False)
        self.config = self._own.config
        self._weights = np.asarray(weights, np.float32)
        if not self.config.memory or self._weights.shape[1:] != (WAYS, 1 + LOCAL + GLOBAL):
            raise ModelError(f"{network.name}: its card's combination does not fit the network")

    def spread(self, masks: np.ndarray) -> Iterator[np.ndarray]:
        """Turn masks (B, S - 1, 2, n, bands) into those of bins, all stems (B, S, 2, F, n), a few frames at a time."""
        return self._own.spread(list(masks))

    def heard(self, powers: Iterator[np.ndarray], core: int) -> Iterator[np.ndarray]:
        """Find what the network says of a recording by itself.

        Args:
            powers: of the bands of consecutive frames (B, 2, bands, n), of mid and side.
            core: frames whose masks are found at a time.

        Yields:
            Masks (B, S, 2, bands, n), float32, in all of as many frames.
        """
        return self._by_network(powers, lambda *part: self._own.of_bands(*part)[0].swapaxes(2, 3), core)

    def told(self, known: Iterator[np.ndarray], core: int) -> Iterator[np.ndarray]:
        """Put together what is known of the bands, and what the network says.

        Args:
            known: of consecutive frames (B, 3, 2, bands, n), of mid and side: the power of bands; the share of their
                amplitude that REPET gives to the voice; the share that does not come back to the sample.
            core: frames that it is found for at a time.

        Yields:
            (B, rows, bands, n), in all of as many frames: the network's masks (S * 2), what it sees, what is known.
        """
        return self._by_network(known, self._of_known, core)

    def weighed(self, told: Iterator[np.ndarray], core: int) -> Iterator[np.ndarray]:
        """Find the masks of bands from what `told` gives, of all stems but the last.

        Args:
            told: of consecutive frames.
            core: frames whose masks are found at a time.

        Yields:
            Masks (B, S - 1, 2, bands, n), float32, in all of as many frames.
        """
        return in_turn(told, self._weighed, core=core, before=MARGIN, after=MARGIN)

    def _by_network(
        self, source: Iterator[np.ndarray], of_pair: Callable[[np.ndarray, int, int], np.ndarray], core: int
    ) -> Iterator[np.ndarray]:
        """Find something of every pair of consecutive frames, with all around them that the network looks at."""

        def found(seen: np.ndarray, start: int, stop: int) -> np.ndarray:
            return np.stack([of_pair(pair, start, stop) for pair in seen])

        reach = self.config.reach
        return in_turn(source, found, core=whole_frames(core, self.config), before=reach, after=reach)

    def _of_known(self, pair: np.ndarray, start: int, stop: int) -> np.ndarray:
        masks, features = self._own.of_bands(pair[0], start, stop)
        more = pair[..., start:stop].swapaxes(2, 3)
        rows = np.concatenate([y.reshape(-1, *y.shape[-2:]) for y in (masks, features[:6], more)])
        return rows.swapaxes(1, 2)

    def known(self, told: np.ndarray) -> tuple[np.ndarray, ...]:
        """Take apart what `told` put together of a pair (rows, bands, n).

        Returns:
            The network's masks (S, 2, n, bands); then, each (2, n, bands): REPET's share, what rises above the median
            of like moments, the share of what does not come back, what rises above the second lowest of like moments,
            power, levels.
        """
        pairs = told.swapaxes(1, 2).reshape(-1, 2, told.shape[2], told.shape[1])
        masks, (levels, above_low, above_median, power, share, fresh) = pairs[:-6], pairs[-6:]
        low, median = (1 - np.minimum(np.float32(10) ** (-4 * above), 1) for above in (above_low, above_median))
        return masks, share, median, fresh, low, power, levels

    def _weighed(self, told: np.ndarray, start: int, stop: int) -> np.ndarray:
        return np.stack([self._of_pair(pair, start, stop) for pair in told])

    def _of_pair(self, told: np.ndarray, start: int, stop: int) -> np.ndarray:
        """Find the masks of bands of all stems but the last: (S - 1, 2, bands, stop - start)."""
        masks, *known = self.known(told)
        overall = of_moments(masks[0], *known)
        out = np.empty((len(masks) - 1, 2, stop - start, masks.shape[3]), np.float32)
        for at in range(start, stop, _STRETCH):
            end, first = min(at + _STRETCH, stop), max(0, at - _MIDDLE)
            inner = slice(at - first, end - first)
            own, *around = (y[..., first : end + _MIDDLE, :] for y in (masks, *known))
            exponents = _exponents(of_bands(own[0], *around)[..., inner, :], overall[:, at:end], self._weights)
            exponents *= logarithms(own[0], *around)[..., inner, :]
            mask, others = np.exp(exponents.sum(axis=0)), own[1:, :, inner]
            out[0, :, at - start : end - start] = mask
            shares = others[:-1] / np.maximum(others.sum(axis=0), 1e-6)
            out[1:, :, at - start : end - start] = shares * (1 - mask)
        return out.swapaxes(2, 3)


def of_bands(
    own: np.ndarray,
    share: np.ndarray,
    median: np.ndarray,
    fresh: np.ndarray,
    low: np.ndarray,
    _: np.ndarray,
    levels: np.ndarray,
) -> np.ndarray:
    """Put what is known of the bands, each (2, n, bands), into numbers of about unit size: (LOCAL, 2, n, bands).

    They are what the ways say there and around it, and how loud it is.
    """
    local = np.empty((LOCAL, *own.shape), np.float32)
    network, repet, new = _odds(own), _odds(share), _odds(fresh)
    for way, odds, *means in ((network, 0, 4, 6, 8), (repet, 1, 5, 7, 9), (new, 10, 11, 12, 13)):
        local[odds] = way
        local[means[0]], local[means[1]] = _mean(way, _SHORT), _mean(way, _MIDDLE)
        local[means[2]] = _mean(way, _SHORT, axis=2)
    local[2], local[3] = _odds(median), _odds(low)
    local[:14] /= 4
    local[14], local[15] = levels - _mean(levels, _MIDDLE), levels - levels[::-1]
    return local


def of_moments(
    own: np.ndarray,
    share: np.ndarray,
    median: np.ndarray,
    fresh: np.ndarray,
    low: np.ndarray,
    power: np.ndarray,
    *_: np.ndarray,
) -> np.ndarray:
    """Put what is known of moments into numbers of about unit size: (GLOBAL, n).

    They are how much of the sound the ways take for voice, how far they agree, and how much comes back.
    """

    def part(some: np.ndarray, of: np.ndarray, size: int) -> np.ndarray:
        found, whole = (_mean(x.sum(axis=(0, 2)), size, axis=0) for x in (some, of))
        return np.log10(np.maximum((found + 1e-9) / (whole + 1e-9), 1e-4)) / 2

    overall = [part(x * x * power, power, size) for x in (own, share, median, low, fresh) for size in (_MIDDLE, _LONG)]
    voice, rest, repeated = own**2 * power, (1 - own) ** 2 * power, share**2 * power
    returns = (fresh < _RETURNS).astype(np.float32)
    overall += [
        part((1 - share) ** 2 * voice, voice, _LONG),
        part((1 - own) ** 2 * repeated, repeated, _LONG),
        part(median**2 * rest, rest, _LONG),
        part((1 - fresh) ** 2 * voice, voice, _LONG),
        part(returns * power, power, _LONG),
        part(returns, np.ones_like(returns), _LONG),
    ]
    return np.stack(overall).astype(np.float32, copy=False)


def _mean(x: np.ndarray, size: int, axis: int = 1) -> np.ndarray:
    """Means around, over what there is at the ends."""
    whole = mean_with_zeros(np.ones(x.shape[axis], np.float32), size)
    shape = [1] * x.ndim
    shape[axis] = -1
    return mean_with_zeros(x, size, axis=axis) / whole.reshape(shape)


def logarithms(own: np.ndarray, share: np.ndarray, median: np.ndarray, fresh: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Logarithms of what is raised to the exponents: (WAYS, 2, n, bands).

    Voices are copied from bar to bar too: what the network takes for voice is not taken from it because it comes back.
    """
    others = (share, median, np.maximum(fresh, own))
    return np.log(np.stack([np.maximum(own, 1e-4), *(np.maximum(way, 1e-3) for way in others)]))


def _exponents(local: np.ndarray, overall: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Exponents (WAYS, 2, n, bands) by the mean of the sets of weights."""
    sums = np.tensordot(weights[:, :, 1 + LOCAL :], overall, axes=1)[:, :, None, :, None]
    sums = sums + np.tensordot(weights[:, :, 1 : 1 + LOCAL], local, axes=1) + weights[:, :, 0, None, None, None]
    found = np.logaddexp(np.float32(0), sums).mean(axis=0)
    found[:2] *= np.maximum(1, LEAST / np.maximum(found[0] + found[1], np.float32(1e-6)))
    return found * softness(overall)[:, None]


def softness(overall: np.ndarray) -> np.ndarray:
    """How much of their exponents the ways keep at every moment (n,), by what is known of it (GLOBAL, n).

    >>> shares_db = np.array([-6, -11, -15, -19, -26, -40])
    >>> softness(np.broadcast_to(shares_db / 20, (GLOBAL, 6)))
    array([1.  , 1.  , 0.75, 0.5 , 0.75, 1.  ], dtype=float32)
    """
    found_db = 20 * overall[1]  # the network's, in the last seconds and the next
    knots = [_SILENCE_DB, _SEES_NOBODY_DB, _SEES_LITTLE_DB, _SEES_ENOUGH_DB]
    return np.interp(found_db, knots, [1, _SOFTEST, _SOFTEST, 1]).astype(np.float32)


def _odds(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, np.float32(1e-4), np.float32(1 - 1e-4))
    return np.log(p / (1 - p))
