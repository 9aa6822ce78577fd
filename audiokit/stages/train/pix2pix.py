"""`train pix2pix`: a style model from pairs, the same pieces on both sides."""

from __future__ import annotations

from audiokit.engine.command import command
from audiokit.stages.train.sides import HeldOut, Sides, train_on_sides
from audiokit.training.engine.options import RunOptions
from audiokit.training.style.settings import Epochs, FrontEnd, Pix2PixSettings


@command()
def pix2pix(
    inputs: Sides,
    *,
    held_out: HeldOut = None,
    epochs: Epochs = None,
    settings: Pix2PixSettings,
    frontend: FrontEnd,
    run: RunOptions,
) -> None:
    """Train a style model from two folders that hold the same pieces under the same names.

    The run folder is a model folder. Every validation leaves samples to hear (.wav) and see (.png) in OUT/samples.
    Under torchrun several processes train as one.

    Examples:
        audiokit train pix2pix piano/ organ/ -o runs/organ --held-out piano-test/ --held-out organ-test/
        audiokit train pix2pix piano/ organ/ -o runs/organ --generator resnet --ngf 16 --blocks 4 --minutes 20
    """
    train_on_sides(inputs, held_out, epochs, settings=settings, frontend=frontend, run=run)
