"""One continuous spectrum cut into windows that overlap, and joined again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from audiokit.dsp.spectrum.transform import Transform, decode
from audiokit.errors import DamagedError

#: Frames that go through an engine at once, so that one long array needs no more memory than many chunks.
_FRAMES = 1024


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
