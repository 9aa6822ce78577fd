"""`audiokit train denoiser`: the network behind `denoise`, from clean speech and noise."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.training.engine.options import RunOptions, run_options


@run_options
def denoiser(
    speech: Annotated[
        list[str], typer.Argument(metavar="SPEECH...", help="Folders of clean speech; subfolders are drawn evenly.")
    ],
    noise: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER", help="Folders of background noise (noise is also synthesised); repeatable."),
    ] = None,
    music: Annotated[list[str] | None, typer.Option(metavar="FOLDER", help="Folders of music; repeatable.")] = None,
    judge: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER", help="Clean speech kept out of the training, to measure on; repeatable."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="MODEL", help="Go on from this denoiser, such as an imported one.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of an example.")] = 2.5,
    batch: Annotated[int, typer.Option(min=1, help="Examples per step; lower it when memory runs out.")] = 8,
    learning_rate: Annotated[float, typer.Option(min=0, help="Highest learning rate.")] = 2e-3,
    *,
    run: RunOptions,
) -> None:
    """Train a denoiser for `audiokit denoise --model FOLDER`.

    Mixtures are made on the fly: other speeds, rooms and equalisations of the speech, recorded and synthesised
    backgrounds, music, other voices.

    \b
    Examples:
      audiokit train denoiser speech/ --noise noise/ --judge held-out/ -o runs/denoiser --minutes 120
      audiokit train denoiser my-voice/ --from denoiser -o runs/mine --steps 500
    """
    import json

    from audiokit.training.sound.denoiser import train_denoiser

    values = train_denoiser(
        speech,
        folder=run.out,
        noise=noise or [],
        music=music or [],
        judge=judge or [],
        start=start,
        seconds=seconds,
        batch=batch,
        learning_rate=learning_rate,
        device=run.device,
        seed=run.seed,
        loop={
            "steps": run.steps or 20_000,
            "minutes": run.minutes,
            "validate_every": run.validate_every or 500,
            "average": run.average,
            "precision": run.precision,
            "resume": run.resume,
            "quiet": run.quiet,
        },
        notes={"licence": run.licence, "training_data": run.source},
    )
    if run.json:
        print(json.dumps(values))
