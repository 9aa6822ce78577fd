"""`audiokit train dcgan`: a GAN of spectrogram chunks to morph in."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.training.engine.options import RunOptions, run_options


@run_options
def dcgan(
    inputs: Annotated[
        list[str], typer.Argument(metavar="SOUNDS...", help="Files or folders of audio, or chunk sets of the preset.")
    ],
    held_out: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Sounds to measure on, never learnt from; repeatable.")
    ] = None,
    preset: Annotated[
        str, typer.Option(metavar="NAME", help="What makes the chunks, as in spectro: mel bands in dB.")
    ] = "cyclegan-music",
    frames: Annotated[int, typer.Option(min=16, help="Frames per chunk, a multiple of 16.")] = 64,
    latent: Annotated[int, typer.Option(min=2, help="Size of the latent.")] = 100,
    width: Annotated[int, typer.Option(min=1, help="Channels of the network; the paper has 128.")] = 32,
    batch: Annotated[int, typer.Option(min=2, help="Chunks per step.")] = 32,
    learning_rate: Annotated[float, typer.Option(min=0, help="Learning rate.")] = 2e-4,
    rebuild: Annotated[
        float, typer.Option(min=0, help="Weight of giving sounds back through the encoder; 0 trains a plain GAN.")
    ] = 20.0,
    *,
    run: RunOptions,
) -> None:
    """Train a DCGAN on spectrogram chunks, in whose latents `audiokit morph --engine latent` travels.

    Notes and loops of a kind give better morphs than everything at once. Chunks drawn from nothing are in
    OUT/samples.

    \b
    Examples:
      audiokit train dcgan notes/ -o runs/dcgan --held-out other-notes/ --minutes 30
      audiokit morph flute.wav bell.wav -o between.wav --engine latent --model runs/dcgan
    """
    from audiokit.training.style.dcgan import DcganSettings, train_dcgan

    settings = DcganSettings(latent, width, frames, batch, learning_rate, rebuild)
    train_dcgan(inputs, held_out or [], settings, preset=preset, run=run)
