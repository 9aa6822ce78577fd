"""What is around the band U-Net: from spectra to what it sees, and from its masks of bands to masks of bins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from audiokit.dsp.separation.bands import Bands
from audiokit.dsp.separation.repeats import repeated_levels
from audiokit.models.folder.runtime import Network
from audiokit.models.separation.band_settings import BandUnetConfig

# Frames that go through the network at once, its surroundings aside: more only cost memory.
_FRAMES = 1024
# Frames whose masks are spread out over bins at once.
_STRETCH = 128


def whole_frames(frames: int, config: BandUnetConfig) -> int:
    """Round how many frames a segment has to what goes through the network in whole runs.

    >>> [whole_frames(n, BandUnetConfig()) for n in (3, 500, 1292, 2500)]
    [8, 496, 1024, 2048]
    """
    step = config.multiple if frames < _FRAMES else _FRAMES // config.multiple * config.multiple
    return max(config.multiple, frames // step * step)


class BandMasks:
    """Turn spectra of mid and side into masks with a band U-Net.

    Args:
        network: the network.
        held: whether the first stem is held to what does not repeat, as far as the network's settings say; no where
            another way looks after that.
    """

    def __init__(self, network: Network, *, held: bool = True) -> None:
        self.config = config = BandUnetConfig(**network.settings)
        self._novelty = config.novelty if held else 0.0
        self._network = network
        self._bands = Bands(n_fft=config.n_fft, bands=config.bands, single=config.single)
        self._gap = round(1.2 * config.rate / config.hop)
        self._height = np.linspace(-1, 1, config.bands, dtype=np.float32)

    def __call__(self, X: np.ndarray, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Find the masks of frames `start` to `stop`, of which `start` is a multiple of `config.multiple`.

        Args:
            X: spectra (B, 2, F, N) of mid and side, complex; what lies around the frames wanted is looked at.
            start, stop: the frames; all by default.

        Returns:
            Masks (B, S, 2, F, stop - start), float32, which sum to 1 over the stems.
        """
        stop = X.shape[3] if stop is None else stop
        return np.concatenate(list(self.of_powers(self.powers(X), start, stop)), axis=4)

    def powers(self, X: np.ndarray) -> np.ndarray:
        """Find what the masks are found from: the powers (B, 2, bands, N) of the bands of spectra (B, 2, F, N)."""
        return self._bands.gather(X.real**2 + X.imag**2)

    def of_powers(self, powers: np.ndarray, start: int, stop: int) -> Iterator[np.ndarray]:
        """Find masks as calling does, a few frames at a time, from the `powers` of the spectra."""
        return self.spread([self.of_bands(pair, start, stop)[0][:-1] for pair in powers])

    def spread(self, pairs: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
        """Turn masks of bands, of all stems but the last, into masks of bins of all, a few frames at a time.

        Args:
            pairs: masks (S - 1, 2, n, bands) of every pair.

        Yields:
            Masks (B, S, 2, F, n), float32, in all as many frames.
        """
        # The last stem is what the others leave: bins share themselves out as bands do.
        for at in range(0, pairs[0].shape[2], _STRETCH):
            found = [self._bands.spread(masks[:, :, at : at + _STRETCH].transpose(0, 1, 3, 2)) for masks in pairs]
            yield np.stack([np.concatenate([y, 1 - y.sum(axis=0, keepdims=True)]) for y in found])

    def of_bands(self, powers: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the masks of bands of one pair (2, bands, N): (S, 2, stop - start, bands), and the features behind."""
        c = self.config
        bands = powers.transpose(0, 2, 1)
        bands = np.pad(bands, ((0, 0), (0, -bands.shape[1] % c.multiple), (0, 0)))
        levels = np.log10(np.maximum(bands, 0) + np.float32(1e-7)) / np.float32(4)
        found = []
        for at in range(start, stop, _FRAMES // c.multiple * c.multiple):
            end = min(at + _FRAMES // c.multiple * c.multiple, stop)
            first = max(0, at - c.sight)
            features = self._features(levels, first, min(levels.shape[1], -(-end // c.multiple) * c.multiple + c.sight))
            masks = self._network.run(features[None])[0][0]  # (S, 2, n, bands)
            inner = slice(at - first, end - first)
            found.append((self._held_to_news(masks[:, :, inner], features[:, inner]), features[:, inner]))
        return np.concatenate([m for m, _ in found], axis=2), np.concatenate([f for _, f in found], axis=1)

    def _features(self, levels: np.ndarray, start: int, stop: int) -> np.ndarray:
        """Describe frames by their levels, what these add to what repeats, and height: (3 or 7, n, bands)."""
        own = levels[:, start:stop]
        known = [own]
        if self.config.memory:
            again = repeated_levels(levels, memory=self.config.memory, gap=self._gap, start=start, stop=stop)
            known.append(np.tile(own, (2, 1, 1)) - again)
        return np.concatenate([*known, np.broadcast_to(self._height, own[:1].shape)])

    def _held_to_news(self, masks: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Blend the first stem's masks (S, 2, n, bands) with what rises above the repetition; the others gain."""
        share = self._novelty
        if not share:
            return masks
        above = features[4:6]  # by how much levels, in quarters of log10, exceed the median of their repetitions
        new = 1 - np.minimum(np.float32(10) ** (-4 * above), 1)
        held = masks[:1] ** np.float32(1 - share) * new ** np.float32(share)
        others = masks[1:] / np.maximum(masks[1:].sum(axis=0, keepdims=True), 1e-6) * (1 - held)
        return np.concatenate([held, others]).astype(np.float32, copy=False)
