"""`train splitter`: a separator from songs with stems and loose parts."""

from __future__ import annotations

from typing import Annotated

from audiokit.engine.command import command
from audiokit.engine.option import Argument, Option
from audiokit.training.sound.settings import SplitterRun, SplitterSettings


@command()
def splitter(
    songs: Annotated[
        list[str] | None,
        Argument("Folders of songs; a song is a folder of stems (vocals.wav, ...).", "[SONGS...]"),
    ] = None,
    *,
    part: Annotated[
        list[str] | None,
        Option("Loose recordings of one stem, mixed with any others; repeatable.", metavar="STEM=FOLDER"),
    ] = None,
    judge: Annotated[
        list[str] | None,
        Option("Songs kept out of the training, to measure on; repeatable.", metavar="FOLDER"),
    ] = None,
    settings: SplitterSettings,
    run: SplitterRun,
) -> None:
    """Train a separator for `audiokit split --model FOLDER`.

    Examples:
        audiokit train splitter musdb18/train --judge musdb18/test -o runs/splitter
        audiokit train splitter --part vocals=singing --part accompaniment=bands -o runs/small --minutes 60
    """
    from audiokit.training.sound.splitter import train_splitter

    train_splitter(songs or [], part or [], judge or [], settings=settings, run=run)
