"""`audiokit invert`: spectrogram chunks, arrays and streams back to audio."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.commands.spectro import Fmax, Fmin, Hop, NFft, NMels, Window
from audiokit.engine.options import BatchOptions, Device, Inputs, Out, Seed, batch_options

_BARE = "For a bare .npy: "


@batch_options
def invert(
    inputs: Inputs,
    out: Out = None,
    method: Annotated[
        str,
        typer.Option(
            metavar="auto|istft|pghi|griffin-lim",
            help="auto is exact where the phase was kept; else phases are found by pghi and improved by griffin-lim.",
        ),
    ] = "auto",
    iterations: Annotated[int, typer.Option(min=0, max=10_000, help="Rounds of fast Griffin-Lim.")] = 32,
    init: Annotated[
        str, typer.Option(metavar="pghi|source|random", help="Where the search for the phase starts.")
    ] = "pghi",
    source: Annotated[
        str | None, typer.Option(metavar="FILE", help="The sound whose phase --init source takes.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FOLDER|none",
            help="Network from mel bands to linear bins (default: the shipped one that fits; none: solve without).",
        ),
    ] = None,
    vocoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FOLDER|FILE",
            help="A neural vocoder instead: MelGAN, HiFi-GAN or Vocos, imported or the official checkpoint itself.",
        ),
    ] = None,
    device: Device = "cpu",
    preset: Annotated[str | None, typer.Option(metavar="NAME", help=_BARE + "the front-end, as in spectro.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="stft|magnitude|mel", help=_BARE + "what it holds.")] = None,
    rate: Annotated[int | None, typer.Option(min=1, help=_BARE + "its sample rate in Hz.")] = None,
    scale: Annotated[
        str | None, typer.Option(metavar="linear|log|log10|db", help=_BARE + "the scale of its values.")
    ] = None,
    n_fft: NFft = None,
    hop: Hop = None,
    window: Window = None,
    n_mels: NMels = None,
    fmin: Fmin = None,
    fmax: Fmax = None,
    seed: Seed = 0,
    *,
    batch: BatchOptions,
) -> None:
    """Turn spectrogram chunks back into audio.

    What the numbers mean is read from the set itself; a bare .npy of another project needs --preset, or the options
    that describe it (which are ignored otherwise).

    \b
    Examples:
      audiokit invert song.chunks -o back.wav
      audiokit invert sets/ -o audio/ --iterations 100
      audiokit invert generated.npy --preset cyclegan-music -o jazz.wav
      audiokit invert speech.chunks --vocoder g_02500000 -o speech.wav
      audiokit invert styled.chunks --init source --source song.wav -o styled.wav
    """
    from dataclasses import asdict
    from functools import partial

    from audiokit.engine.batch import run
    from audiokit.inversion import InvertOptions, invert_file
    from audiokit.spectra import SpectroOptions

    if source is not None and init == "pghi":
        init = "source"
    options = InvertOptions(method, iterations, init, source, model, seed, vocoder, device)
    bare = SpectroOptions(kind, n_fft, hop, window, n_mels, fmin, fmax, scale, rate, preset)
    recipe = {**asdict(options), **{key: value for key, value in asdict(bare).items() if value}}
    task = partial(invert_file, options=options, bare=bare)
    run(task, inputs, out, batch=batch, command="invert", options=recipe, accept="chunks", seed=seed)
