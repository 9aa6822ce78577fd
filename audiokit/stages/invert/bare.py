"""Arrays of other projects (a .npy with nothing beside it), whose meaning the options alone say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiokit.dsp.spectrum.choice import make_transform
from audiokit.dsp.spectrum.presets import find_preset
from audiokit.dsp.spectrum.transform import resolve
from audiokit.engine.chunks import Chunks
from audiokit.engine.stage import Options
from audiokit.errors import DamagedError, InputError
from audiokit.io.chunkset import Head, Item, load_npy

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
    array = load_npy(path)
    warnings = []
    if transform.reference is None:
        transform = resolve(transform, 1.0)
        warnings.append("the level of 0 dB is not recorded; it is taken as 1.0, so the loudness is arbitrary")
    preset = find_preset(options["preset"]) if options["preset"] else None
    step = preset.chunk - preset.overlap if preset is not None and preset.chunk else None
    pieces = shape_bare(array, transform, str(path), step=step)
    channels = pieces[0][1].shape[0] // transform.planes
    head = Head("spectrum", transform.rate, channels, None, transform.dtype, 1, 1, transform=transform.to_dict())
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
    bins, planes = transform.bins, transform.planes
    if array.dtype.kind not in "fciu":
        raise DamagedError(f"{name}: holds {array.dtype}, not numbers")
    if transform.kind == "real-imag" and array.ndim == 3 and planes in array.shape:
        # Notes are kept with their upper bins cut off; those are silent.
        array = np.moveaxis(array, 2, 0) if array.shape[2] == planes and array.shape[0] != planes else array
        array = np.pad(array, ((0, 0), (0, max(0, bins - array.shape[1])), (0, 0)))
    elif transform.kind == "magnitude-if" and array.ndim == 3 and array.shape[1:] == (bins, planes):
        array = np.transpose(array, (2, 1, 0))
    elif array.ndim == 4 and array.shape[1:3] == (1, bins) and step:
        array = array[:, 0]
    elif array.ndim == 2:
        array = array.T[None] if array.shape[1] == bins and array.shape[0] != bins else array[None]
    if array.ndim != 3 or array.shape[1] != bins or array.shape[0] % planes or 0 in array.shape:
        raise DamagedError(
            f"{name}: an array of shape {array.shape} is no {transform.preset or transform.kind} spectrogram"
            f" with {bins} bins",
            hint="check --preset, --n-fft and --n-mels",
        )
    if not np.isfinite(array).all():
        raise DamagedError(f"{name}: holds NaN or infinity")
    dtype = np.complex64 if transform.kind == "stft" else np.float32
    if np.iscomplexobj(array) and dtype is np.float32:
        raise DamagedError(f"{name}: complex numbers, but {transform.kind} values are real", hint="try --kind stft")
    array = array.astype(dtype)
    stacked = array[:, None] if step else array[None]
    if step and array.shape[2] < step:
        raise DamagedError(f"{name}: windows of {array.shape[2]} frames cannot be {step} frames apart")
    return [
        (Item(f"{k}", k * (step or 0), k * (step or 0) + window.shape[2], window.shape, ""), window)
        for k, window in enumerate(stacked)
    ]
