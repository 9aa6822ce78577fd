"""`audiokit train travel`: a style model from two piles of sounds, one way, with a siamese network."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.commands.train import style_options as style
from audiokit.training.engine.options import RunOptions, run_options


@run_options
def travel(
    inputs: style.Sides,
    held_out: style.HeldOut = None,
    epochs: style.Epochs = None,
    ngf: style.Ngf = 16,
    blocks: style.Blocks = 5,
    ndf: style.Ndf = 32,
    norm: style.Norm = "instance",
    output: style.Output = "residual",
    travel: Annotated[float, typer.Option(min=0, help="Weight of the loss that keeps what differs different.")] = 10.0,
    contrast: Annotated[float, typer.Option(min=0, help="Weight of the margin between slices.")] = 10.0,
    margin: Annotated[float, typer.Option(min=0, help="How far apart slices must lie.")] = 2.0,
    identity: Annotated[float, typer.Option(min=0, help="Weight of leaving sounds of B as they are.")] = 0.5,
    start: style.Start = None,
    batch: style.BatchSize = 4,
    learning_rate: style.LearningRate = 4e-4,
    level: style.Level = 0.0,
    preset: style.Preset = "linear-music",
    frames: style.Frames = 32,
    *,
    run: RunOptions,
) -> None:
    """Train a one-way style model with a siamese network, from two folders that need not correspond.

    TraVeLGAN as in MelGAN-VC: the generator changes short overlapping slices of the linear spectrum, the critic
    hears them joined. Raise --identity when there are only minutes of sound, lower it for a bolder change. The run
    folder is a model folder. Every validation leaves samples to hear (.wav) and see (.png) in OUT/samples.

    \b
    Examples:
      audiokit train travel pop/ jazz/ -o runs/jazz --minutes 60
      audiokit train travel piano/ vibes/ -o runs/vibes --identity 5
    """
    from audiokit.dsp.spectrum.style import standard_frontend
    from audiokit.training.style.run import find_sides, train_and_report
    from audiokit.training.style.travel import TravelSettings

    settings = TravelSettings(
        ngf=ngf,
        blocks=blocks,
        ndf=ndf,
        norm=norm,
        output=output,
        batch=batch,
        rate=learning_rate,
        travel=travel,
        contrast=contrast,
        margin=margin,
        identity=identity,
        start=start,
        level_db=level,
        seed=run.seed,
    )
    frontend = standard_frontend(preset=preset, frames=frames)
    sides = find_sides(inputs, held_out or [])
    train_and_report(sides, settings=settings, frontend=frontend, epochs=epochs, run=run)
