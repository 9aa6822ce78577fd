"""`train cyclegan`: a style model from two piles of sounds."""

from __future__ import annotations

from audiokit.engine.command import command
from audiokit.stages.train.sides import HeldOut, Sides, train_on_sides
from audiokit.training.engine.options import RunOptions
from audiokit.training.style.settings import CycleGanSettings, Epochs, FrontEnd


@command()
def cyclegan(
    inputs: Sides,
    *,
    held_out: HeldOut = None,
    epochs: Epochs = None,
    settings: CycleGanSettings,
    frontend: FrontEnd,
    run: RunOptions,
) -> None:
    """Train a style model from two folders of sounds that need not correspond.

    The run folder is a model folder: OUT is the way from A to B, OUT/G_B the way back. Every validation leaves
    samples to hear (.wav) and see (.png) in OUT/samples. Under torchrun several processes train as one.

    Examples:
        audiokit train cyclegan pop/ jazz/ -o runs/jazz
        audiokit train cyclegan pop/ jazz/ -o runs/jazz --minutes 30 --ngf 32 --blocks 6
        audiokit train cyclegan dataroot/ -o runs/jazz --resume
    """
    train_on_sides(inputs, held_out, epochs, settings=settings, frontend=frontend, run=run)
