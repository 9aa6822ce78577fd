"""`generate`: instrument notes from a model, a melody, or sounds that a model draws."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any

from audiokit.engine.option import Option
from audiokit.engine.parse import seconds as duration
from audiokit.engine.parts import Parts
from audiokit.engine.settings import Device, Seed
from audiokit.engine.sound import Sound
from audiokit.engine.stage import Call, Options, stage
from audiokit.errors import UsageError

FilePath = str | os.PathLike[str]


def _check(options: Options) -> None:
    from audiokit.stages.generate.request import check_words, require_one_source

    if sum(bool(options[name]) for name in ("midi", "kit", "nsynth")) > 1:
        raise UsageError("--midi, --kit and --nsynth are three kinds of output", hint="give one of them")
    require_one_source(options)
    check_words(options)


def _fits(call: Call) -> Mapping[str, Any]:
    """Refuse a file where a folder is made, and the other way round; then what the model cannot do, and what exists."""
    from audiokit.engine.plan import is_folder
    from audiokit.io.files import check_free
    from audiokit.models.style.drawing import draws
    from audiokit.stages.generate.made import refuse_wishes
    from audiokit.stages.generate.request import check_wish

    options, out = call.options, str(call.out)
    if options["midi"] and is_folder(out):
        raise UsageError(f"-o {out}: a melody is one file", hint="name it, such as -o song.wav")
    if (options["kit"] or options["nsynth"]) and not is_folder(out):
        what = "a kit" if options["kit"] else "a set"
        raise UsageError(f"-o {out}: {what} is a folder", hint="name one, such as -o kit/")
    if options["nsynth"] and call.save.subtype not in (None, "PCM_16"):
        raise UsageError(f"--subtype {call.save.subtype}: NSynth's layout has 16 bits", hint="leave out --nsynth")
    (refuse_wishes if draws(options["model"]) else check_wish)(options)
    if options["sheet"]:
        check_free(options["sheet"], force=call.batch.force)
    return {}


@stage(reads=(), writes=(Parts, Sound), check=_check, across=_fits, models=lambda options: [options["model"]])
def generate(
    *,
    pitch: Annotated[
        str | float | None,
        Option("Names, MIDI numbers, ranges (C3:C5:2 in whole tones), lists.", metavar="C4|60|C3:C5|C4,E4,G4"),
    ] = None,
    velocity: Annotated[
        str | int | None,
        Option("How hard the key is struck: loudness and timbre; a list makes layers.", metavar="1..127"),
    ] = None,
    family: Annotated[
        str | None,
        Option(
            "bass, brass, flute, guitar, keyboard, mallet, organ, reed, string, synth_lead, vocal, or a list of them.",
            metavar="NAME,...",
        ),
    ] = None,
    source: Annotated[str | None, Option("acoustic, electronic or synthetic.", metavar="NAME")] = None,
    qualities: Annotated[
        str | None,
        Option("bright, dark, percussive, fast_decay, distortion, reverb ...", metavar="WORD,..."),
    ] = None,
    instrument: Annotated[str | None, Option("One of the model's instruments.", metavar="NAME")] = None,
    count: Annotated[int, Option("Sounds to draw of each family; each plays every pitch and velocity.", min=1)] = 1,
    variety: Annotated[
        float, Option("How far sounds may lie from the model's instruments; 0 is on them.", min=0, max=2)
    ] = 1.0,
    seconds: Annotated[
        float | str | None,
        Option("Length of a note, release included (default: 4).", metavar="TIME", parse=duration),
    ] = None,
    attack: Annotated[float, Option("Fade in over this many seconds.", min=0)] = 0.0,
    release: Annotated[
        float | None, Option("Seconds to fall silent once let go (default: the sound's own).", min=0.005)
    ] = None,
    distortion: Annotated[float, Option("Drive, 0 to 1.", min=0, max=1)] = 0.0,
    reverb: Annotated[float, Option("Room, 0 to 1: up to 3 s of reverberation.", min=0, max=1)] = 0.0,
    like: Annotated[
        FilePath | None, Option("Imitate a recorded note; --count varies it.", metavar="NOTE.wav", reads=True)
    ] = None,
    latent: Annotated[
        FilePath | Any | None, Option("The sound itself, (D,) or (N, D).", metavar="FILE.npy", reads=True)
    ] = None,
    interpolate: Annotated[
        tuple[str, str] | None,
        Option("Go from one sound to another: latents, notes, instruments or families.", metavar="A B"),
    ] = None,
    steps: Annotated[int, Option("Sounds on the way of --interpolate, both ends included.", min=2)] = 8,
    midi: Annotated[FilePath | None, Option("Play a score with the sound.", metavar="SONG.mid", reads=True)] = None,
    kit: Annotated[bool, Option("Write a sampler instrument (SFZ) with its samples.")] = False,
    nsynth: Annotated[bool, Option("Write NSynth's layout exactly: audio/, 16 kHz, 4 s, 16 bit.")] = False,
    sheet: Annotated[
        FilePath | None, Option("Draw all notes as a grid of spectrograms.", metavar="FILE.png", recorded=False)
    ] = None,
    nearest: Annotated[bool, Option("Replace pitches out of range by the nearest.")] = False,
    rate: Annotated[int, Option("Sample rate in Hz.", min=8000, max=192_000)] = 44100,
    model: Annotated[str, Option("Which model.", metavar="NAME|FOLDER")] = "notes",
    seed: Seed = 0,
    device: Device = "auto",
) -> Parts | Sound:
    """Make instrument notes with the pitch, family and qualities you ask for.

    A folder gets one file per note, examples.json (every field NSynth has, and how the note was made) and
    latents.npy (the sounds themselves, for --latent).

    Examples:
        audiokit generate --pitch C3:C5 --family keyboard --velocity 100 --count 8 -o notes/
        audiokit generate --pitch A4 --family string --seconds 8 --reverb 0.6 -o a4.wav
        audiokit generate --kit --family guitar --qualities distortion -o guitar/
        audiokit generate --midi song.mid --like horn.wav -o song.wav
        audiokit generate --pitch C4 --interpolate marimba cello --steps 8 -o morphs/ --sheet morphs.png

    Returns:
        The note (1, T), or the melody, as a sound; several notes by name. In a folder they leave what the command
        leaves there. From Python, a pitch may be a number that is not whole, and a latent an array.

    Raises:
        ParameterError: a value is out of range, or nothing fits the wish.
        UsageError: options that do not go together.
        InputError: a recording, a latent or a score cannot be read.
        ModelError: the model is unknown or a latent does not fit it.

    >>> import numpy as np
    >>> y = generate(pitch=69, family="organ", seconds=0.5, rate=16000).samples
    >>> y.shape, int(np.abs(np.fft.rfft(y[0, 2000:6000])).argmax() * 4)
    ((1, 8000), 440)
    >>> generate(pitch="C4,E4", family="organ", seconds=0.5).names
    ('organ_electronic_000-060-100', 'organ_electronic_000-064-100')
    """
    options = dict(locals())
    from audiokit.models.style.drawing import draws
    from audiokit.stages.generate.made import Making, drawn, melody
    from audiokit.stages.generate.request import want

    if draws(model):
        return drawn(options)
    wanted = want(options)
    return melody(wanted, options) if midi else Making(wanted, options).result()
