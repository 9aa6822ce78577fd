"""`spectro`: audio to spectrogram chunks, an array, a stream or a picture."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from audiokit.engine.chunks import Chunks, piece
from audiokit.engine.flow import Counted, Notes
from audiokit.engine.option import Option
from audiokit.engine.parse import seconds
from audiokit.engine.settings import FILES, Mono, Seed
from audiokit.engine.sound import Sound
from audiokit.engine.spectral import Fmax, Fmin, Hop, Kind, NFft, NMels, Preset, Rate, Scale, Window
from audiokit.engine.stage import Call, Options, stage
from audiokit.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiokit.dsp.spectrum.transform import Transform
    from audiokit.engine.chunks import Piece
    from audiokit.io.chunkset import Head

#: Frames of a chunk of everything that are made at once where it is written.
_PART = 1024


def _dataset(call: Call) -> bool:
    """Write a data set, for `--split` and `--shards`."""
    if not (call.options.get("split") or call.options.get("shards")):
        return False
    from audiokit.stages.spectro.dataset import write_dataset

    write_dataset(spectro, call)
    return True


def _check(options: Options) -> None:
    """Refuse numbers that fit no sound, before anything is read."""
    transform = _likely(options)
    given = [(text, f"--{name}") for name in ("chunk", "overlap") if (text := options[name]) not in (None, "all")]
    for text, name in given:
        _frames(text, name, transform)
    if options["rate"] or options["preset"] or len({_in_frames(text) for text, _ in given}) < 2:
        chunk_frames(options, transform)  # else only the rate of the sound says which is longer


def _likely(options: Options) -> Transform:
    """What would be made of a sound; its rate is not known yet, and the highest one refuses no band."""
    from audiokit.dsp.spectrum.choice import make_transform

    return make_transform(options, options["rate"] or 768_000)


def _reads_twice(options: Options) -> bool:
    return _likely(options).needs_peak


@stage(reads=Sound, writes=Chunks, check=_check, instead=_dataset, twice=_reads_twice)
def spectro(
    sound: Sound,
    *,
    preset: Preset = None,
    kind: Kind = None,
    n_fft: NFft = None,
    hop: Hop = None,
    window: Window = None,
    n_mels: NMels = None,
    fmin: Fmin = None,
    fmax: Fmax = None,
    scale: Scale = None,
    rate: Rate = None,
    mono: Mono = False,
    chunk: Annotated[
        str | None,
        Option("Length of a chunk in seconds or frames (default: the preset's, or 6s).", metavar="6s|256f|all"),
    ] = None,
    overlap: Annotated[
        str | None, Option("What neighbouring chunks share (default: the preset's, or 0.5s).", metavar="0.5s|128f")
    ] = None,
    format: Annotated[
        Literal["chunks", "npy", "tar", "png"],
        Option("What to make of each file inside an output folder.", recorded=False, group=FILES),
    ] = "chunks",
    split: Annotated[
        str | None,
        Option(
            "Divide a data set by recording; adding files moves none of the others.",
            metavar="train:0.9,valid:0.1",
            recorded=False,
            alone=True,
        ),
    ] = None,
    split_by: Annotated[
        Literal["recording", "folder"],
        Option("What is never divided: a file, or all files of a folder.", recorded=False),
    ] = "recording",
    shards: Annotated[
        str | None,
        Option(
            "Pack the chunk sets (made now, or given) into WebDataset shards.",
            metavar="500MB",
            recorded=False,
            alone=True,
        ),
    ] = None,
    seed: Seed = 0,
) -> Chunks:
    """Turn audio into spectrogram chunks or a picture.

    The complex spectrum (the default) goes back to audio exactly; magnitude and mel bands through phase retrieval.
    An output named .npy holds one array, with a .json beside it; .png is a picture; - is a stream of chunks.

    Examples:
        audiokit spectro song.wav -o song.chunks
        audiokit spectro songs/ -o sets/ --preset cyclegan-music --jobs 4
        audiokit spectro songs/ -o dataset/ --split train:0.9,valid:0.1 --shards 500MB
        audiokit spectro song.wav -o song.png
        audiokit spectro song.wav -o - --kind mel | audiokit invert - -o back.wav

    Returns:
        Chunks of (C, bins, frames), complex64 for kind stft and float32 otherwise; for an array, all values and the
        Transform that says what they are, which `audiokit.invert` takes.

    Raises:
        ParameterError: an option is unknown or out of range, or the result could not be turned back.

    >>> import numpy as np
    >>> X, transform = spectro(np.zeros((2, 22050), np.float32), 22050, preset="melgan")
    >>> X.shape, transform.scale
    ((2, 80, 87), 'log10')
    """
    from audiokit.dsp.spectrum.choice import make_transform
    from audiokit.dsp.spectrum.stft import StftStream
    from audiokit.dsp.spectrum.windows import windows_of_audio
    from audiokit.io.chunkset import Head

    options = dict(locals())
    source = sound.at(_rate(options), mono=mono)
    transform = make_transform(options, source.rate)
    if transform.needs_peak:
        source = source.replay()
        transform = _measured(source, transform)
    size, shared = chunk_frames(options, transform)
    notes = Notes()
    notes.report |= {"kind": transform.kind, "preset": transform.preset, "bins": transform.bins}
    if sound.rate != transform.rate:
        notes.report["resampled_from"] = sound.rate
    head = Head(
        kind="spectrum",
        rate=transform.rate,
        channels=source.channels,
        length=source.length,
        dtype=transform.dtype,
        chunk=size or 1,
        hop=(size - shared) if size else 1,
        name=_stem(sound),
        transform=transform.to_dict(),
        source=sound.described(),
        history=sound.history,
    )

    def pieces(chunk: int | None = size, overlap: int = shared) -> Iterator[Piece]:
        counted = Counted(source.blocks())
        stream = StftStream(channels=source.channels, **transform.framing, squared=transform.is_local)
        cut = windows_of_audio(counted, stream, transform, chunk=chunk, overlap=overlap, length=source.length)
        for number, (values, start, stop) in enumerate(cut):
            if size is None:
                made.head.chunk = made.head.hop = max(1, stop)
            notes.report["frames"] = stop
            yield piece(values, start, stop, number=number)
        made.head.length = counted.length

    def draw(path: str | os.PathLike[str], force: bool) -> None:
        counted = Counted(source.blocks())
        spectra = _spectra(counted, source.channels, transform)
        notes.report["frames"] = _draw(spectra, made.head, transform, path, force=force)
        made.head.length = counted.length

    made = Chunks(head, pieces, name=sound.name, notes=notes)
    made.draw = draw
    if size is None and transform.kind != "magnitude-if":  # whose phases are steps from one frame to the next
        made.in_parts = lambda: pieces(_PART, 0)
    return made


def _rate(options: Options) -> int | None:
    """The rate to work at; None for the sound's own."""
    if options["rate"] is None and options["preset"] is not None:
        from audiokit.dsp.spectrum.presets import find_preset

        rate: int = find_preset(options["preset"]).fields["rate"]
        return rate
    given: int | None = options["rate"]
    return given


def _stem(sound: Sound) -> str:
    return "stdin" if sound.name == "-" else Path(sound.name).stem


def _spectra(
    blocks: Iterable[NDArray[np.float32]], channels: int, transform: Transform
) -> Iterator[NDArray[np.complex64]]:
    from audiokit.dsp.spectrum.stft import StftStream

    frames = StftStream(channels=channels, **transform.framing)
    for block in blocks:
        yield frames.push(block)
    yield frames.finish()


def _energies(
    blocks: Iterable[NDArray[np.float32]], channels: int, transform: Transform
) -> Iterator[NDArray[np.float32]]:
    from audiokit.dsp.spectrum.stft import StftStream
    from audiokit.dsp.spectrum.transform import energies_of

    frames = StftStream(channels=channels, **transform.framing, squared=True)
    for block in blocks:
        yield energies_of(frames.push(block), transform)
    yield energies_of(frames.finish(), transform)


def _measured(sound: Sound, transform: Transform) -> Transform:
    """Find the loudest cell, which some scales refer to."""
    from audiokit.dsp.spectrum.transform import resolve

    peak = 0.0
    for values in _energies(sound.blocks(), sound.channels, transform):
        peak = max(peak, float(values.max(initial=0.0)))
    return resolve(transform, peak)


def _draw(
    spectra: Iterable[NDArray[np.complex64]],
    head: Head,
    transform: Transform,
    path: str | os.PathLike[str],
    *,
    force: bool,
) -> int:
    """Draw the level of every bin over time; returns the number of frames."""
    from audiokit.dsp.spectrum.picture import levels
    from audiokit.io.image import save_spectrogram

    level, frames, centres = levels(spectra, transform, channels=head.channels)
    save_spectrogram(
        str(path),
        level,
        seconds=frames * transform.hop / transform.rate,
        frequencies_hz=centres,
        title=f"{head.name}, {transform.preset or transform.kind}",
        axis="mel" if transform.kind == "mel" else "linear",
        force=force,
    )
    return frames


def chunk_frames(options: Options, transform: Transform) -> tuple[int | None, int]:
    """Turn --chunk and --overlap into frames; the chunk is None for one chunk of everything.

    >>> from audiokit.dsp.spectrum.transform import Transform
    >>> chunk_frames({"chunk": "6s", "overlap": "64f", "preset": None}, Transform(rate=22050, n_fft=1024, hop=256))
    (517, 64)
    """
    from audiokit.dsp.spectrum.presets import find_preset

    chunk, overlap = options["chunk"], options["overlap"]
    preset = find_preset(options["preset"]) if options["preset"] else None
    if chunk is None and preset is not None and preset.chunk:
        frames: int | None = preset.chunk
        shared = preset.overlap if overlap is None else _frames(overlap, "--overlap", transform)
    else:
        frames = None if chunk == "all" else max(1, _frames(chunk or "6s", "--chunk", transform))
        shared = 0 if frames is None else _frames(overlap or "0.5s", "--overlap", transform)
        if overlap is None and frames is not None:
            shared = min(shared, frames // 2)
    if frames is not None and not 0 <= shared < frames:
        length = chunk or (f"{frames}f" if preset is not None and preset.chunk else "6s")
        raise ParameterError(
            f"--overlap {overlap} is not less than the chunk of {length}", hint="choose a shorter --overlap"
        )
    return frames, shared


def _in_frames(text: Any) -> bool:
    return isinstance(text, str) and text.endswith("f") and text[:-1].isdigit()


def _frames(text: Any, name: str, transform: Transform) -> int:
    if _in_frames(text):
        return int(text[:-1])
    length = seconds(text, name) if isinstance(text, str) else float(text)
    return round(length * transform.rate / transform.hop)
