"""The built-in network at its best: it hears a recording twice, and both together are weighed against what repeats.

The second time everything is a tenth slower and lower: a voice that is too high or too sharp for the network is another
one then, and what it takes for a voice by mistake seldom is the same sound both times. Nothing is resampled for that:
spectra whose frames are shorter by a tenth, a tenth closer together, are those of the slower recording. Their masks of
bands go the way back, and are averaged with the first before what repeats has its say, so that one inverse transform
serves both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import tee

import numpy as np

from audiokit.dsp.separation.bands import Bands
from audiokit.dsp.separation.held import Frames
from audiokit.dsp.separation.masks import repetition
from audiokit.dsp.separation.returns import new_power
from audiokit.dsp.separation.segments import faded
from audiokit.dsp.separation.separate import Length, audio_of, rotated, spectra
from audiokit.models.separation.band_settings import BandUnetConfig
from audiokit.models.separation.combination import CombinedMasks

#: How fast the second hearing is.
SPEED = 0.9
# Half a minute each: music repeats within it, and the similarity matrix stays small.
_CORE, _FADE = 1280, 43
# Below, all is band.
_LOWEST_HZ = 108.0
# Power that counts as none.
_SILENT = np.float32(1e-12)


class TwoHearings:
    """Separate pairs of channels by what the network makes of them at two speeds.

    Args:
        masks: the network, and how it is weighed.
        core: frames whose masks are found at a time.
    """

    def __init__(self, masks: CombinedMasks, core: int) -> None:
        self._masks, self._core = masks, core
        self._config = c = masks.config
        self._bands = Bands(n_fft=c.n_fft, bands=c.bands, single=c.single)
        self._back = Shift(self._bands.centers, SPEED)

    def __call__(self, blocks: Iterable[np.ndarray], stems: Sequence[str]) -> Iterator[np.ndarray]:
        """Separate blocks (2 * B, n): stems (S, 2 * B, m), float32, in all as long as the input."""
        c, length = self._config, Length()
        once, again = tee(rotated(block) for block in blocks)
        source = spectra(once, c.n_fft, c.hop, length)
        for y in audio_of(self._masked(source, again, stems), c.n_fft, c.hop, length):
            yield np.stack([rotated(stem) for stem in y])

    def _masked(
        self, source: Iterator[np.ndarray], again: Iterable[np.ndarray], stems: Sequence[str]
    ) -> Iterator[np.ndarray]:
        """Mask spectra (2 * B, F, n) of mid and side, which are masked by both hearings: (S, 2 * B, F, n)."""
        waiting = Frames()

        def found_in(X: np.ndarray) -> np.ndarray:
            return known_of(X, self._config, self._bands)

        def known() -> Iterator[np.ndarray]:
            for X, found in faded(source, found_in, core=_CORE, after=_FADE, fade=_FADE):
                waiting.push(X)
                yield found

        wanted = [list(self._config.stems).index(stem) for stem in stems]
        for masks in self._masks.weighed(self._together(known(), again), self._core):
            for found in self._masks.spread(masks.swapaxes(3, 4)):
                X = waiting.take(found.shape[4])
                by_channel = np.moveaxis(found, 1, 0).reshape(found.shape[1], *X.shape)
                yield by_channel[wanted] * X[None]

    def told(self, mix: np.ndarray) -> np.ndarray:
        """Tell of an excerpt (2 * B, T) what masks are found from: (B, rows, bands, N); see `CombinedMasks.told`."""
        X = np.concatenate([*spectra([rotated(mix)], self._config.n_fft, self._config.hop, Length())], axis=2)
        known = iter([known_of(X, self._config, self._bands)])
        return np.concatenate([*self._together(known, [rotated(mix)])], axis=-1)

    def _together(self, known: Iterator[np.ndarray], again: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Tell of all that is known, the network's masks being the mean of both hearings."""
        second = Stretched(self._masks.heard(self._slower(again), round(self._core / SPEED)), 1 / SPEED)
        for told in self._masks.told(known, self._core):
            masks = self._back(second.take(told.shape[-1]))
            own = told[:, : 2 * len(self._config.stems)]
            own += masks.reshape(own.shape)
            own *= np.float32(0.5)
            yield told

    def _slower(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Find the powers of the bands (B, 2, bands, n) of the slower recording."""
        c = self._config
        n_fft, hop = 2 * round(SPEED * c.n_fft / 2), round(SPEED * c.hop)
        # The first frames of both have the same centre.
        before = c.n_fft // 2 + n_fft // 2
        for X in spectra(blocks, n_fft, hop, Length(), before=before):
            power = np.zeros((len(X), c.n_fft // 2 + 1, X.shape[2]), np.float32)
            power[:, : X.shape[1]] = X.real**2 + X.imag**2
            yield self._bands.gather(power.reshape(-1, 2, *power.shape[1:]))


def known_of(X: np.ndarray, config: BandUnetConfig, bands: Bands) -> np.ndarray:
    """Tell of the bands of a stretch, spectra (2 * B, F, N) of mid and side, how loud they are and what is new there.

    Returns:
        (B, 3, 2, bands, N): power; the share of the amplitude that REPET gives to the voice; the share that does not
        come back to the sample.
    """
    pairs = X.reshape(-1, 2, *X.shape[1:])
    power = bands.gather(pairs.real**2 + pairs.imag**2)
    lowest = round(_LOWEST_HZ * config.n_fft / config.rate)
    found = np.empty((len(pairs), 3, *power.shape[1:]), np.float32)
    found[:, 0] = power
    for known, pair in zip(found, pairs, strict=True):
        known[1] = repetition(np.sqrt(known[:1]), hop_s=config.hop / config.rate, lowest_bin=lowest)[0, 0]
        new = bands.gather(new_power(pair, rate=config.rate, hop=config.hop))
        known[2] = np.sqrt(np.minimum((new + _SILENT) / (known[0] + _SILENT), 1))
    return found


class Shift:
    """Read off bands where those of a recording lie that is higher or lower by a factor.

    Args:
        centers: of the bands, in bins.
        factor: by which what is asked for lies above what is known.

    >>> bands = np.arange(4.0)[:, None] * np.ones((1, 2))
    >>> Shift(np.arange(4), 1.5)(bands)[:, 0].tolist()
    [0.0, 1.5, 3.0, 3.0]
    """

    def __init__(self, centers: np.ndarray, factor: float) -> None:
        at = np.interp(centers * factor, centers, np.arange(len(centers)))
        self._low = np.minimum(at.astype(int), len(centers) - 2)
        self._share = (at - self._low).astype(np.float32)[:, None]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Read off bands (..., bands, n)."""
        below = x[..., self._low, :]
        return below + self._share * (x[..., self._low + 1, :] - below)


class Stretched:
    """Read off a stream of frames at a steady pace: at 0, `pace`, 2 * `pace` ... frames, between two in proportion.

    Args:
        source: frames (..., n); the last one lasts for ever.
        pace: frames of the source for each that is asked for.

    >>> frames = Stretched(iter([np.arange(3.0), np.arange(3.0, 5.0)]), 0.75)
    >>> frames.take(3).tolist(), frames.take(4).tolist()
    ([0.0, 0.75, 1.5], [2.25, 3.0, 3.75, 4.0])
    """

    def __init__(self, source: Iterator[np.ndarray], pace: float) -> None:
        self._source, self._pace = source, pace
        self._held, self._count = Frames(), 0

    def take(self, count: int) -> np.ndarray:
        """Give the next `count` frames."""
        at = self._pace * np.arange(self._count, self._count + count)
        self._count += count
        held = self._held
        while held.stop < at[-1] + 2 and (piece := next(self._source, None)) is not None:
            held.push(piece)
        last = held.stop - 1
        first = min(int(at[0]), last)
        known = held.between(first, min(int(at[-1]) + 2, held.stop))
        at = np.minimum(at, last) - first
        low = np.minimum(at.astype(int), max(known.shape[-1] - 2, 0))
        high = np.minimum(low + 1, known.shape[-1] - 1)
        share = (at - low).astype(known.dtype)
        held.drop(first)
        return known[..., low] * (1 - share) + known[..., high] * share
