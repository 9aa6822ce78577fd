"""`audiokit split`: stems from any mix."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import BatchOptions, Clip, Device, Inputs, Model, Out, Subtype, batch_options


@batch_options
def split(
    inputs: Inputs,
    out: Out = None,
    stems: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Only these stems (default: all the model knows).")
    ] = None,
    stem: Annotated[str | None, typer.Option(metavar="NAME", help="Only this stem, as one file or on -.")] = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="auto|spleeter|repet|hpss|center|demucs",
            help="How to separate: the model (auto), repetition, harmonic/percussive, centre, or Demucs.",
        ),
    ] = "auto",
    model: Model = None,
    residual: Annotated[
        bool, typer.Option("--residual", help="Also write what the stems leave: together they are the mix, exactly.")
    ] = False,
    high_band: Annotated[
        str | None,
        typer.Option(
            metavar="average|zero|mix",
            help="Above the band of a Spleeter model: the mask's average, nothing, or all to the last stem.",
        ),
    ] = None,
    mwf: Annotated[
        bool, typer.Option("--mwf", help="Refine a Spleeter model by a multichannel Wiener filter.")
    ] = False,
    compat: Annotated[
        bool, typer.Option("--compat", help="Exactly Spleeter's numbers, with its seams and its 11 kHz.")
    ] = False,
    quality: Annotated[
        str, typer.Option(metavar="best|fast", help="best: the built-in model and REPET together; fast: without REPET.")
    ] = "best",
    segment: Annotated[
        str, typer.Option(metavar="TIME", help="How much the network sees at once; for memory, not for the sound.")
    ] = "30s",
    format: Annotated[str, typer.Option(metavar="wav|flac|...", help="Format of files named here.")] = "wav",
    subtype: Subtype = None,
    clip: Clip = "rescale",
    device: Device = "auto",
    *,
    batch: BatchOptions,
) -> None:
    """Separate a mix into stems: vocals and accompaniment, or what the model knows.

    Works offline with a small built-in model. 'audiokit models pull spleeter-2stems' (or 4stems, 5stems) and
    '--engine demucs' separate better where a download is possible.

    \b
    Examples:
      audiokit split song.mp3 -o stems/
      audiokit split song.mp3 --stem vocals -o vocals.wav
      audiokit split songs/ -o stems/ --model spleeter-4stems --jobs 2
      audiokit split song.wav --stem vocals -o - | audiokit denoise - -o vocals.wav
    """
    from functools import partial

    from audiokit.engine.batch import run
    from audiokit.engine.options import seconds
    from audiokit.models.separation.separator import Settings, choose_stems
    from audiokit.splitting import recipe, split_file

    asked = Settings(
        engine, model, None, high_band, compat, mwf, residual, seconds(segment, "--segment"), device, quality
    )
    settings, parts = choose_stems(asked, stems, stem)
    task = partial(split_file, settings=settings, subtype=subtype, clip=clip)
    options = recipe(settings, subtype=subtype, clip=clip)
    ext = "." + format.removeprefix(".")
    run(task, inputs, out, batch=batch, command="split", options=options, ext=ext, parts=parts)
