"""`audiokit align-beats`: warp one track onto the beats of another, or onto a tempo, pitch kept."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import BatchOptions, Clip, Inputs, Out, Subtype, batch_options


@batch_options
def align_beats(
    inputs: Inputs,
    out: Out = None,
    to: Annotated[str | None, typer.Option(metavar="REFERENCE", help="The track whose beats to reach.")] = None,
    bpm: Annotated[float | None, typer.Option(help="A steady tempo to reach instead.")] = None,
    beats: Annotated[
        str | None, typer.Option(metavar="FILE", help="A list of beats to reach instead (text or JSON).")
    ] = None,
    beats_from: Annotated[
        str | None, typer.Option(metavar="MIX", help="Find the track's beats in this mix: vocals alone have none.")
    ] = None,
    track_bpm: Annotated[float | None, typer.Option(help="The track's tempo, about, when it is known.")] = None,
    tempo: Annotated[
        str, typer.Option(metavar="match|mean", help="mean: both meet at the geometric mean of their tempi.")
    ] = "match",
    key: Annotated[
        str, typer.Option(metavar="keep|match", help="match: shift by the nearest semitones to the reference's key.")
    ] = "keep",
    fit: Annotated[
        str, typer.Option(metavar="trim|all", help="trim: what both have in common; all: everything of the track.")
    ] = "trim",
    together: Annotated[
        bool | None,
        typer.Option(
            "--together/--each", help="Stems of one song share beats and warp (default: if all have one length)."
        ),
    ] = None,
    beats_out: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the beats of the result, .txt or .json.")
    ] = None,
    click: Annotated[str | None, typer.Option(metavar="FILE", help="Write clicks on the beats of the result.")] = None,
    picture: Annotated[str | None, typer.Option(metavar="FILE", help="Draw the beat grids, .png.")] = None,
    reference_out: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the reference too, as moved by --tempo mean.")
    ] = None,
    tracker: Annotated[
        str, typer.Option(metavar="audiokit|beat-this", help="beat-this needs the extra 'beats'.")
    ] = "audiokit",
    clip: Clip = "rescale",
    subtype: Subtype = None,
    *,
    batch: BatchOptions,
) -> None:
    """Warp a track onto the beats of another, or onto a tempo; the pitch stays.

    With nothing to align to, the beats are printed: time in seconds and place in the bar.

    \b
    Examples:
      audiokit align-beats song.wav --to reference.wav -o aligned.wav
      audiokit align-beats vocals.wav drums.wav --beats-from mix.wav --to reference.wav -o aligned/
      audiokit align-beats loops/ --bpm 120 -o loops-120/ --each
      audiokit align-beats song.wav --beats-out beats.txt --click click.wav --picture grid.png
    """
    from audiokit.aligning import AlignOptions, align_all, check_options
    from audiokit.beat_output import Extras, print_beats

    options = AlignOptions(to, bpm, beats, beats_from, track_bpm, tempo, key, fit, tracker, clip=clip, subtype=subtype)
    extras = Extras(beats_out, click, picture, reference_out)
    if check_options(options, extras, out):
        align_all(inputs, out, options, extras, together=together, batch=batch)
    else:
        print_beats(inputs, options, extras, json=batch.json, force=batch.force)
