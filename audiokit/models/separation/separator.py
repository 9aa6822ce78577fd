"""Separate a stream of any length, rate and number of channels with any engine.

What the input has beyond the engine (other rates, more channels) is taken care of here, once for all engines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from audiokit.dsp.separation.separate import Fifo
from audiokit.models.separation.engines import load_engine
from audiokit.models.separation.settings import RESIDUAL, Settings, wanted_stems


class Separation:
    """Separate a stream: any rate and number of channels in, the same out.

    Args:
        settings: engine, model, stems and the rest.
        rate, channels: of the stream.

    Attributes:
        stems: names of the stems that come out.
        channels: of each stem; the input's, or 2 in compat mode.
        whole: the stems add up to the mix.
        grid: rounds audio to what the format it will be written in can hold, so that what is left for the last stem is
            left by what is really written; nothing is rounded by default.

    Raises:
        ParameterError, ModelError, MissingExtraError: see `load_engine`.
    """

    def __init__(self, settings: Settings, rate: int, channels: int) -> None:
        self.engine = load_engine(settings)
        self.rate, self.inputs = rate, channels
        self._inner_rate = self.engine.rate or rate
        self.stems = wanted_stems(self.engine.stems, settings)
        self.grid: Callable[[np.ndarray], np.ndarray] = lambda y: y
        # What is left is left by all stems where it alone is wanted.
        own = [stem for stem in self.stems if stem != RESIDUAL] or list(self.engine.stems)
        last = self.engine.stems[-1]
        # The last stem is what the others leave, where they were separated anyway: exact at any rate.
        self._rest = last if self.engine.complete and set(own) == set(self.engine.stems) and len(own) > 1 else None
        self._separated = [stem for stem in own if stem != self._rest]
        self.whole = self._rest is not None or RESIDUAL in self.stems
        self.channels = 2 if self.engine.pairs_only else channels

    def run(self, blocks: Iterable[np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
        """Separate blocks (C, n): dicts of stem -> (C, m), all of equal m; together as long as the input."""
        mix = Fifo(self.inputs)
        try:
            for found in self._resampled(self._separate(self._kept(blocks, mix)), mix):
                yield self._finish(dict(zip(self._separated, found, strict=True)), mix)
        finally:
            mix.close()

    def _kept(self, blocks: Iterable[np.ndarray], mix: Fifo) -> Iterator[np.ndarray]:
        """Remember the mix, make pairs of channels, and resample to the engine's rate."""
        import soxr

        stream = None
        for block in blocks:
            if not block.shape[1]:
                continue
            mix.push(block)
            paired = self._paired(block)
            if self.rate == self._inner_rate:
                yield paired
                continue
            stream = stream or soxr.ResampleStream(self.rate, self._inner_rate, len(paired), dtype="float32")
            out = stream.resample_chunk(np.ascontiguousarray(paired.T)).reshape(-1, len(paired))
            if len(out):
                yield np.ascontiguousarray(out.T)
        if stream is not None:
            count = self._paired(np.zeros((self.inputs, 0), np.float32)).shape[0]
            out = stream.resample_chunk(np.zeros((0, count), np.float32), last=True).reshape(-1, count)
            if len(out):
                yield np.ascontiguousarray(out.T)

    def _paired(self, block: np.ndarray) -> np.ndarray:
        """Make pairs of channels: the last of an odd number goes to both sides, Spleeter takes the first two."""
        if self.engine.pairs_only:
            return block[:2] if len(block) > 1 else np.repeat(block, 2, axis=0)
        return np.concatenate([block, block[-1:]]) if len(block) % 2 else block

    def _separate(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Separate, and make the input's channels out of the pairs again."""
        for y in self.engine.run(blocks, self._separated):
            if self.inputs % 2 and not self.engine.pairs_only:
                last = 0.5 * (y[:, -2:-1] + y[:, -1:])
                y = np.concatenate([y[:, :-2], last], axis=1)
            yield y

    def _resampled(self, found: Iterator[np.ndarray], mix: Fifo) -> Iterator[np.ndarray]:
        """Bring stems (S, C, n) back to the stream's rate, and to its length."""
        import soxr

        if self.rate == self._inner_rate:
            yield from found
            return
        stream, done, shape = None, 0, (len(self._separated), self.channels)
        for y in found:
            flat = y.reshape(-1, y.shape[2])
            stream = stream or soxr.ResampleStream(self._inner_rate, self.rate, len(flat), dtype="float32")
            out = stream.resample_chunk(np.ascontiguousarray(flat.T)).reshape(-1, len(flat))
            # What was resampled twice may end a little later than the input, which is not known before its end.
            out = out[: max(0, mix.length - done)]
            done += len(out)
            if len(out):
                yield np.ascontiguousarray(out.T).reshape(*shape, -1)
        if mix.length:
            rest = np.zeros((0, shape[0] * shape[1]), np.float32)
            if stream is not None:
                rest = stream.resample_chunk(rest, last=True).reshape(-1, rest.shape[1])[: mix.length - done]
            short = mix.length - done - len(rest)
            yield np.ascontiguousarray(np.pad(rest, ((0, short), (0, 0))).T).reshape(*shape, -1)

    def _finish(self, found: dict[str, np.ndarray], mix: Fifo) -> dict[str, np.ndarray]:
        """Add the stems that are what others leave of the mix."""
        count = next(iter(found.values())).shape[1] if found else 0
        whole = mix.pull(count)
        if not self.whole:
            return found
        whole = self._paired(whole) if self.engine.pairs_only else whole
        left = whole - sum(self.grid(y) for y in found.values())
        if self._rest is not None:
            found[self._rest] = left
            left = left - self.grid(left)
        if RESIDUAL in self.stems:
            found[RESIDUAL] = left
        return {stem: found[stem] for stem in self.stems}


def grid_of(bits: int | None) -> Callable[[np.ndarray], np.ndarray]:
    """Make a function that rounds audio as an integer format of so many bits will round it; None rounds nothing.

    >>> grid_of(16)(np.array([0.5, 1e-6, 2.0], np.float32)).tolist()
    [0.5, 0.0, 0.999969482421875]
    """
    if bits is None:
        return lambda y: y
    full = np.float32(2 ** (bits - 1))

    def rounded(y: np.ndarray) -> np.ndarray:
        return (np.clip(np.rint(y.astype(np.float64) * full), -full, full - 1) / full).astype(np.float32)

    return rounded
