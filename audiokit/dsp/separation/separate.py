"""Separate a stream into stems with masks on its short-time spectrum, in memory that does not grow with its length.

Spectra are handed to the masking function in segments. A segment brings frames before and after those that are kept
(`before`, `after`); when these cover all that can influence a frame, the result does not depend on where the
segments lie and needs no cross-fade. Otherwise neighbouring segments are cross-faded over `fade` frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import tee
from tempfile import SpooledTemporaryFile, TemporaryFile
from typing import Any

import numpy as np

from audiokit.dsp.separation.held import Frames
from audiokit.dsp.separation.segments import STRIDE, faded, in_turn, segments
from audiokit.dsp.spectrum.stft import IstftStream, StftStream

_IN_MEMORY = 1 << 25
Masks = Callable[..., np.ndarray]
#: A stream of audio (C, n) to one of stems (S, C, n).
Way = Callable[[Iterable[np.ndarray]], Iterator[np.ndarray]]


@dataclass(frozen=True)
class Masking:
    """How a mix is shared out among stems.

    Attributes:
        stems: names.
        rate: Hz the spectra are made at.
        n_fft, hop: of the periodic Hann spectra.
        masks: spectra (B, 2, F, n) of pairs of channels -> masks (B, S, 2, F, n), or of the first of the pairs only.
        core: frames that one segment contributes.
        before, after: frames it sees on either side of them.
        fade: frames over which neighbouring segments are cross-faded; at most before + after.
        mid_side: the spectra are of mid and side instead of left and right.
        complete: the masks sum to 1, so that the last stem is the mix without the others.
        seen: what the masks are found from, if that is less than the spectra: spectra (B, 2, F, n) to (..., n), frame
            by frame. The function is then called with that, the first frame to keep and one past the last, and yields
            the masks of those, a few frames at a time; `fade` is not for it. Of the surroundings nothing else is held.
        wiener: the function gives magnitudes (B, S, 2, bins, n), to be refined by a multichannel Wiener filter.
    """

    stems: Sequence[str]
    rate: int
    n_fft: int
    hop: int
    masks: Callable[..., Any]
    core: int
    before: int = 0
    after: int = 0
    fade: int = 0
    mid_side: bool = False
    complete: bool = True
    wiener: bool = False
    seen: Callable[[np.ndarray], np.ndarray] | None = None


def separate(
    blocks: Iterable[np.ndarray], masking: Masking, *, stems: Sequence[str] | None = None
) -> Iterator[np.ndarray]:
    """Separate a stereo or multichannel stream.

    Args:
        blocks: audio (2 * B, n) at `masking.rate`, pairs of channels.
        masking: how.
        stems: the stems wanted, in this order; all by default.

    Yields:
        Stems (S, 2 * B, n), float32; together as long as the input, with no delay.
    """
    wanted = [list(masking.stems).index(stem) for stem in (stems or masking.stems)]
    blocks = (rotated(block) for block in blocks) if masking.mid_side else blocks
    route = _wiener_spectra if masking.wiener else _seen_spectra if masking.seen else _masked_spectra
    length = Length()
    source = spectra(blocks, masking.n_fft, masking.hop, length)
    for y in audio_of(route(source, masking, wanted), masking.n_fft, masking.hop, length):
        yield np.stack([rotated(stem) for stem in y]) if masking.mid_side else y


class Length:
    """How many samples a stream had, known at its end."""

    samples = 0


def audio_of(source: Iterable[np.ndarray], n_fft: int, hop: int, length: Length) -> Iterator[np.ndarray]:
    """Turn spectra (S, C, F, n) of what `spectra` was given into audio (S, C, m), in all as long as that."""
    inverse: IstftStream | None = None
    shape: tuple[int, ...] = ()
    for S in source:
        shape = S.shape[:2]
        if inverse is None:
            inverse = IstftStream(channels=shape[0] * shape[1], n_fft=n_fft, hop=hop, pad=(n_fft, n_fft - 1))
        y = inverse.push(S.reshape(-1, *S.shape[2:]))
        if y.shape[1]:
            yield y.reshape(*shape, -1)
    if inverse is not None:
        y = inverse.finish(length.samples)
        yield y.reshape(*shape, -1)


def blended(blocks: Iterable[np.ndarray], ways: Sequence[tuple[float, Way]]) -> Iterator[np.ndarray]:
    """Separate a stream in several ways, and average what they find.

    Ways that err differently are better together than the best of them alone. They run side by side; the stream is
    held only as far as one is ahead of the other.

    Args:
        blocks: audio (C, n).
        ways: weight and way; the weights sum to 1, and all give the same stems in the same order.

    Yields:
        Stems (S, C, n), float32; together as long as the input, with no delay.

    >>> ways = [(0.25, lambda blocks: (y[None] for y in blocks)), (0.75, lambda blocks: (0 * y[None] for y in blocks))]
    >>> [y.tolist() for y in blended([np.ones((1, 2), np.float32)], ways)]
    [[[[0.25, 0.25]]]]
    """
    copies = tee(blocks, len(ways))
    found = [iter(way(copy)) for copy, (_, way) in zip(copies, ways, strict=True)]
    waiting: list[list[np.ndarray]] = [[] for _ in found]
    while True:
        # The one that is behind goes on, so that little has to be held for it.
        sizes = [sum(y.shape[2] for y in held) for held in waiting]
        behind = sizes.index(min(sizes))
        if sizes[behind]:
            pieces = []
            for held in waiting:
                together = np.concatenate(held, axis=2) if len(held) > 1 else held[0]
                pieces.append(together[..., : sizes[behind]])
                held[:] = [together[..., sizes[behind] :]]
            yield np.stack([w * y for (w, _), y in zip(ways, pieces, strict=True)]).sum(axis=0)
            continue
        y = next(found[behind], None)
        if y is None:
            return
        waiting[behind].append(y)


def rotated(y: np.ndarray) -> np.ndarray:
    """Turn pairs of channels (2 * B, n) into mid and side, or back."""
    left, right = y[0::2], y[1::2]
    out = np.empty(y.shape, np.float32)
    out[0::2], out[1::2] = (left + right) * np.float32(0.5**0.5), (left - right) * np.float32(0.5**0.5)
    return out


def spectra(
    blocks: Iterable[np.ndarray], n_fft: int, hop: int, length: Length, *, before: int | None = None
) -> Iterator[np.ndarray]:
    """Transform audio (C, n) to spectra (C, F, n): every frame that starts before the end.

    Args:
        blocks: audio.
        n_fft, hop: of the periodic Hann spectra.
        length: is told how long the audio was.
        before: samples of silence that come first; a frame by default.
    """
    stream: StftStream | None = None
    for block in blocks:
        if stream is None:
            pad = (n_fft if before is None else before, n_fft - 1)
            stream = StftStream(channels=block.shape[0], n_fft=n_fft, hop=hop, pad=pad)
        for at in range(0, block.shape[1], STRIDE * hop):  # a block may be a whole song
            S = stream.push(block[:, at : at + STRIDE * hop])
            if S.shape[2]:
                yield S
    if stream is not None and stream.length:
        length.samples = stream.length
        yield stream.finish()


def _masked_spectra(source: Iterator[np.ndarray], masking: Masking, wanted: list[int]) -> Iterator[np.ndarray]:
    def masks(X: np.ndarray) -> np.ndarray:
        return _by_channel(masking.masks(_paired(X)))[wanted]

    sizes = {"core": masking.core, "before": masking.before, "after": masking.after, "fade": masking.fade}
    for X, found in faded(source, masks, **sizes):
        yield found * X[None]


def _seen_spectra(source: Iterator[np.ndarray], masking: Masking, wanted: list[int]) -> Iterator[np.ndarray]:
    """Mask as `_masked_spectra` does; frames wait for their masks, around them only what is seen of them is held."""
    see, waiting = masking.seen, Frames()
    assert see is not None

    def seen() -> Iterator[np.ndarray]:
        for X in source:
            waiting.push(X)
            yield see(_paired(X))

    sizes = {"core": masking.core, "before": masking.before, "after": masking.after}
    for pieces in in_turn(seen(), masking.masks, **sizes):
        for found in pieces:
            masks = _by_channel(found)
            yield masks[wanted] * waiting.take(masks.shape[3])[None]


def _paired(X: np.ndarray) -> np.ndarray:
    return X.reshape(-1, 2, *X.shape[1:])


def _by_channel(masks: np.ndarray) -> np.ndarray:
    """Bring masks (B, S, 2, F, n) to (S, 2 * B, F, n)."""
    found = np.moveaxis(masks, 1, 0)
    return found.reshape(found.shape[0], -1, *found.shape[3:])


def _wiener_spectra(source: Iterator[np.ndarray], masking: Masking, wanted: list[int]) -> Iterator[np.ndarray]:
    """Estimate everything, learn from it, then go over it again; the recording waits in temporary files."""
    from audiokit.dsp.separation.wiener import WienerModel

    models: list[WienerModel] = []
    sizes: list[int] = []
    with TemporaryFile() as spectra, TemporaryFile() as estimates:
        shape: tuple[int, ...] = ()
        for X, start, stop in segments(source, masking.core, masking.before, masking.after):
            found = _by_channel(masking.masks(_paired(X)))
            for at in range(start, stop, STRIDE):
                part = slice(at, min(at + STRIDE, stop))
                v, x = np.ascontiguousarray(found[..., part]), np.ascontiguousarray(X[:, : found.shape[2], part])
                models = models or [WienerModel(len(v), 2, v.shape[2]) for _ in range(len(x) // 2)]
                for pair, model in enumerate(models):
                    model.learn(x[2 * pair : 2 * pair + 2], v[:, 2 * pair : 2 * pair + 2])
                spectra.write(x.tobytes())
                estimates.write(v.tobytes())
                sizes.append(x.shape[2])
                shape = (len(v), len(x), x.shape[1], X.shape[1])
        spectra.seek(0)
        estimates.seek(0)
        for size in sizes:
            count, channels, bins, full = shape
            x = np.frombuffer(spectra.read(8 * channels * bins * size), np.complex64).reshape(channels, bins, size)
            v = np.frombuffer(estimates.read(4 * count * channels * bins * size), np.float32)
            v = v.reshape(count, channels, bins, size)
            y = np.zeros((len(wanted), channels, full, size), np.complex64)
            for pair, model in enumerate(models):
                chosen = slice(2 * pair, 2 * pair + 2)
                y[:, chosen, :bins] = model.apply(x[chosen], v[:, chosen])[wanted]
            yield y


class Fifo:
    """Audio that waits for its stems: in memory at first, in a temporary file when there is much of it.

    Attributes:
        length: samples that came in so far.
    """

    def __init__(self, channels: int) -> None:
        self.channels, self.length = channels, 0
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed in close()
        self._read = self._written = 0

    def push(self, y: np.ndarray) -> None:
        """Append audio (C, n)."""
        data = np.ascontiguousarray(y.T, np.float32).tobytes()
        self._file.seek(self._written)
        self._file.write(data)
        self._written += len(data)
        self.length += y.shape[1]

    def pull(self, n: int) -> np.ndarray:
        """Take the oldest n samples (C, n), or fewer when there are no more."""
        self._file.seek(self._read)
        data = self._file.read(min(4 * self.channels * n, self._written - self._read))
        self._read += len(data)
        if self._read == self._written:  # everything was taken: begin again at the start
            self._read = self._written = 0
        return np.ascontiguousarray(np.frombuffer(data, np.float32).reshape(-1, self.channels).T)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


def separate_windows(
    blocks: Iterable[np.ndarray], estimate: Masks, *, core: int, context: int, fade: int
) -> Iterator[np.ndarray]:
    """Separate a stream by a function of audio, in windows whose edges are cross-faded.

    Args:
        blocks: audio (C, n).
        estimate: audio (C, n) -> stems (S, C, n).
        core: samples that one window contributes.
        context: samples it sees on either side of them.
        fade: samples over which neighbouring windows are cross-faded; at most `context`.

    Yields:
        Stems (S, C, n); together as long as the input.

    >>> blocks = [np.ones((2, 700), np.float32)] * 3
    >>> parts = separate_windows(blocks, lambda y: y[None], core=500, context=100, fade=50)
    >>> sum(part.shape[2] for part in parts)
    2100
    """
    ramp = (np.arange(fade, dtype=np.float32) + 0.5) / max(fade, 1)
    held, first, start, over = np.zeros((0, 0), np.float32), 0, 0, False
    tail: np.ndarray | None = None
    source = iter(blocks)
    while True:
        waiting = [held] if held.size else []
        end = first + held.shape[1]
        while not over and end < start + core + context:
            if (block := next(source, None)) is None:
                over = True
            else:
                waiting.append(block)
                end += block.shape[1]
        held = np.concatenate(waiting, axis=1) if waiting else held
        if start >= end:
            return
        stop = min(start + core, end)
        found = estimate(held[:, : min(end, stop + context) - first])
        y = found[..., start - first : stop - first].copy()
        if tail is not None:
            n = min(tail.shape[-1], y.shape[-1])
            y[..., :n] = y[..., :n] * ramp[:n] + tail[..., :n] * (1 - ramp[:n])
        tail = found[..., stop - first : stop - first + fade].copy()
        yield y
        drop = max(0, stop - context - first)
        held, first, start = held[:, drop:].copy(), first + drop, stop
