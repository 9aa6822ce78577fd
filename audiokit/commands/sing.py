"""`audiokit sing`: speech over a backing becomes a sung vocal."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import BatchOptions, Clip, Device, Inputs, Model, Out, Rate, Seed, Subtype, batch_options


@batch_options
def sing(
    inputs: Inputs,
    out: Out = None,
    over: Annotated[str | None, typer.Option(metavar="FILE", help="The backing to sing over.")] = None,
    mix: Annotated[str | None, typer.Option(metavar="FILE", help="Also write vocal and backing together.")] = None,
    plan: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A .json or .mid plan: sung if it exists, otherwise written for editing."),
    ] = None,
    melody: Annotated[
        str, typer.Option(metavar="auto|FILE.mid", help="Compose a melody for the backing, or sing this one.")
    ] = "auto",
    guide: Annotated[str | None, typer.Option(metavar="FILE", help="A hummed or sung melody to follow.")] = None,
    lyrics: Annotated[
        str | None, typer.Option(metavar="TEXT|FILE.txt", help="What is said, to find the syllables better.")
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="world|gan|both", help="Sing a plan, map spectra with the network, or refine.")
    ] = "world",
    reverse: Annotated[bool, typer.Option("--reverse", help="Turn singing into speech (network only).")] = False,
    scale: Annotated[str, typer.Option(metavar="NAME", help="Scale: auto, major, minor, blues, dorian, ...")] = "auto",
    range: Annotated[
        str, typer.Option(metavar="auto|LOW-HIGH", help="Range, such as C3-C4; auto is a little above the speech.")
    ] = "auto",
    transpose: Annotated[float, typer.Option(min=-48, max=48, help="Semitones to add to every note.")] = 0.0,
    bpm: Annotated[float | None, typer.Option(min=20, max=400, help="Tempo of the backing, if known.")] = None,
    key: Annotated[str | None, typer.Option(help='Key of the backing, if known, such as "A minor".')] = None,
    start: Annotated[str, typer.Option(metavar="TIME", help="Earliest time of the first note.")] = "0",
    fit: Annotated[
        str,
        typer.Option(
            metavar="phrase|trim|loop",
            help="When lengths differ: sing the phrases that fit, stop at the end, or repeat the shorter.",
        ),
    ] = "phrase",
    pitch_correction: Annotated[
        float, typer.Option(min=0, max=1, help="0 keeps the speaker's intonation, 1 sings the melody.")
    ] = 1.0,
    vibrato: Annotated[float, typer.Option(min=0, max=200, help="Depth on held notes, in cents.")] = 35.0,
    portamento: Annotated[float, typer.Option(min=0, max=2, help="Strength of glides between notes.")] = 1.0,
    singing_formant: Annotated[
        float, typer.Option(min=-12, max=12, help="Boost around 3 kHz in dB, as trained voices have it.")
    ] = 4.0,
    harmony: Annotated[
        list[str] | None, typer.Option(metavar="third|fifth|octave", help="Add a voice above; repeatable.")
    ] = None,
    balance: Annotated[
        str, typer.Option(metavar="LU|reference", help="Loudness over the backing; reference: gains of 0.7 and 0.5.")
    ] = "1",
    quality: Annotated[
        str, typer.Option(metavar="fast|best", help="best tracks pitch more carefully and takes longer.")
    ] = "fast",
    model: Model = None,
    rate: Rate = None,
    subtype: Subtype = None,
    clip: Clip = "rescale",
    device: Device = "auto",
    seed: Seed = 0,
    *,
    batch: BatchOptions,
) -> None:
    """Turn plain speech into a vocal that fits a backing track.

    Tempo, bars, key and chords are heard in the backing (or given with --bpm and --key; without a beat 100 BPM are
    assumed, without a key C major, and both are said). The vocal has the backing's rate and length, so it can be
    mixed with it as it is.

    \b
    Examples:
      audiokit sing talk.wav --over band.wav -o vocal.wav --mix song.wav
      audiokit sing talk.wav --over band.wav -o vocal.wav --plan plan.mid      (edit plan.mid, then)
      audiokit sing talk.wav --over band.wav -o vocal.wav --plan plan.mid --force
      audiokit sing talk.wav --over band.wav -o vocal.wav --guide hum.wav --harmony third
      audiokit sing voice.wav --reverse -o speech.wav
    """
    from dataclasses import asdict
    from functools import partial

    from audiokit.engine.batch import run
    from audiokit.engine.options import seconds
    from audiokit.errors import UsageError
    from audiokit.singing import SingOptions
    from audiokit.singing_files import SingFiles, check_files, sing_file

    if (over is None) is not reverse:
        raise UsageError(
            "--reverse needs no backing" if reverse else "no backing given", hint="sing over one with --over FILE"
        )
    options = SingOptions(
        engine, scale, range, transpose, bpm, key, seconds(start, "--start"), fit, pitch_correction, vibrato,
        portamento, singing_formant, harmony=tuple(harmony or ()), balance=balance, quality=quality, model=model,
        device=device, seed=seed,
    )  # fmt: skip
    files = SingFiles(over, melody, guide, lyrics, plan, mix, rate, subtype, clip)
    check_files(inputs, files)
    task = partial(sing_file, files=files, options=options, reverse=reverse)
    recipe = {k: v for k, v in {**asdict(files), **asdict(options), "reverse": reverse}.items() if v not in (None, ())}
    run(task, inputs, out, batch=batch, command="sing", options=recipe, seed=seed)
