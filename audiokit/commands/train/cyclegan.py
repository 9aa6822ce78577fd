"""`audiokit train cyclegan`: a style model from two piles of sounds."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.commands.train import style_options as style
from audiokit.training.engine.options import RunOptions, run_options


@run_options
def cyclegan(
    inputs: style.Sides,
    held_out: style.HeldOut = None,
    epochs: style.Epochs = None,
    generator: style.Generator = "resnet",
    ngf: style.Ngf = 64,
    blocks: style.Blocks = 9,
    ndf: style.Ndf = 64,
    norm: style.Norm = "instance",
    output: style.Output = "tanh",
    cycle: Annotated[float, typer.Option(min=0, help="Weight of the cycle losses.")] = 10.0,
    identity: Annotated[float, typer.Option(min=0, help="Weight of the identity losses, as a share of --cycle.")] = 0.5,
    pool: Annotated[int, typer.Option(min=0, help="Earlier fakes that a discriminator may see again.")] = 50,
    start: style.Start = None,
    batch: style.BatchSize = 1,
    learning_rate: style.LearningRate = 2e-4,
    level: style.Level = 0.0,
    preset: style.Preset = "cyclegan-music",
    frames: style.Frames = 256,
    position: style.Position = False,
    *,
    run: RunOptions,
) -> None:
    """Train a style model from two folders of sounds that need not correspond.

    The run folder is a model folder: OUT is the way from A to B, OUT/G_B the way back. Every validation leaves
    samples to hear (.wav) and see (.png) in OUT/samples. Under torchrun several processes train as one.

    \b
    Examples:
      audiokit train cyclegan pop/ jazz/ -o runs/jazz
      audiokit train cyclegan pop/ jazz/ -o runs/jazz --minutes 30 --ngf 32 --blocks 6
      audiokit train cyclegan dataroot/ -o runs/jazz --resume
    """
    from audiokit.dsp.spectrum.style import standard_frontend
    from audiokit.training.style.cyclegan import CycleGanSettings
    from audiokit.training.style.run import find_sides, train_and_report

    settings = CycleGanSettings(
        generator=generator,
        ngf=ngf,
        blocks=blocks,
        ndf=ndf,
        norm=norm,
        output=output,
        batch=batch,
        rate=learning_rate,
        cycle=cycle,
        identity=identity,
        pool=pool,
        start=start,
        level_db=level,
        seed=run.seed,
    )
    frontend = standard_frontend(preset=preset, frames=frames, position=position)
    sides = find_sides(inputs, held_out or [])
    train_and_report(sides, settings=settings, frontend=frontend, epochs=epochs, run=run)
