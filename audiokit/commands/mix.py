"""`audiokit mix`: sum tracks with gains and without clipping."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import Clip, Force, Json, Out, Quiet, Subtype


def mix(
    inputs: Annotated[list[str], typer.Argument(metavar="TRACK...", help="Files, or - for standard input.")],
    out: Out = None,
    gain: Annotated[
        list[str] | None,
        typer.Option(metavar="-3dB", help="Gain of a track: once per track, in order, or once for all."),
    ] = None,
    length: Annotated[
        str, typer.Option(metavar="shortest|longest|first", help="How long the mix is; missing audio is silence.")
    ] = "longest",
    balance: Annotated[
        str | None,
        typer.Option(
            metavar="0dB",
            help="Loudness of the first track (the voice) against all others together, by one gain for the whole.",
        ),
    ] = None,
    rate: Annotated[int | None, typer.Option(min=1, max=768_000, help="Sample rate (default: the first's).")] = None,
    channels: Annotated[int | None, typer.Option(min=1, max=64, help="Channels (default: the widest's).")] = None,
    clip: Clip = "rescale",
    subtype: Subtype = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Sum tracks with gains and without clipping.

    Tracks are resampled to the first one's rate. Mono goes to left and right at its own level; 5.1 folds down as in
    ITU-R BS.775. Over full scale an integer format is turned down as a whole and says so (--clip); float keeps it.

    \b
    Examples:
      audiokit mix vocals.wav band.wav -o song.wav
      audiokit mix vocals.wav drums.wav bass.wav -o song.wav --gain 0dB --gain -3dB --gain -1.5dB
      audiokit mix vocals.wav band.wav -o song.wav --balance 2dB --length first
      audiokit denoise vocals.wav -o - | audiokit mix - band.wav -o song.flac
    """
    from audiokit.engine.options import decibels
    from audiokit.engine.progress import print_report
    from audiokit.mixdown import MixOptions, mix_files

    gains = tuple(decibels(text, "--gain") for text in gain or ())
    level = None if balance is None else decibels(balance, "--balance")
    options = MixOptions(gains, length, level, clip, rate, channels, subtype)
    report = mix_files(inputs, out, options=options, force=force)
    made = f"{' + '.join(report['inputs'])} -> {report['output']}"
    print_report(report, made, as_json=json and out != "-", quiet=quiet)
