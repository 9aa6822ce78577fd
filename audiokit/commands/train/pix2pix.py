"""`audiokit train pix2pix`: a style model from pairs, the same pieces on both sides."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.commands.train import style_options as style
from audiokit.training.engine.options import RunOptions, run_options


@run_options
def pix2pix(
    inputs: style.Sides,
    held_out: style.HeldOut = None,
    epochs: style.Epochs = None,
    generator: style.Generator = "unet",
    ngf: style.Ngf = 64,
    blocks: style.Blocks = 9,
    ndf: style.Ndf = 64,
    norm: style.Norm = "batch",
    output: style.Output = "tanh",
    l1: Annotated[float, typer.Option(min=0, help="Weight of the distance to the true output.")] = 100.0,
    adversarial: Annotated[
        float, typer.Option(min=0, help="Weight of the discriminator's verdict; 0 trains without one.")
    ] = 1.0,
    start: style.Start = None,
    batch: style.BatchSize = 1,
    learning_rate: style.LearningRate = 2e-4,
    level: style.Level = 0.0,
    eq: Annotated[float, typer.Option(min=0, metavar="DB", help="Filter the inputs at random, about this much.")] = 0.0,
    preset: style.Preset = "cyclegan-music",
    frames: style.Frames = 256,
    position: style.Position = False,
    *,
    run: RunOptions,
) -> None:
    """Train a style model from two folders that hold the same pieces under the same names.

    The run folder is a model folder. Every validation leaves samples to hear (.wav) and see (.png) in OUT/samples.
    Under torchrun several processes train as one.

    \b
    Examples:
      audiokit train pix2pix piano/ organ/ -o runs/organ --held-out piano-test/ --held-out organ-test/
      audiokit train pix2pix piano/ organ/ -o runs/organ --generator resnet --ngf 16 --blocks 4 --minutes 20
    """
    from audiokit.dsp.spectrum.style import standard_frontend
    from audiokit.training.style.pix2pix import Pix2PixSettings
    from audiokit.training.style.run import find_sides, train_and_report

    settings = Pix2PixSettings(
        generator=generator,
        ngf=ngf,
        blocks=blocks,
        ndf=ndf,
        norm=norm,
        output=output,
        batch=batch,
        rate=learning_rate,
        l1=l1,
        adversarial=adversarial,
        start=start,
        level_db=level,
        eq_db=eq,
        seed=run.seed,
    )
    frontend = standard_frontend(preset=preset, frames=frames, position=position)
    sides = find_sides(inputs, held_out or [])
    train_and_report(sides, settings=settings, frontend=frontend, epochs=epochs, run=run)
