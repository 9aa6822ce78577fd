"""`audiokit train gan`: the simplest GAN, sounds drawn out of noise."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.commands.train import style_options as style
from audiokit.training.engine.options import RunOptions, run_options


@run_options
def gan(
    inputs: Annotated[list[str], typer.Argument(metavar="FOLDER...", help="Folders of audio or of chunk sets.")],
    noise: Annotated[int, typer.Option(min=1, help="Numbers that a sound is drawn from.")] = 100,
    width: Annotated[int, typer.Option(min=1, help="Of the hidden layers.")] = 256,
    batch: Annotated[int, typer.Option(min=1, help="Spectrograms per step.")] = 32,
    learning_rate: Annotated[float, typer.Option(min=0, help="Of Adam.")] = 2e-4,
    preset: style.Preset = "cyclegan-music",
    frames: Annotated[int, typer.Option(min=4, help="Length of a spectrogram.")] = 64,
    *,
    run: RunOptions,
) -> None:
    """Train SimpleGAN: two fully connected networks, to learn from how a GAN works.

    Every validation leaves drawn sounds in OUT/samples; the run folder is a model that generate draws from.

    \b
    Examples:
      audiokit train gan songs/ -o runs/gan --minutes 10
      audiokit generate --model runs/gan --count 8 -o drawn/
    """
    from audiokit.dsp.spectrum.style import standard_frontend
    from audiokit.training.style.gan import GanSettings, train_gan

    settings = GanSettings(noise, width, batch, learning_rate, run.seed)
    train_gan(inputs, settings=settings, frontend=standard_frontend(preset=preset, frames=frames), run=run)
