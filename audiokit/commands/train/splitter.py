"""`audiokit train splitter`: a separator from songs with stems and loose parts."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import Device, Quiet, Seed


def splitter(
    songs: Annotated[
        list[str] | None,
        typer.Argument(metavar="SONGS...", help="Folders of songs; a song is a folder of stems (vocals.wav, ...)."),
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FOLDER", help="Run folder; a model folder too.")
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(metavar="STEM=FOLDER", help="Loose recordings of one stem, mixed with any others; repeatable."),
    ] = None,
    judge: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER", help="Songs kept out of the training, to measure on; repeatable."),
    ] = None,
    stems: Annotated[
        str, typer.Option(help="Stems to tell apart; accompaniment is the sum of all others.")
    ] = "vocals,accompaniment",
    network: Annotated[str, typer.Option(metavar="band|spleeter", help="Architecture.")] = "band",
    setting: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Setting of the network, as JSON; repeatable.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar="NAME|FOLDER", help="Begin from the weights of this model, where they fit.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps in total.")] = 20_000,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="Stop after this long, earlier runs included.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Mixes per step.")] = 8,
    seconds: Annotated[float, typer.Option(min=0.2, help="Length of a mix.")] = 3.0,
    learning_rate: Annotated[float, typer.Option(min=0, help="Highest learning rate.")] = 2e-3,
    judge_every: Annotated[int, typer.Option(min=1, help="Steps between measurements on --judge songs.")] = 1000,
    from_songs: Annotated[float, typer.Option(min=0, max=1, help="Share of mixes whose stems belong together.")] = 0.3,
    precision: Annotated[
        str, typer.Option(metavar="float32|bfloat16", help="bfloat16 is faster where the processor knows it.")
    ] = "float32",
    licence: Annotated[str | None, typer.Option(help="Licence to record in the model.")] = None,
    credit: Annotated[str | None, typer.Option(help="Training data to record in the model.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
    device: Device = "auto",
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Train a separator for `audiokit split --model FOLDER`.

    \b
    Examples:
      audiokit train splitter musdb18/train --judge musdb18/test -o runs/splitter
      audiokit train splitter --part vocals=singing --part accompaniment=bands -o runs/small --minutes 60
    """
    from audiokit.training.sound.splitter import train_splitter

    train_splitter(
        songs or [],
        part or [],
        judge or [],
        folder=out,
        stems=stems,
        network=network,
        settings=setting or [],
        mixing={"seconds": seconds, "from_songs": from_songs},
        options={"batch": batch, "learning_rate": learning_rate, "start": start, "seed": seed, "device": device},
        loop={
            "steps": steps,
            "minutes": minutes,
            "validate_every": judge_every,
            "precision": precision,
            "resume": resume,
            "quiet": quiet,
        },
        notes={"licence": licence, "training_data": credit},
    )
