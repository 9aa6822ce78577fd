"""`train vocal-cyclegan`: speech to singing and back, from unpaired folders."""

from __future__ import annotations

from typing import Annotated

from audiokit.engine.command import command
from audiokit.engine.option import Option
from audiokit.training.sound.settings import VocalRun, VocalSettings


@command()
def vocal_cyclegan(
    *,
    speech: Annotated[str, Option("Recordings of speech.", metavar="FOLDER")],
    vocals: Annotated[str, Option("Recordings of singing without instruments.", metavar="FOLDER")],
    accompaniment: Annotated[
        str | None, Option("What was played to the vocals, under the same names.", metavar="FOLDER")
    ] = None,
    settings: VocalSettings,
    run: VocalRun,
) -> None:
    """Train a model for `audiokit sing --engine gan --model FOLDER`.

    Examples:
        audiokit train vocal-cyclegan --speech talks --vocals stems/vocals --accompaniment stems/band -o runs/sing
        audiokit train vocal-cyclegan --speech talks --vocals choir -o runs/tiny --size tiny --minutes 20
    """
    from audiokit.training.sound.vocal_cyclegan import train_vocal_cyclegan

    train_vocal_cyclegan(speech, vocals, accompaniment, settings=settings, run=run)
