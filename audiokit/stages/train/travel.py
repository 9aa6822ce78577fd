"""`train travel`: a style model from two piles of sounds, one way, with a siamese network."""

from __future__ import annotations

from audiokit.engine.command import command
from audiokit.stages.train.sides import HeldOut, Sides, train_on_sides
from audiokit.training.engine.options import RunOptions
from audiokit.training.style.settings import Epochs, SliceFrontEnd, TravelSettings


@command()
def travel(
    inputs: Sides,
    *,
    held_out: HeldOut = None,
    epochs: Epochs = None,
    settings: TravelSettings,
    frontend: SliceFrontEnd,
    run: RunOptions,
) -> None:
    """Train a one-way style model with a siamese network, from two folders that need not correspond.

    TraVeLGAN as in MelGAN-VC: the generator changes short overlapping slices of the linear spectrum, the critic
    hears them joined. Raise --identity when there are only minutes of sound, lower it for a bolder change. The run
    folder is a model folder. Every validation leaves samples to hear (.wav) and see (.png) in OUT/samples.

    Examples:
        audiokit train travel pop/ jazz/ -o runs/jazz --minutes 60
        audiokit train travel piano/ vibes/ -o runs/vibes --identity 5
    """
    train_on_sides(inputs, held_out, epochs, settings=settings, frontend=frontend, run=run)
