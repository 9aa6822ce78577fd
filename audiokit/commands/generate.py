"""`audiokit generate`: instrument notes from a model."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import Device, Force, Json, Out, Quiet, Seed, Subtype


def generate(
    out: Out = None,
    pitch: Annotated[
        str | None,
        typer.Option(
            metavar="C4|60|C3:C5|C4,E4,G4", help="Names, MIDI numbers, ranges (C3:C5:2 in whole tones), lists."
        ),
    ] = None,
    velocity: Annotated[
        str, typer.Option(metavar="1..127", help="How hard the key is struck; a list makes layers.")
    ] = "",
    family: Annotated[
        str | None,
        typer.Option(help="bass, brass, flute, guitar, keyboard, mallet, organ, reed, string, synth_lead, vocal."),
    ] = None,
    source: Annotated[str | None, typer.Option(help="acoustic, electronic or synthetic.")] = None,
    qualities: Annotated[
        str | None,
        typer.Option(metavar="WORD,...", help="bright, dark, percussive, fast_decay, distortion, reverb ..."),
    ] = None,
    instrument: Annotated[str | None, typer.Option(metavar="NAME", help="One of the model's instruments.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Sounds to draw; each plays every pitch and velocity.")] = 1,
    variety: Annotated[
        float, typer.Option(min=0, max=2, help="How far sounds may lie from the model's instruments; 0 is on them.")
    ] = 1.0,
    seconds: Annotated[float | None, typer.Option(help="Length of a note, release included (default: 4).")] = None,
    attack: Annotated[float, typer.Option(min=0, help="Fade in over this many seconds.")] = 0.0,
    release: Annotated[
        float | None, typer.Option(min=0.005, help="Seconds to fall silent once let go (default: the sound's own).")
    ] = None,
    distortion: Annotated[float, typer.Option(min=0, max=1, help="Drive, 0 to 1.")] = 0.0,
    reverb: Annotated[float, typer.Option(min=0, max=1, help="Room, 0 to 1: up to 3 s of reverberation.")] = 0.0,
    like: Annotated[
        str | None, typer.Option(metavar="NOTE.wav", help="Imitate a recorded note; --count varies it.")
    ] = None,
    latent: Annotated[str | None, typer.Option(metavar="FILE.npy", help="The sound itself, (D,) or (N, D).")] = None,
    interpolate: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Go from one sound to another: latents, notes, instruments or families."),
    ] = None,
    steps: Annotated[int, typer.Option(min=2, help="Sounds on the way of --interpolate, both ends included.")] = 8,
    midi: Annotated[str | None, typer.Option(metavar="SONG.mid", help="Play a score with the sound.")] = None,
    kit: Annotated[bool, typer.Option("--kit", help="Write a sampler instrument (SFZ) with its samples.")] = False,
    nsynth: Annotated[
        bool, typer.Option("--nsynth", help="Write NSynth's layout exactly: audio/, 16 kHz, 4 s, 16 bit.")
    ] = False,
    sheet: Annotated[
        str | None, typer.Option(metavar="FILE.png", help="Draw all notes as a grid of spectrograms.")
    ] = None,
    nearest: Annotated[bool, typer.Option("--nearest", help="Replace pitches out of range by the nearest.")] = False,
    rate: Annotated[int, typer.Option(min=8000, max=192_000, help="Sample rate in Hz.")] = 44100,
    model: Annotated[str, typer.Option(metavar="NAME|FOLDER", help="Which model.")] = "notes",
    seed: Seed = 0,
    subtype: Subtype = None,
    device: Device = "cpu",
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make instrument notes with the pitch, family, velocity and qualities you ask for.

    A folder gets one file per note, examples.json (every field NSynth has, and how the note was made) and
    latents.npy (the sounds themselves, for --latent).

    \b
    Examples:
      audiokit generate --pitch C3:C5 --family keyboard --velocity 100 --count 8 -o notes/
      audiokit generate --pitch A4 --family string --seconds 8 --reverb 0.6 -o a4.wav
      audiokit generate --kit --family guitar --qualities distortion -o guitar/
      audiokit generate --midi song.mid --like horn.wav -o song.wav
      audiokit generate --pitch C4 --interpolate marimba cello --steps 8 -o morphs/ --sheet morphs.png
    """
    from audiokit.generation_run import Request, run

    request = Request(
        pitch, velocity, family, source, qualities, instrument, count, variety, like, latent, interpolate, steps
    )
    times = {"seconds": seconds, "attack_s": attack, "release_s": release}
    effects = {"distortion": distortion, "reverb": reverb}
    run(
        request,
        {**times, **effects, "rate": rate, "seed": seed, "nearest": nearest},
        out=out,
        midi=midi,
        kit=kit,
        nsynth=nsynth,
        sheet=sheet,
        model=model,
        device=device,
        subtype=subtype,
        force=force,
        as_json=json,
        quiet=quiet,
    )
