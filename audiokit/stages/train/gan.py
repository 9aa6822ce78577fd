"""`train gan`: the simplest GAN, sounds drawn out of noise."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from audiokit.engine.command import command
from audiokit.engine.option import Argument
from audiokit.training.engine.options import RunOptions
from audiokit.training.style.settings import GanSettings, ShortFrontEnd


@command()
def gan(
    inputs: Annotated[list[str], Argument("Folders of audio or of chunk sets.", "FOLDER...")],
    *,
    settings: GanSettings,
    frontend: ShortFrontEnd,
    run: RunOptions,
) -> None:
    """Train SimpleGAN: two fully connected networks, to learn from how a GAN works.

    Every validation leaves drawn sounds in OUT/samples; the run folder is a model that generate draws from.

    Examples:
        audiokit train gan songs/ -o runs/gan --minutes 10
        audiokit generate --model runs/gan --count 8 -o drawn/
    """
    from audiokit.training.style.gan import train_gan

    train_gan(inputs, settings=replace(settings, seed=run.seed), frontend=frontend.build(), run=run)
