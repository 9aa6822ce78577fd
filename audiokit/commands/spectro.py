"""`audiokit spectro`: audio to spectrogram chunks, an array, a stream or a picture."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import BatchOptions, Inputs, Mono, Out, Rate, Seed, batch_options

Kind = Annotated[str | None, typer.Option(metavar="stft|magnitude|mel", help="What to keep (default: stft).")]
NFft = Annotated[int | None, typer.Option("--n-fft", min=2, help="Frame length in samples (default: 2048).")]
Hop = Annotated[
    int | None, typer.Option(min=1, help="Step between frames in samples (default: a quarter of the frame).")
]
Window = Annotated[
    str | None, typer.Option(metavar="hann|hamming|blackman|sqrt-hann|rect", help="Window (default: hann).")
]
NMels = Annotated[int | None, typer.Option("--n-mels", min=1, help="Number of mel bands (default: 128).")]
Fmin = Annotated[float | None, typer.Option(min=0, help="Lowest mel frequency in Hz (default: 0).")]
Fmax = Annotated[float | None, typer.Option(min=0, help="Highest mel frequency in Hz (default: half the rate).")]
Scale = Annotated[
    str | None,
    typer.Option(metavar="linear|log|log10|db", help="Scale of magnitudes (default: log, the natural logarithm)."),
]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="A known system's front-end: cyclegan-music, linear-music, vocal-cyclegan, melgan, hifigan,"
        " parallel-wavegan, vocos, nsynth-ri, gansynth. Other options change single numbers of it.",
    ),
]


@batch_options
def spectro(
    inputs: Inputs,
    out: Out = None,
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
        typer.Option(
            metavar="6s|256f|all", help="Length of a chunk in seconds or frames (default: the preset's, or 6s)."
        ),
    ] = None,
    overlap: Annotated[
        str | None,
        typer.Option(metavar="0.5s|128f", help="What neighbouring chunks share (default: the preset's, or 0.5s)."),
    ] = None,
    format: Annotated[
        str, typer.Option(metavar="chunks|npy|tar|png", help="What to make of each file inside an output folder.")
    ] = "chunks",
    split: Annotated[
        str | None,
        typer.Option(
            metavar="train:0.9,valid:0.1", help="Divide a data set by recording; adding files moves none of the others."
        ),
    ] = None,
    split_by: Annotated[
        str, typer.Option(metavar="recording|folder", help="What is never divided: a file, or all files of a folder.")
    ] = "recording",
    shards: Annotated[
        str | None,
        typer.Option(metavar="500MB", help="Pack the chunk sets (made now, or given) into WebDataset shards."),
    ] = None,
    seed: Seed = 0,
    *,
    batch: BatchOptions,
) -> None:
    """Turn audio into spectrogram chunks or a picture.

    The complex spectrum (the default) goes back to audio exactly; magnitude and mel bands through phase retrieval.
    An output named .npy holds one array, with a .json beside it; .png is a picture; - is a stream of chunks.

    \b
    Examples:
      audiokit spectro song.wav -o song.chunks
      audiokit spectro songs/ -o sets/ --preset cyclegan-music --jobs 4
      audiokit spectro songs/ -o dataset/ --split train:0.9,valid:0.1 --shards 500MB
      audiokit spectro song.wav -o song.png
      audiokit spectro song.wav -o - --kind mel | audiokit invert - -o back.wav
    """
    from dataclasses import asdict
    from functools import partial

    from audiokit.engine.batch import run
    from audiokit.errors import ParameterError
    from audiokit.spectra import SpectroOptions, spectro_file

    if format not in ("chunks", "npy", "tar", "png"):
        raise ParameterError(f"--format {format}: not one of chunks, npy, tar, png")
    options = SpectroOptions(kind, n_fft, hop, window, n_mels, fmin, fmax, scale, rate, preset, mono, chunk, overlap)
    recipe = {key: value for key, value in asdict(options).items() if value not in (None, False)}
    task = partial(spectro_file, options=options)
    if split or shards:
        from audiokit.datasets import Division, write_dataset

        division = Division(split, split_by, shards, seed)
        write_dataset(task, inputs, out, batch=batch, recipe=recipe, division=division)
        return
    run(task, inputs, out, batch=batch, command="spectro", options=recipe, ext=f".{format}")
