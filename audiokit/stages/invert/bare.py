"""Arrays of other projects (a .npy with nothing beside it), whose meaning the options alone say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiokit.dsp.spectrum.choice import make_transform
from audiokit.dsp.spectrum.presets import find_preset
from audiokit.dsp.spectrum.transform import resolve
from audiokit.engine.chunks import Chunks
from audiokit.engine.stage import Options
from audiokit.errors import DamagedError, InputError
from audiokit.io.chunk_folder import PART
from audiokit.io.chunkset import Head, Item, load_npy
from audiokit.io.npy import load_npy_part

if TYPE_CHECKING:
    from audiokit.dsp.spectrum.transform import Transform


def is_bare(source: str) -> bool:
    """Whether a source is an array that does not say what it is.

    >>> is_bare("song.chunks"), is_bare("-")
    (False, False)
    """
    path = Path(source)
    return source != "-" and path.suffix == ".npy" and not path.with_suffix(".json").exists()


def open_bare(source: str, options: Options) -> Chunks:
    """Open an array that only the options describe.

    Raises:
        InputError: there is no such file, or the options do not say what it is.
        DamagedError: it has no shape that the front-end gives.
    """
    path = Path(source)
    if options["preset"] is None and (options["kind"] is None or options["rate"] is None):
        raise InputError(
            f"{path}: no {path.with_suffix('.json').name} beside it says what this array is",
            hint="add --preset NAME, or at least --kind and --rate",
        )
    transform = make_transform(options, options["rate"] or 0)
    warnings = []
    if transform.reference is None:
        transform = resolve(transform, 1.0)
        warnings.append("the level of 0 dB is not recorded; it is taken as 1.0, so the loudness is arbitrary")
    preset = find_preset(options["preset"]) if options["preset"] else None
    step = preset.chunk - preset.overlap if preset is not None and preset.chunk else None
    pieces = _Pieces(path, transform, step)
    head = Head("spectrum", transform.rate, pieces.channels, None, transform.dtype, 1, 1, transform=transform.to_dict())
    chunks = Chunks(head, lambda: pieces, name=source)
    chunks.notes.warnings += warnings
    return chunks


def shape_bare(
    array: np.ndarray, transform: Transform, name: str, *, step: int | None
) -> list[tuple[Item, np.ndarray]]:
    """Bring an array of another project into chunks (planes * C, bins, frames).

    Args:
        array: what the file holds.
        transform: what its numbers are.
        name: for errors.
        step: frames between stacked windows, for the systems that stack windows of one sound.

    Raises:
        DamagedError: no arrangement known for this front-end has this shape.

    >>> from audiokit.dsp.spectrum.presets import find_preset
    >>> jazz = find_preset("cyclegan-music").transform("cyclegan-music")
    >>> [item.start for item, _ in shape_bare(np.zeros((3, 1, 128, 256)), jazz, "x.npy", step=128)]
    [0, 128, 256]
    """
    stacked = _arranged(array, transform, name, step)
    return [(item, _converted(window, transform, name)) for item, window in _numbered(stacked, step)]


class _Pieces:
    """The pieces of an array in a file, which is read while they are asked for.

    Raises:
        DamagedError: no arrangement known for this front-end has this shape, or (while reading) it holds no numbers.
    """

    def __init__(self, path: Path, transform: Transform, step: int | None) -> None:
        self._path, self._transform, self._step = path, transform, step
        self.channels = self._stacked().shape[1] // transform.planes

    def _stacked(self) -> np.ndarray:
        return _arranged(load_npy(self._path, mmap=True), self._transform, str(self._path), self._step)

    def __iter__(self) -> Iterator[tuple[Item, np.ndarray]]:
        for item, window in _numbered(self._stacked(), self._step):
            yield item, _converted(window, self._transform, str(self._path))

    def parts(self) -> Iterator[tuple[Item, np.ndarray]]:
        """Give the same, but a long piece part by part."""
        if self._step:  # windows of one sound, which are short
            yield from self
            return
        ((item, window),) = _numbered(self._stacked(), None)
        in_rows = window.strides[2] == window.itemsize  # where frames lie side by side, those of a part are read alone
        for start, stop in pairwise((0, *range(PART, window.shape[2], PART), window.shape[2])):
            if in_rows:
                read = load_npy_part(self._path, start, stop)
                part = _arranged(read, self._transform, str(self._path), None)[0]
            else:  # mapped anew each time: pages that were read count as this process's as long as they are mapped
                part = self._stacked()[0, :, :, start:stop]
            values = _converted(part, self._transform, str(self._path))
            yield replace(item, start=start, stop=stop, shape=values.shape), values


def _arranged(array: np.ndarray, transform: Transform, name: str, step: int | None) -> np.ndarray:
    """See an array as windows (W, planes * C, bins, frames); nothing of it is read."""
    bins, planes = transform.bins, transform.planes
    if array.dtype.kind not in "fciu":
        raise DamagedError(f"{name}: holds {array.dtype}, not numbers")
    least = bins
    if transform.kind == "real-imag" and array.ndim == 3 and planes in array.shape:
        array = np.moveaxis(array, 2, 0) if array.shape[2] == planes and array.shape[0] != planes else array
        least = 1  # notes are kept with their upper bins cut off; those are silent
    elif transform.kind == "magnitude-if" and array.ndim == 3 and array.shape[1:] == (bins, planes):
        array = np.transpose(array, (2, 1, 0))
    elif array.ndim == 4 and array.shape[1:3] == (1, bins) and step:
        array = array[:, 0]
    elif array.ndim == 2:
        array = array.T[None] if array.shape[1] == bins and array.shape[0] != bins else array[None]
    if array.ndim != 3 or not least <= array.shape[1] <= bins or array.shape[0] % planes or 0 in array.shape:
        raise DamagedError(
            f"{name}: an array of shape {array.shape} is no {transform.preset or transform.kind} spectrogram"
            f" with {bins} bins",
            hint="check --preset, --n-fft and --n-mels",
        )
    if np.iscomplexobj(array) and transform.kind != "stft":
        raise DamagedError(f"{name}: complex numbers, but {transform.kind} values are real", hint="try --kind stft")
    if step and array.shape[2] < step:
        raise DamagedError(f"{name}: windows of {array.shape[2]} frames cannot be {step} frames apart")
    return array[:, None] if step else array[None]


def _numbered(stacked: np.ndarray, step: int | None) -> Iterator[tuple[Item, np.ndarray]]:
    for k, window in enumerate(stacked):
        start = k * (step or 0)
        yield Item(f"{k}", start, start + window.shape[2], window.shape, ""), window


def _converted(window: np.ndarray, transform: Transform, name: str) -> np.ndarray:
    """Read a window: all bins, as numbers of the type that the transform has."""
    if not np.isfinite(window).all():
        raise DamagedError(f"{name}: holds NaN or infinity")
    values = np.asarray(window).astype(np.complex64 if transform.kind == "stft" else np.float32)
    missing = transform.bins - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing), (0, 0))) if missing else values
