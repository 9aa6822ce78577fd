"""`train denoiser`: the network behind `denoise`, from clean speech and noise."""

from __future__ import annotations

from typing import Annotated

from audiokit.engine.command import command
from audiokit.engine.option import Argument, Option
from audiokit.training.engine.options import RunOptions
from audiokit.training.sound.settings import DenoiserSettings


@command()
def denoiser(
    speech: Annotated[list[str], Argument("Folders of clean speech; subfolders are drawn evenly.", "SPEECH...")],
    *,
    noise: Annotated[
        list[str] | None,
        Option("Folders of background noise (noise is also synthesised); repeatable.", metavar="FOLDER"),
    ] = None,
    music: Annotated[list[str] | None, Option("Folders of music; repeatable.", metavar="FOLDER")] = None,
    judge: Annotated[
        list[str] | None,
        Option("Clean speech kept out of the training, to measure on; repeatable.", metavar="FOLDER"),
    ] = None,
    settings: DenoiserSettings,
    run: RunOptions,
) -> None:
    """Train a denoiser for `audiokit denoise --model FOLDER`.

    Mixtures are made on the fly: other speeds, rooms and equalisations of the speech, recorded and synthesised
    backgrounds, music, other voices.

    Examples:
        audiokit train denoiser speech/ --noise noise/ --judge held-out/ -o runs/denoiser --minutes 120
        audiokit train denoiser my-voice/ --from denoiser -o runs/mine --steps 500
    """
    from audiokit.training.sound.denoiser import train_denoiser

    train_denoiser(speech, noise=noise or [], music=music or [], judge=judge or [], settings=settings, run=run)
