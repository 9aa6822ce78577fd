"""Frames of a signal, windowed and transformed a few at a time, straight into the array that is wanted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from audiokit.dsp.spectrum.fft import rfft

# Samples of a channel windowed and transformed at once, in the nearest cache, and those turned into bins at once.
_BATCH_SAMPLES, _HELD_SAMPLES = 1 << 16, 1 << 19


def transformed(
    padded: np.ndarray, count: int, hop: int, window: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """Window and transform the first frames of a signal.

    Args:
        padded: audio (C, n), float32, which holds (count - 1) * hop + len(window) samples.
        count: number of frames.
        hop: step between frames in samples.
        window: window (n_fft,), float32.
        out: where the spectra go (C, F, count), instead of into a new array.

    Returns:
        Spectra (C, F, count), complex64.

    >>> transformed(np.ones((1, 6), np.float32), 2, 2, np.ones(4, np.float32))[0].real.tolist()
    [[4.0, 4.0], [0.0, 0.0], [0.0, 0.0]]
    """
    if out is None:
        out = np.empty((padded.shape[0], len(window) // 2 + 1, max(0, count)), np.complex64)
    # Turned as whole numbers of eight bytes, which numpy copies faster than pairs of four.
    turned = out.view(np.int64)
    for first, last, spectra, groups in _groups(padded, count, hop, window, np.dtype(np.complex64)):
        for start, stop, frames in groups:
            rfft(frames, out=spectra[:, start - first : stop - first])
        turned[:, :, first:last] = spectra.view(np.int64).transpose(0, 2, 1)
    return out


def squared(padded: np.ndarray, count: int, hop: int, window: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Give the squared magnitudes (C, F, count), float32, of what `transformed` gives.

    >>> squared(np.ones((1, 6), np.float32), 2, 2, np.ones(4, np.float32))[0].tolist()
    [[16.0, 16.0], [0.0, 0.0], [0.0, 0.0]]
    """
    if out is None:
        out = np.empty((padded.shape[0], len(window) // 2 + 1, max(0, count)), np.float32)
    held = np.empty((padded.shape[0], _batch(window), out.shape[1]), np.complex64)
    for first, last, powers, groups in _groups(padded, count, hop, window, np.dtype(np.float32)):
        for start, stop, frames in groups:
            parts = rfft(frames, out=held[:, : stop - start]).view(np.float32)
            np.multiply(parts, parts, out=parts)
            np.add(parts[..., ::2], parts[..., 1::2], out=powers[:, start - first : stop - first])
        out[:, :, first:last] = powers.transpose(0, 2, 1)
    return out


_Batch = tuple[int, int, np.ndarray]


def _groups(
    padded: np.ndarray, count: int, hop: int, window: np.ndarray, kind: np.dtype[Any]
) -> Iterator[tuple[int, int, np.ndarray, Iterator[_Batch]]]:
    """Frames first to last of some batches, memory for their spectra (C, n, F), and the batches.

    Spectra are turned from frames into bins some hundred frames at a time: written bin by bin by each transform, they
    would go to places so far apart that the cache holds few of them, and fewest where rows are a power of two long.
    """
    size, bins = _batch(window), len(window) // 2 + 1
    several = size * max(1, _HELD_SAMPLES // (size * len(window)))
    held = np.empty((padded.shape[0], min(several, max(0, count)), bins), kind)
    batches = _batches(padded, count, hop, window)
    for first in range(0, count, several):
        last = min(count, first + several)
        yield first, last, held[:, : last - first], itertools.islice(batches, -(-(last - first) // size))


def _batch(window: np.ndarray) -> int:
    return max(1, _BATCH_SAMPLES // len(window))


def _batches(padded: np.ndarray, count: int, hop: int, window: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """Frames start to stop, windowed: (C, n, n_fft), in memory that the next ones take over."""
    n_fft, batch = len(window), _batch(window)
    if count > 0 and padded.shape[1] < (count - 1) * hop + n_fft:  # nobody else looks
        raise ValueError(f"{padded.shape[1]} samples do not hold {count} frames")
    steps = padded.strides[0], hop * padded.strides[1], padded.strides[1]
    shape = padded.shape[0], max(0, count), n_fft
    cut = np.lib.stride_tricks.as_strided(padded, shape, steps, writeable=False)
    held = np.empty((padded.shape[0], min(batch, max(0, count)), n_fft), np.float32)
    for start in range(0, count, batch):
        stop = min(count, start + batch)
        yield start, stop, np.multiply(cut[:, start:stop], window, out=held[:, : stop - start])


def extended(y: np.ndarray, left: int, right: int, mode: str) -> np.ndarray:
    """Pad audio (C, T) at both ends, as `np.pad` does in that mode.

    >>> extended(np.ones((1, 2)), 1, 1, "constant").tolist()
    [[0.0, 1.0, 1.0, 0.0]]
    """
    if y.shape[1] < 2:
        # Nothing to reflect: a single sample or none continues as silence.
        mode = "constant"
    if mode == "constant":  # a third of the time of np.pad, which counts where sounds are short
        padded = np.zeros((len(y), left + y.shape[1] + right), y.dtype)
        padded[:, left : left + y.shape[1]] = y
        return padded
    return np.pad(y, ((0, 0), (left, right)), mode=mode)  # type: ignore[call-overload]
