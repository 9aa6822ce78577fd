"""One continuous spectrum cut into windows that overlap, and joined again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Protocol

import numpy as np

from audiokit.dsp.spectrum.stft import StftStream, frame_count
from audiokit.dsp.spectrum.transform import Transform, decode, encode, energies_of, scale_values
from audiokit.errors import DamagedError

#: Frames that go through an engine at once, so that one long array needs no more memory than many chunks.
_FRAMES = 1024
#: Frames made at once: their squared magnitudes stay in the second cache; 256 to a row would all want its same places.
_FRAMES_AT_ONCE = 224
_ENDLESS = 1 << 62


class Span(Protocol):
    """What is known of one window: its frames, and what errors call it."""

    @property
    def start(self) -> int:
        """The first frame."""

    @property
    def stop(self) -> int:
        """The frame after the last."""

    @property
    def file(self) -> str:
        """What errors call it."""


def windows(spectra: Iterator[np.ndarray], chunk: int | None, overlap: int) -> Iterator[tuple[np.ndarray, int, int]]:
    """Cut a stream of frames into windows that overlap; the last one is as long as what is left.

    Args:
        spectra: blocks (C, F, k) of one continuous spectrum.
        chunk: frames per window; None gives one window of everything.
        overlap: frames that neighbouring windows share.

    Yields:
        Window (C, F, n) and the frames start, stop that it covers.

    >>> import numpy as np
    >>> [(start, stop) for _, start, stop in windows(iter([np.zeros((1, 1, 25))]), 10, 4)]
    [(0, 10), (6, 16), (12, 22), (18, 25)]
    """
    held: list[np.ndarray] = []
    size = start = done = 0
    for block in spectra:
        held.append(block)
        size += block.shape[2]
        while chunk is not None and size >= chunk:
            together = np.concatenate(held, axis=2)
            yield np.ascontiguousarray(together[:, :, :chunk]), start, start + chunk
            done = start + chunk
            start += chunk - overlap
            held = [together[:, :, chunk - overlap :]]
            size = held[0].shape[2]
    if start + size > done:
        yield np.concatenate(held, axis=2), start, start + size


def windows_of_audio(
    blocks: Iterable[np.ndarray],
    stream: StftStream,
    transform: Transform,
    *,
    chunk: int | None,
    overlap: int,
    length: int | None = None,
) -> Iterator[tuple[np.ndarray, int, int]]:
    """Make windows of what a transform stores, straight from audio: every value goes where it stays at once.

    Args:
        blocks: audio (C, n).
        stream: frames it as the transform says; its spectra are squared where every frame stands for itself.
        transform: what is stored.
        chunk, overlap: as for `windows`.
        length: samples of audio, if that is known.

    Yields:
        Stored values (planes * C, bins, n) and the frames start, stop that they cover.

    >>> transform = Transform(rate=8000, n_fft=256, hop=64)
    >>> stream = StftStream(channels=1, **transform.framing)
    >>> audio = [np.zeros((1, 500), np.float32)] * 2
    >>> [X.shape[2] for X, start, stop in windows_of_audio(audio, stream, transform, chunk=10, overlap=4)]
    [10, 10]
    """
    sides: dict[str, Any] = {"pad": stream.pad, "tail": stream.tail}
    total = None if length is None else frame_count(length, n_fft=stream.n_fft, hop=stream.hop, **sides)
    chunk = (total or _ENDLESS) if chunk is None else chunk
    window = _Window(stream, transform, _room(chunk, 0, total))
    start = done = 0
    for block in chain(blocks, [None]):
        if block is None:
            stream.end()
        else:
            stream.hold(block)
        while stream.ready >= min(_FRAMES_AT_ONCE, chunk - window.count) or (block is None and stream.ready > 0):
            window.fill(min(stream.ready, chunk - window.count, _FRAMES_AT_ONCE))
            if window.count == chunk:
                done = start + chunk
                yield window.values, start, done
                start = done - overlap
                window = window.next(overlap, _room(chunk, start, total))
    if start + window.count > done:
        yield window.values, start, start + window.count


def _room(chunk: int, start: int, total: int | None) -> int:
    """How many frames a window will hold as far as anybody knows."""
    return min(chunk, _FRAMES if total is None else max(1, total - start))


class _Window:
    """The stored values of one window, filled from the left."""

    def __init__(self, stream: StftStream, transform: Transform, room: int) -> None:
        self._stream, self._transform, self.count = stream, transform, 0
        bins = transform.bins if stream.squared else stream.n_fft // 2 + 1
        self._values = np.empty((stream.channels, bins, room), np.float32 if stream.squared else np.complex64)

    def fill(self, count: int) -> None:
        """Take the next frames of the stream."""
        stop, room = self.count + count, self._values.shape[2]
        if stop > room:
            more = np.empty((*self._values.shape[:2], max(room, stop - room)), self._values.dtype)
            self._values = np.concatenate([self._values, more], axis=2)
        place = self._values[:, :, self.count : stop]
        if self._stream.squared:
            place[...] = scale_values(energies_of(self._stream.take(count), self._transform), self._transform)
        else:
            self._stream.take(count, out=place)
        self.count = stop

    @property
    def values(self) -> np.ndarray:
        """What is stored of it."""
        found = np.ascontiguousarray(self._values[:, :, : self.count])
        return found if self._stream.squared else encode(found, self._transform)

    def next(self, overlap: int, room: int) -> _Window:
        """The window after this one, which shares some frames with it."""
        made = _Window(self._stream, self._transform, max(overlap, room))
        made._values[:, :, :overlap] = self._values[:, :, self.count - overlap : self.count]
        made.count = overlap
        return made


def decoded(X: np.ndarray, transform: Transform, name: str) -> np.ndarray:
    """Undo what `encode` did to stored values (DamagedError, with the name, if they are not what they should be)."""
    if not np.isfinite(X).all():
        raise DamagedError(f"{name}: holds NaN or infinity")
    try:
        return decode(X, transform)
    except DamagedError as error:
        raise DamagedError(f"{name}: {error}") from None


def pieces_of(frames: np.ndarray) -> Iterator[np.ndarray]:
    """Cut many frames into pieces that need little memory on their way."""
    for start in range(0, frames.shape[2], _FRAMES):
        yield frames[:, :, start : start + _FRAMES]


def join_chunks(chunks: Iterable[tuple[Span, np.ndarray]], transform: Transform, name: str) -> Iterator[np.ndarray]:
    """Decode chunks and cross-fade them over the frames they share.

    Args:
        chunks: (item, stored values) in order.
        transform: what the values are.
        name: of the set, for errors.

    Yields:
        Decoded frames (C, bins, k) of one continuous spectrum.

    Raises:
        DamagedError: there is a gap, or a chunk is not what its item says.
    """
    held: np.ndarray | None = None
    first = 0
    for item, values in chunks:
        if item.stop - item.start != values.shape[-1]:
            raise DamagedError(
                f"{name}: {item.file} has {values.shape[-1]} frames, but covers {item.start} to {item.stop}"
            )
        frames = decoded(values, transform, f"{name}: {item.file}")
        if held is None:
            held, first = frames[:, :, :0], item.start
        shared = first + held.shape[2] - item.start
        if shared < 0 or item.start < first:
            raise DamagedError(
                f"{name}: {item.file} starts at frame {item.start}, but the chunks before end at"
                f" {first + held.shape[2]}"
            )
        # Nothing that comes later can change what lies before this chunk.
        ready = item.start - first
        yield from pieces_of(held[:, :, :ready])
        held, first = _crossfade(held[:, :, ready:], frames), item.start
    if held is not None:
        yield from pieces_of(held)


def check_length(length: int | None, frames: int, transform: Transform, name: str) -> None:
    """Compare the length that a head gives with what the frames cover, before so much is made.

    Raises:
        DamagedError: it is out of their reach by more than a frame.

    >>> check_length(10**15, 10, Transform(rate=8000, n_fft=256, hop=64), "x.chunks")
    Traceback (most recent call last):
    audiokit.errors.DamagedError: x.chunks: says that it is 1000000000000000 samples long, but its 10 frames cover 576
    """
    covered = max(0, (frames - 1) * transform.hop + transform.n_fft - sum(transform.sides))
    if length is not None and abs(length - covered) > transform.n_fft + transform.hop:
        raise DamagedError(f"{name}: says that it is {length} samples long, but its {frames} frames cover {covered}")


def _crossfade(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Fade from the end of `old`, which lies over the beginning of `new`, into `new`."""
    shared = min(old.shape[2], new.shape[2])
    fade = (np.arange(shared, dtype=np.float32) + 1) / np.float32(shared + 1)
    # Written so that equal frames stay equal to the bit.
    mixed = old[:, :, :shared] + fade * (new[:, :, :shared] - old[:, :, :shared])
    return np.concatenate([mixed, (new if new.shape[2] > shared else old)[:, :, shared:]], axis=2)
