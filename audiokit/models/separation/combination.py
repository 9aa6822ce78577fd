"""The band U-Net's voice weighed against what a recording repeats, more on the one or the other as the music asks.

The voice's masks are a product of powers: of the network's own, of the share that REPET gives to the voice, and of what
rises above the median of like moments. The exponents differ from band to band and moment to moment: they are read off
how the three agree around it, how much of the last seconds each takes for voice, and how loud things are. Where a
recording does not repeat, REPET loses its say; where the network takes far more for voice than repetition explains,
the network does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from audiokit.dsp.separation.bands import Bands
from audiokit.errors import ModelError
from audiokit.models.folder.runtime import Network
from audiokit.models.separation.band_masks import BandMasks

# Frames before and after a frame that its exponents are read off; a multiple of every network's.
MARGIN = 192
# Frames of the means: of about a fifth of a second, one second, six seconds.
_SHORT, _MIDDLE, _LONG = 9, 43, 259
#: How many numbers there are of every band and moment, and of every moment.
LOCAL, GLOBAL = 12, 11


class CombinedMasks:
    """Turn spectra of a mix and of the voice that REPET finds in it into masks.

    Args:
        network: a band U-Net with memory.
        weights: (K, 3, 1 + LOCAL + GLOBAL): of K sets of exponents, which are averaged.

    Raises:
        ModelError: the weights are of another shape, or the network does not look for what repeats.
    """

    def __init__(self, network: Network, weights: Sequence[Sequence[Sequence[float]]]) -> None:
        self._own = BandMasks(network, held=False)
        self.config = config = self._own.config
        self._bands = Bands(n_fft=config.n_fft, bands=config.bands, single=config.single)
        self._weights = np.asarray(weights, np.float32)
        if not config.memory or self._weights.shape[1:] != (3, 1 + LOCAL + GLOBAL):
            raise ModelError(f"{network.name}: its card's combination does not fit the network")

    def __call__(self, X: np.ndarray, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Find the masks of frames `start` to `stop`, as `BandMasks` does.

        Args:
            X: spectra (2 * B, 2, F, N) of mid and side, complex: of the mix, and below them of REPET's voice.
            start, stop: the frames; all by default.

        Returns:
            Masks (B, S, 2, F, stop - start), float32, which sum to 1 over the stems.
        """
        stop = X.shape[3] if stop is None else stop
        mix, found = np.split(X, 2)
        return np.stack([self._of_pair(x, y, start, stop) for x, y in zip(mix, found, strict=True)])

    def _of_pair(self, mix: np.ndarray, found: np.ndarray, start: int, stop: int) -> np.ndarray:
        first, last = max(0, start - MARGIN), min(mix.shape[2], stop + MARGIN)
        masks, *known = self.known(mix, found, first, last)
        inner = slice(start - first, stop - first)
        local, overall = evidence(masks[0], *known)
        exponents = _exponents(local[..., inner, :], overall[:, inner], self._weights)
        ways = logarithms(masks[0], known[0], known[2])[..., inner, :]
        voice = np.exp(np.sum(exponents * ways, axis=0))  # (2, n, bands)
        spread = self._bands.spread(voice.transpose(0, 2, 1))[None]
        others = masks[1:, :, inner]
        if len(others) == 1:
            return np.concatenate([spread, 1 - spread]).astype(np.float32, copy=False)
        shares = self._bands.spread((others / np.maximum(others.sum(axis=0), 1e-6)).transpose(0, 1, 3, 2))
        return np.concatenate([spread, shares * (1 - spread)]).astype(np.float32, copy=False)

    def known(self, mix: np.ndarray, found: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, ...]:
        """Find what is known of the bands of a pair in frames `start` to `stop`.

        Args:
            mix, found: spectra (2, F, N) of the mix and of REPET's voice.
            start, stop: the frames.

        Returns:
            The network's masks (S, 2, n, bands); then, each (2, n, bands): REPET's share, power, what rises above the
            median of like moments, what rises above the second lowest, levels.
        """
        masks, features = self._own.of_bands(mix, start, stop)
        pair = (y[..., start:stop] for y in (mix, found))
        power, voice = (self._bands.gather(y.real**2 + y.imag**2).transpose(0, 2, 1) for y in pair)
        share = np.sqrt(np.clip(voice / (power + np.float32(1e-12)), 0, 1))
        low, median = (1 - np.minimum(np.float32(10) ** (-4 * above), 1) for above in (features[2:4], features[4:6]))
        return masks, share, power, median, low, features[:2]


def evidence(
    own: np.ndarray, share: np.ndarray, power: np.ndarray, median: np.ndarray, low: np.ndarray, levels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Put what is known of the bands, each (2, n, bands), into numbers of about unit size.

    Returns:
        Of every band (LOCAL, 2, n, bands): what the ways say there and around it, and how loud it is. Of every moment
        (GLOBAL, n): how much of the sound the ways take for voice, and how far they agree.
    """
    from scipy.ndimage import uniform_filter1d

    def mean(x: np.ndarray, size: int, axis: int = 1) -> np.ndarray:
        """Means around, over what there is at the ends."""
        whole = uniform_filter1d(np.ones(x.shape[axis], np.float32), size, mode="constant")
        shape = [1] * x.ndim
        shape[axis] = -1
        return uniform_filter1d(x, size, axis=axis, mode="constant") / whole.reshape(shape)

    def part(some: np.ndarray, of: np.ndarray, size: int) -> np.ndarray:
        found, whole = (mean(x.sum(axis=(0, 2)), size, axis=0) for x in (some, of))
        return np.log10((found + 1e-9) / (whole + 1e-9)) / 2

    network, repet = _odds(own), _odds(share)
    local = [network, repet, _odds(median), _odds(low)]
    local += [mean(network, _SHORT), mean(repet, _SHORT), mean(network, _MIDDLE), mean(repet, _MIDDLE)]
    local += [mean(network, _SHORT, axis=2), mean(repet, _SHORT, axis=2)]
    local = [x / 4 for x in local]
    local += [levels - mean(levels, _MIDDLE), levels - levels[::-1]]
    overall = [part(x * x * power, power, size) for x in (own, share, median, low) for size in (_MIDDLE, _LONG)]
    voice, rest, repeated = own**2 * power, (1 - own) ** 2 * power, share**2 * power
    overall += [
        part((1 - share) ** 2 * voice, voice, _LONG),
        part((1 - own) ** 2 * repeated, repeated, _LONG),
        part(median**2 * rest, rest, _LONG),
    ]
    return np.stack(local).astype(np.float32, copy=False), np.stack(overall).astype(np.float32, copy=False)


def logarithms(own: np.ndarray, share: np.ndarray, median: np.ndarray) -> np.ndarray:
    """Logarithms of what is raised to the exponents: (3, 2, n, bands)."""
    return np.log(np.stack([np.maximum(own, 1e-4), np.maximum(share, 1e-3), np.maximum(median, 1e-3)]))


def _exponents(local: np.ndarray, overall: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Exponents (3, 2, n, bands) by the mean of the sets of weights."""
    sums = np.tensordot(weights[:, :, 1 + LOCAL :], overall, axes=1)[:, :, None, :, None]
    sums = sums + np.tensordot(weights[:, :, 1 : 1 + LOCAL], local, axes=1) + weights[:, :, 0, None, None, None]
    return np.logaddexp(np.float32(0), sums).mean(axis=0)


def _odds(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, np.float32(1e-4), np.float32(1 - 1e-4))
    return np.log(p / (1 - p))
