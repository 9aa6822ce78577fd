"""What decides the training of models of sound: settings that are the options of their commands too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from audiokit.engine.option import Option
from audiokit.engine.parse import seconds as duration
from audiokit.training.engine.options import RunOptions, ValidateEvery

Start = Annotated[str | None, Option("Go on from this model, such as an official one.", flag="--from", metavar="MODEL")]


@dataclass(frozen=True)
class Mel2LinearSettings:
    """What decides the training of a mel inverter; crops are made louder or softer within `gain_db`."""

    width: Annotated[int, Option("Channels of the network.", min=1)] = 256
    depth: Annotated[int, Option("Blocks of the network.", min=1)] = 5
    batch: Annotated[int, Option("Crops per step.", min=1)] = 16
    frames: Annotated[int, Option("Frames per crop.", min=8)] = 64
    learning_rate: Annotated[float, Option("Highest learning rate.", min=0)] = 2e-3
    gain_db: tuple[float, float] = (-24.0, 3.0)


@dataclass(frozen=True)
class VocoderSettings:
    """What decides the training of a vocoder."""

    arch: Annotated[Literal["vocos", "melgan"], Option("Architecture.")] = "vocos"
    losses: Annotated[
        Literal["modern", "original"] | None, Option("Losses (default: the original ones for MelGAN).")
    ] = None
    setting: Annotated[
        list[str] | None,
        Option("Setting of the generator, such as dim=256; repeatable.", metavar="NAME=VALUE"),
    ] = None
    samples: Annotated[int, Option("Samples per clip; lower it when memory runs out.", min=2048)] = 16_384
    batch: Annotated[int, Option("Clips per step; lower it when memory runs out.", min=1)] = 8
    learning_rate: Annotated[float | None, Option("Learning rate (default: what the papers took).", min=0)] = None
    warmup: Annotated[int, Option("Steps before the discriminators join (modern losses).", min=0)] = 0
    start: Start = None


@dataclass(frozen=True)
class DenoiserSettings:
    """What decides the training of a denoiser."""

    seconds: Annotated[float | str, Option("Length of an example.", min=0.5, metavar="TIME", parse=duration)] = 2.5
    batch: Annotated[int, Option("Examples per step; lower it when memory runs out.", min=1)] = 8
    learning_rate: Annotated[float, Option("Highest learning rate.", min=0)] = 2e-3
    loudness: Annotated[float, Option("Weight of what the ear would hear in the loss.", min=0)] = 0.0
    intelligibility: Annotated[float, Option("Weight of what is lost of the words in the loss.", min=0)] = 0.0
    perceptual: Annotated[float, Option("Weight of what PESQ would find missing in the loss.", min=0)] = 0.0
    ratio: Annotated[float, Option("Weight of the signal-to-noise ratio in the loss.", min=0)] = 1.0
    alone: Annotated[bool, Option("Let the network run alone, without the Wiener engine before it.")] = False
    start: Start = None


@dataclass(frozen=True)
class SplitterSettings:
    """What decides the training of a separator."""

    stems: Annotated[str, Option("Stems to tell apart; accompaniment is the sum of all others.", metavar="A,B,...")] = (
        "vocals,accompaniment"
    )
    network: Annotated[Literal["band", "spleeter"], Option("Architecture.")] = "band"
    setting: Annotated[
        list[str] | None, Option("Setting of the network, as JSON; repeatable.", metavar="NAME=VALUE")
    ] = None
    start: Annotated[
        str | None, Option("Begin from the weights of this model, where they fit.", metavar="NAME|FOLDER")
    ] = None
    batch: Annotated[int, Option("Mixes per step.", min=1)] = 8
    seconds: Annotated[float | str, Option("Length of a mix.", min=0.2, metavar="TIME", parse=duration)] = 3.0
    learning_rate: Annotated[float, Option("Highest learning rate.", min=0)] = 2e-3
    optimizer: Annotated[Literal["adamw", "muon"], Option("How to step; muon gets further in a short training.")] = (
        "adamw"
    )
    from_songs: Annotated[float, Option("Share of mixes whose stems belong together.", min=0, max=1)] = 0.3
    faint: Annotated[float, Option("Share of mixes whose first stem lies in the background.", min=0, max=1)] = 0.2
    in_key: Annotated[float, Option("Share of loose first stems that are tuned to the others.", min=0, max=1)] = 0.0


@dataclass(frozen=True)
class SplitterRun(RunOptions):
    """How a run of the separator goes; it is judged on whole songs, which takes longer than a validation."""

    validate_every: Annotated[
        int | None, Option("Steps between measurements on --judge songs.", flag="--judge-every", min=1)
    ] = 1000
    average: Annotated[float, Option("Decay of the averaged weights, which are kept.", min=0, max=1)] = 0.995
    source: Annotated[str | None, Option("Training data to record in the model.", flag="--credit", metavar="TEXT")] = (
        None
    )


@dataclass(frozen=True)
class VocalSettings:
    """What decides the training of a VocalCycleGAN; weights that are None keep the preset's."""

    size: Annotated[Literal["tiny", "small", "base", "reference"], Option("Size of the networks.")] = "small"
    preset: Annotated[
        Literal["default", "reference", "silence", "tones", "copy"],
        Option("Loss weights; all but the first as published."),
    ] = "default"
    cycle: Annotated[float | None, Option("Weight of there and back (default: the preset's).", min=0)] = None
    identity: Annotated[float | None, Option("Weight of leaving singing alone.", min=0)] = None
    paired: Annotated[float | None, Option("Weight of refining vocoded voices.", min=0)] = None
    adversarial: Annotated[float | None, Option("Weight of the judges.", min=0)] = None
    batch: Annotated[int, Option("Crops per step.", min=1)] = 8
    learning_rate: Annotated[float, Option("Learning rate of Adam.", min=0)] = 1e-4


@dataclass(frozen=True)
class VocalRun(RunOptions):
    """How a run of the VocalCycleGAN goes."""

    validate_every: ValidateEvery = 1000
    source: Annotated[str | None, Option("Training data to record in the model.", flag="--credit", metavar="TEXT")] = (
        None
    )
