"""`train vocoder`: mel frames to audio, from any folder of sounds."""

from __future__ import annotations

from typing import Annotated

from audiokit.engine.command import command
from audiokit.engine.option import Argument, Option
from audiokit.training.engine.options import RunOptions
from audiokit.training.sound.settings import VocoderSettings


@command()
def vocoder(
    inputs: Annotated[list[str], Argument("Folders or files of any audio.", "AUDIO...")],
    *,
    judge: Annotated[
        list[str] | None,
        Option("Audio kept out of the training, to measure on; repeatable.", metavar="FOLDER"),
    ] = None,
    settings: VocoderSettings,
    run: RunOptions,
) -> None:
    """Train a vocoder for `audiokit invert --vocoder FOLDER`.

    Every validation writes samples to hear. Under torchrun several processes train as one.

    Examples:
        audiokit train vocoder speech/ --judge held-out/ -o runs/vocos --setting dim=256 --setting inside=768
        audiokit train vocoder speech/ -o runs/melgan --arch melgan --steps 100000
        audiokit train vocoder my-voice/ -o runs/mine --arch melgan --from linda_johnson.pt
    """
    from audiokit.training.sound.vocoder import train_vocoder

    train_vocoder(inputs, judge=judge or [], settings=settings, run=run)
