"""`audiokit normalize`: bring audio to a loudness, or only measure it."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import BatchOptions, Inputs, Out, Subtype, batch_options


@batch_options
def normalize(
    inputs: Inputs,
    out: Out = None,
    to: Annotated[
        float | None,
        typer.Option(
            min=-100, max=0, help="Level to reach: -14 (LUFS), for --mode peak -1 (dBTP), for --mode rms -20 (dBFS)."
        ),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            metavar="loudness|peak|rms|match",
            help="Integrated loudness (BS.1770-4), true peak, root mean square, or the loudness of --reference.",
        ),
    ] = "loudness",
    peak: Annotated[float, typer.Option(min=-60, max=0, help="Highest true peak allowed, in dBTP.")] = -1.0,
    limiter: Annotated[
        bool,
        typer.Option("--limiter/--no-limiter", help="Hold the peaks by a limiter, or stay as quiet as they demand."),
    ] = True,
    reference: Annotated[
        str | None, typer.Option(metavar="FILE", help="The recording to match (implies --mode match).")
    ] = None,
    spectrum: Annotated[bool, typer.Option("--spectrum", help="Match the reference's tonal balance too.")] = False,
    per_frame: Annotated[
        bool, typer.Option("--per-frame", help="Follow the level of the reference (or --to) along time, smoothly.")
    ] = False,
    album: Annotated[bool, typer.Option("--album", help="One gain for all inputs, so that they keep apart.")] = False,
    range_: Annotated[
        float | None, typer.Option("--range", min=0.5, help="Bring the loudness range (LRA) down to this, in LU.")
    ] = None,
    lower_only: Annotated[bool, typer.Option("--lower-only", help="Never turn anything up.")] = False,
    dual_mono: Annotated[
        bool, typer.Option("--dual-mono", help="Mono will be heard from two loudspeakers: count it 3 dB louder.")
    ] = False,
    measure: Annotated[bool, typer.Option("--measure", help="Only measure, and print JSON.")] = False,
    subtype: Subtype = None,
    *,
    batch: BatchOptions,
) -> None:
    """Bring audio to a loudness, or only measure it.

    The result lies within 0.1 LU of --to, with true peaks under --peak. Rate, channels, length, bit depth and tags
    stay. Silence stays silence.

    \b
    Examples:
      audiokit normalize song.wav -o louder.wav --to -14 --peak -1
      audiokit normalize album/ -o mastered/ --album --jobs 2
      audiokit normalize vocals.wav -o matched.wav --reference band.wav
      audiokit normalize songs/ --measure
    """
    from audiokit.errors import UsageError
    from audiokit.levels import normalize_files

    if measure and out is not None:
        raise UsageError("--measure writes nothing, so it takes no --out", hint="leave out one of the two")
    normalize_files(
        inputs,
        out,
        batch=batch,
        options={
            "mode": "match" if reference else mode,
            "to": to,
            "peak_dbtp": peak,
            "limit": limiter,
            "lower_only": lower_only,
            "range_lu": range_,
            "per_frame": per_frame,
            "match_spectrum": spectrum,
            "dual_mono": dual_mono,
        },
        reference=reference,
        album=album,
        measure=measure,
        subtype=subtype,
    )
