"""`audiokit morph`: blend one clip into another, at one point or along time."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import Force, Json, Out, Quiet, Subtype


def morph(
    first: Annotated[str, typer.Argument(metavar="A", help="The clip at amount 0, or - for standard input.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The clip at amount 1, or -.")],
    out: Out = None,
    amount: Annotated[float, typer.Option(min=0, max=1, help="How far from A to B.")] = 0.5,
    curve: Annotated[
        str | None,
        typer.Option(metavar="0,1", help="Amounts along time, evenly spaced, or PLACE:AMOUNT such as 0:0,30%:0,1:1."),
    ] = None,
    align: Annotated[
        bool, typer.Option("--align", help="Bring alike moments together first (dynamic time warping).")
    ] = False,
    engine: Annotated[
        str,
        typer.Option(
            metavar="auto|world|transport|latent|fade",
            help="Voices and notes; noises, drums and textures; a new sound from between two in a network's latents; or"
            " a plain cross-fade, for comparison.",
        ),
    ] = "auto",
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME|FOLDER", help="For latent: a note model (the shipped one by default) or a DCGAN."),
    ] = None,
    subtype: Subtype = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Blend one clip into another: pitch and timbre travel, instead of one fading while the other comes.

    The result has A's rate; without --align it is as long as the longer clip.

    \b
    Examples:
      audiokit morph flute.wav trumpet.wav -o between.wav --amount 0.5
      audiokit morph rain.wav crowd.wav -o turning.wav --curve 0,1
      audiokit morph take1.wav take2.wav -o blend.wav --align --amount 0.3
      audiokit morph flute.wav bell.wav -o new.wav --engine latent --model runs/dcgan
    """
    from audiokit.engine.progress import print_report
    from audiokit.morphing import morph_files

    report = morph_files(
        first,
        second,
        out,
        amount=amount,
        curve=curve,
        align=align,
        engine=engine,
        model=model,
        subtype=subtype,
        force=force,
    )
    made = f"{' ~ '.join(report['inputs'])} -> {report['output']} ({report['engine']})"
    print_report(report, made, as_json=json and out != "-", quiet=quiet)
