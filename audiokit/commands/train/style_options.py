"""Options that `train cyclegan`, `train pix2pix` and `train travel` share."""

from __future__ import annotations

from typing import Annotated

import typer

Sides = Annotated[
    list[str], typer.Argument(metavar="A B", help="Two folders of audio or chunk sets, or one with trainA and trainB.")
]
HeldOut = Annotated[
    list[str] | None,
    typer.Option("--held-out", metavar="FOLDER", help="Sounds kept out of training; give it for A and again for B."),
]
Epochs = Annotated[float | None, typer.Option(min=0, help="Instead of --steps: rounds through the longer side.")]
Generator = Annotated[str, typer.Option(metavar="resnet|unet", help="Network that maps one picture to another.")]
Ngf = Annotated[int, typer.Option(min=1, help="Channels of the generator's first layer.")]
Blocks = Annotated[int, typer.Option(min=1, help="Residual blocks of a resnet.")]
Ndf = Annotated[int, typer.Option(min=1, help="Channels of the discriminator's first layer.")]
Norm = Annotated[str, typer.Option(metavar="instance|batch|none", help="Normalisation inside the networks.")]
Output = Annotated[str, typer.Option(metavar="tanh|residual", help="Answer in -1..1, or a change of the input.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Crops per side and step.")]
LearningRate = Annotated[float, typer.Option(min=0, help="Of Adam; falls to zero over the second half.")]
Level = Annotated[float, typer.Option(min=0, metavar="DB", help="Make crops quieter by up to this, at random.")]
Preset = Annotated[str, typer.Option(help="Spectrogram front-end: a magnitude or mel preset in dB.")]
Frames = Annotated[int, typer.Option(min=4, help="Frames that the model sees at once.")]
Position = Annotated[bool, typer.Option("--position", help="Tell the model the height of every row.")]
Start = Annotated[
    str | None, typer.Option("--from", metavar="MODEL", help="Start the way from A to B from this model's weights.")
]
