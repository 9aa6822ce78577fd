"""`train dcgan`: a GAN of spectrogram chunks to morph in."""

from __future__ import annotations

from typing import Annotated

from audiokit.engine.command import command
from audiokit.engine.option import Argument, Option
from audiokit.training.engine.options import RunOptions
from audiokit.training.style.settings import DcganSettings, Preset


@command()
def dcgan(
    inputs: Annotated[list[str], Argument("Files or folders of audio, or chunk sets of the preset.", "SOUNDS...")],
    *,
    held_out: Annotated[
        list[str] | None, Option("Sounds to measure on, never learnt from; repeatable.", metavar="PATH")
    ] = None,
    preset: Preset = "cyclegan-music",
    settings: DcganSettings,
    run: RunOptions,
) -> None:
    """Train a DCGAN on spectrogram chunks, in whose latents `audiokit morph --engine latent` travels.

    Notes and loops of a kind give better morphs than everything at once. Chunks drawn from nothing are in
    OUT/samples.

    Examples:
        audiokit train dcgan notes/ -o runs/dcgan --held-out other-notes/ --minutes 30
        audiokit morph flute.wav bell.wav -o between.wav --engine latent --model runs/dcgan
    """
    from audiokit.training.style.dcgan import train_dcgan

    train_dcgan(inputs, held_out or [], settings, preset=preset, run=run)
