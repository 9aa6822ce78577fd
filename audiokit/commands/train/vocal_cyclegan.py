"""`audiokit train vocal-cyclegan`: speech to singing and back, from unpaired folders."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import Device, Quiet, Seed


def vocal_cyclegan(
    speech: Annotated[str, typer.Option(metavar="FOLDER", help="Recordings of speech.")],
    vocals: Annotated[str, typer.Option(metavar="FOLDER", help="Recordings of singing without instruments.")],
    out: Annotated[str, typer.Option("--out", "-o", metavar="FOLDER", help="Run folder; a model folder too.")],
    accompaniment: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="What was played to the vocals, under the same names.")
    ] = None,
    size: Annotated[str, typer.Option(metavar="tiny|small|base|reference", help="Size of the networks.")] = "small",
    preset: Annotated[
        str,
        typer.Option(
            metavar="default|reference|silence|tones|copy", help="Loss weights; all but the first as published."
        ),
    ] = "default",
    cycle: Annotated[
        float | None, typer.Option(min=0, help="Weight of there and back (default: the preset's).")
    ] = None,
    identity: Annotated[float | None, typer.Option(min=0, help="Weight of leaving singing alone.")] = None,
    paired: Annotated[float | None, typer.Option(min=0, help="Weight of refining vocoded voices.")] = None,
    adversarial: Annotated[float | None, typer.Option(min=0, help="Weight of the judges.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps in total.")] = 20_000,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="Stop after this long, earlier runs included.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Crops per step.")] = 8,
    learning_rate: Annotated[float, typer.Option(min=0, help="Learning rate of Adam.")] = 1e-4,
    validate_every: Annotated[int, typer.Option(min=1, help="Steps between validations and samples.")] = 1000,
    licence: Annotated[str | None, typer.Option(help="Licence to record in the model.")] = None,
    credit: Annotated[str | None, typer.Option(help="Training data to record in the model.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
    device: Device = "auto",
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Train a model for `audiokit sing --engine gan --model FOLDER`.

    \b
    Examples:
      audiokit train vocal-cyclegan --speech talks --vocals stems/vocals --accompaniment stems/band -o runs/sing
      audiokit train vocal-cyclegan --speech talks --vocals choir -o runs/tiny --size tiny --minutes 20
    """
    from audiokit.training.sound.vocal_cyclegan import train_vocal_cyclegan

    train_vocal_cyclegan(
        speech,
        vocals,
        accompaniment,
        folder=out,
        size=size,
        preset=preset,
        weights={"cycle": cycle, "identity": identity, "paired": paired, "adversarial": adversarial},
        options={"batch": batch, "learning_rate": learning_rate, "seed": seed, "device": device},
        loop={"steps": steps, "minutes": minutes, "validate_every": validate_every, "resume": resume, "quiet": quiet},
        notes={"licence": licence, "training_data": credit},
    )
