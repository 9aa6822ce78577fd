"""`audiokit train vocoder`: mel frames to audio, from any folder of sounds."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.training.engine.options import RunOptions, run_options


@run_options
def vocoder(
    inputs: Annotated[list[str], typer.Argument(metavar="AUDIO...", help="Folders or files of any audio.")],
    judge: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER", help="Audio kept out of the training, to measure on; repeatable."),
    ] = None,
    arch: Annotated[str, typer.Option(metavar="vocos|melgan", help="Architecture.")] = "vocos",
    losses: Annotated[
        str | None,
        typer.Option(metavar="modern|original", help="Losses (default: the original ones for MelGAN)."),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Setting of the generator, such as dim=256; repeatable."),
    ] = None,
    samples: Annotated[int, typer.Option(min=2048, help="Samples per clip; lower it when memory runs out.")] = 16_384,
    batch: Annotated[int, typer.Option(min=1, help="Clips per step; lower it when memory runs out.")] = 8,
    learning_rate: Annotated[
        float | None, typer.Option(min=0, help="Learning rate (default: what the papers took).")
    ] = None,
    warmup: Annotated[int, typer.Option(min=0, help="Steps before the discriminators join (modern losses).")] = 0,
    start: Annotated[
        str | None, typer.Option("--from", metavar="MODEL", help="Go on from this vocoder, such as an official one.")
    ] = None,
    *,
    run: RunOptions,
) -> None:
    """Train a vocoder for `audiokit invert --vocoder FOLDER`.

    Every validation writes samples to hear. Under torchrun several processes train as one.

    \b
    Examples:
      audiokit train vocoder speech/ --judge held-out/ -o runs/vocos --setting dim=256 --setting inside=768
      audiokit train vocoder speech/ -o runs/melgan --arch melgan --steps 100000
      audiokit train vocoder my-voice/ -o runs/mine --arch melgan --from linda_johnson.pt
    """
    import json
    import os

    from audiokit.training.sound.vocoder import read_setting, train_vocoder

    values = train_vocoder(
        inputs,
        folder=run.out,
        judge=judge or [],
        arch=arch,
        losses=losses or ("original" if arch == "melgan" else "modern"),
        settings=dict(read_setting(text) for text in setting or []),
        samples=samples,
        start=start,
        batch=batch,
        learning_rate=learning_rate,
        warmup=warmup,
        card={k: v for k, v in {"licence": run.licence, "training_data": run.source}.items() if v},
        seed=run.seed,
        device=run.device,
        loop={
            "steps": run.steps or 200_000,
            "minutes": run.minutes,
            "validate_every": run.validate_every or 1000,
            "average": run.average,
            "precision": run.precision,
            "resume": run.resume,
            "quiet": run.quiet,
        },
    )
    if run.json and os.environ.get("RANK", "0") == "0":
        print(json.dumps(values))
