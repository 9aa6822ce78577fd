"""What decides the training of style models and of GANs: settings that are the options of their commands too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from audiokit.engine.option import Option
from audiokit.engine.parse import front_end
from audiokit.errors import ParameterError

if TYPE_CHECKING:
    from audiokit.dsp.spectrum.style import StyleFrontend

Ngf = Annotated[int, Option("Channels of the generator's first layer.", min=1)]
Blocks = Annotated[int, Option("Residual blocks of a resnet.", min=1)]
Ndf = Annotated[int, Option("Channels of the discriminator's first layer.", min=1)]
Norm = Annotated[Literal["instance", "batch", "none"], Option("Normalisation inside the networks.")]
Output = Annotated[Literal["tanh", "residual"], Option("Answer in -1..1, or a change of the input.")]
Generator = Annotated[Literal["resnet", "unet"], Option("Network that maps one picture to another.")]
Batch = Annotated[int, Option("Crops per side and step.", min=1)]
LearningRate = Annotated[float, Option("Of Adam; falls to zero over the second half.", flag="--learning-rate", min=0)]
Preset = Annotated[
    str, Option("Spectrogram front-end: a magnitude or mel preset in dB.", metavar="NAME", parse=front_end)
]
Frames = Annotated[int, Option("Frames that the model sees at once.", min=4)]
Epochs = Annotated[float | None, Option("Instead of --steps: rounds through the longer side.", min=0)]


@dataclass(frozen=True)
class Pictures:
    """Which pictures of sound a network works on."""

    preset: Preset = "cyclegan-music"
    frames: Frames = 256

    def build(self) -> StyleFrontend:
        """Make the front-end (ParameterError for an unknown preset)."""
        from audiokit.dsp.spectrum.style import standard_frontend

        return standard_frontend(preset=self.preset, frames=self.frames, position=getattr(self, "position", False))


@dataclass(frozen=True)
class FrontEnd(Pictures):
    """What CycleGAN and pix2pix see."""

    position: Annotated[bool, Option("Tell the model the height of every row.")] = False


@dataclass(frozen=True)
class SliceFrontEnd(Pictures):
    """What TraVeLGAN sees: short slices of the linear spectrum."""

    preset: Preset = "linear-music"
    frames: Frames = 32


@dataclass(frozen=True)
class ShortFrontEnd(Pictures):
    """What the small GANs draw: short spectrograms."""

    frames: Frames = 64


@dataclass(frozen=True)
class StyleSettings:
    """What the recipes of style models have in common; `seed` is of the first weights."""

    ngf: Ngf = 64
    blocks: Blocks = 9
    ndf: Ndf = 64
    norm: Norm = "instance"
    output: Output = "tanh"
    batch: Batch = 1
    rate: LearningRate = 2e-4
    start: Annotated[
        str | None,
        Option("Start the way from A to B from this model's weights.", flag="--from", metavar="MODEL"),
    ] = None
    level_db: Annotated[
        float, Option("Make crops quieter by up to this, at random.", flag="--level", metavar="DB", min=0)
    ] = 0.0
    seed: int = 0


@dataclass(frozen=True)
class CycleGanSettings(StyleSettings):
    """Options of CycleGAN; besides those of the command, the discriminators' `layers` and the `gan` loss.

    >>> CycleGanSettings(ngf=32).norm
    'instance'
    """

    generator: Generator = "resnet"
    cycle: Annotated[float, Option("Weight of the cycle losses.", min=0)] = 10.0
    identity: Annotated[float, Option("Weight of the identity losses, as a share of --cycle.", min=0)] = 0.5
    pool: Annotated[int, Option("Earlier fakes that a discriminator may see again.", min=0)] = 50
    layers: int = 3
    gan: str = "lsgan"


@dataclass(frozen=True)
class Pix2PixSettings(StyleSettings):
    """Options of pix2pix; besides those of the command, the discriminator's `layers` and the `gan` loss."""

    generator: Generator = "unet"
    norm: Norm = "batch"
    optimizer: Annotated[
        Literal["adam", "muon"], Option("How the generator steps; muon gets further in a short training.")
    ] = "adam"
    l1: Annotated[float, Option("Weight of the distance to the true output.", min=0)] = 100.0
    adversarial: Annotated[float, Option("Weight of the discriminator's verdict; 0 trains without one.", min=0)] = 1.0
    eq_db: Annotated[
        float, Option("Filter the inputs at random, about this much.", flag="--eq", metavar="DB", min=0)
    ] = 0.0
    decay: Annotated[
        float, Option("Let the inputs fade faster or slower at random, by up to this factor.", metavar="X", min=1)
    ] = 1.0
    coarse: Annotated[
        float, Option("Weight of the distance of coarser pictures, as a share of --l1.", metavar="X", min=0)
    ] = 0.0
    texture: Annotated[
        float, Option("Weight of how much and how steeply rows move, as a share of --l1.", metavar="X", min=0)
    ] = 0.0
    chroma: Annotated[
        float, Option("Cosine with the input's chroma that is held; 0 asks for none.", metavar="X", min=0, max=1)
    ] = 0.0
    matching: Annotated[
        float, Option("Weight of the distance of the discriminator's features, if it takes part.", min=0)
    ] = 0.0
    layers: int = 3
    gan: str = "vanilla"

    def __post_init__(self) -> None:
        if self.matching and not self.adversarial:
            raise ParameterError(f"matching {self.matching:g} needs a discriminator: adversarial above 0")


@dataclass(frozen=True)
class TravelSettings(StyleSettings):
    """Options of TraVeLGAN."""

    ngf: Ngf = 16
    blocks: Blocks = 5
    ndf: Ndf = 32
    output: Output = "residual"
    batch: Batch = 4
    rate: LearningRate = 4e-4
    travel: Annotated[float, Option("Weight of the loss that keeps what differs different.", min=0)] = 10.0
    contrast: Annotated[float, Option("Weight of the margin between slices.", min=0)] = 10.0
    margin: Annotated[float, Option("How far apart slices must lie.", min=0)] = 2.0
    identity: Annotated[float, Option("Weight of leaving sounds of B as they are.", min=0)] = 0.5


@dataclass(frozen=True)
class GanSettings:
    """Options of SimpleGAN; `seed` is of the first weights."""

    noise: Annotated[int, Option("Numbers that a sound is drawn from.", min=1)] = 100
    width: Annotated[int, Option("Of the hidden layers.", min=1)] = 256
    batch: Annotated[int, Option("Spectrograms per step.", min=1)] = 32
    rate: Annotated[float, Option("Of Adam.", flag="--learning-rate", min=0)] = 2e-4
    seed: int = 0


@dataclass(frozen=True)
class DcganSettings:
    """Options of the DCGAN."""

    latent: Annotated[int, Option("Size of the latent.", min=2)] = 100
    width: Annotated[int, Option("Channels of the network; the paper has 128.", min=1)] = 32
    frames: Annotated[int, Option("Frames per chunk, a multiple of 16.", min=16)] = 64
    batch: Annotated[int, Option("Chunks per step.", min=2)] = 32
    rate: Annotated[float, Option("Learning rate.", flag="--learning-rate", min=0)] = 2e-4
    rebuild: Annotated[
        float, Option("Weight of giving sounds back through the encoder; 0 trains a plain GAN.", min=0)
    ] = 20.0
