"""`audiokit denoise`: remove noise without making anything worse."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import BatchOptions, Clip, Device, Inputs, Model, Out, Subtype, batch_options


@batch_options
def denoise(
    inputs: Inputs,
    out: Out = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="auto|wiener|gate|mask|neural",
            help="auto: the network for speech, the plain Wiener engine for music or with --noise.",
        ),
    ] = "auto",
    content: Annotated[
        str, typer.Option(metavar="auto|speech|music", help="What to protect; auto listens to the first 20 s.")
    ] = "auto",
    strength: Annotated[float, typer.Option(min=0, max=1, help="Share of the noise reduction to apply.")] = 1.0,
    noise: Annotated[
        str | None, typer.Option(metavar="FILE", help="A recording of the noise alone, for the plain engines.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="mask: drop what is below this level in dBFS; gate: open this far above the noise, in dB."),
    ] = None,
    hard: Annotated[
        bool, typer.Option("--hard", help="mask: all or nothing per bin, artefacts included, for comparison.")
    ] = False,
    model: Model = None,
    device: Device = "cpu",
    clip: Clip = "rescale",
    subtype: Subtype = None,
    *,
    batch: BatchOptions,
) -> None:
    """Remove noise: in time with the input, at its rate and channels, and never more than it helps.

    \b
    Examples:
      audiokit denoise interview.wav -o clean.wav
      audiokit denoise field/ -o field-clean/ --engine wiener --noise roomtone.wav
      audiokit denoise song.flac -o quieter.flac --content music --strength 0.5
      audiokit split song.mp3 --stem vocals -o - | audiokit denoise - -o - | audiokit normalize - -o vocals.wav
    """
    from dataclasses import asdict
    from functools import partial

    from audiokit.denoising import DenoiseOptions, check_options, denoise_file
    from audiokit.engine.batch import run

    options = DenoiseOptions(engine, content, strength, noise, model, threshold, hard, device, clip, subtype)
    check_options(options)
    run(partial(denoise_file, options=options), inputs, out, batch=batch, command="denoise", options=asdict(options))
