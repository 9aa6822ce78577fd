"""`generate`: instrument notes from a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from audiokit.engine.flow import Notes
from audiokit.engine.option import Option
from audiokit.engine.parse import seconds as duration
from audiokit.engine.parts import Parts
from audiokit.engine.settings import Device, Seed, Subtype
from audiokit.engine.sound import Sound
from audiokit.engine.stage import Call, Options, stage

if TYPE_CHECKING:
    from audiokit.stages.generate.request import Request


def _write(call: Call) -> bool:
    """Write what was asked for: a file, a folder, a kit, a melody."""
    from audiokit.stages.generate.request import Form, run

    options, batch = generate.bind(call.options), call.batch
    form = Form(
        call.out, options["midi"], options["kit"], options["nsynth"], options["sheet"], options["subtype"],
        batch.force, batch.json, batch.quiet,
    )  # fmt: skip
    run(_request(options), _settings(options), form, model=options["model"], device=options["device"])
    return True


def _request(options: Options) -> Request:
    from audiokit.stages.generate.request import Request

    names = ("pitch", "velocity", "family", "source", "qualities", "instrument", "count", "variety", "like", "latent")
    return Request(**{name: options[name] for name in (*names, "interpolate", "steps")})


def _settings(options: Options) -> dict[str, Any]:
    return {
        "seconds": options["seconds"],
        "attack_s": options["attack"],
        "release_s": options["release"],
        **{name: options[name] for name in ("distortion", "reverb", "rate", "seed", "nearest")},
    }


@stage(reads=(), writes=(Parts, Sound), saves=False, instead=_write, models=lambda options: [options["model"]])
def generate(
    nothing: None = None,
    *,
    pitch: Annotated[
        str | int | None,
        Option("Names, MIDI numbers, ranges (C3:C5:2 in whole tones), lists.", metavar="C4|60|C3:C5|C4,E4,G4"),
    ] = None,
    velocity: Annotated[str | int, Option("How hard the key is struck; a list makes layers.", metavar="1..127")] = "",
    family: Annotated[
        str | None,
        Option("bass, brass, flute, guitar, keyboard, mallet, organ, reed, string, synth_lead, vocal.", metavar="NAME"),
    ] = None,
    source: Annotated[str | None, Option("acoustic, electronic or synthetic.", metavar="NAME")] = None,
    qualities: Annotated[
        str | None,
        Option("bright, dark, percussive, fast_decay, distortion, reverb ...", metavar="WORD,..."),
    ] = None,
    instrument: Annotated[str | None, Option("One of the model's instruments.", metavar="NAME")] = None,
    count: Annotated[int, Option("Sounds to draw; each plays every pitch and velocity.", min=1)] = 1,
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
        str | None, Option("Imitate a recorded note; --count varies it.", metavar="NOTE.wav", reads=True)
    ] = None,
    latent: Annotated[str | None, Option("The sound itself, (D,) or (N, D).", metavar="FILE.npy", reads=True)] = None,
    interpolate: Annotated[
        tuple[str, str] | None,
        Option("Go from one sound to another: latents, notes, instruments or families.", metavar="A B"),
    ] = None,
    steps: Annotated[int, Option("Sounds on the way of --interpolate, both ends included.", min=2)] = 8,
    midi: Annotated[str | None, Option("Play a score with the sound.", metavar="SONG.mid", reads=True)] = None,
    kit: Annotated[bool, Option("Write a sampler instrument (SFZ) with its samples.")] = False,
    nsynth: Annotated[bool, Option("Write NSynth's layout exactly: audio/, 16 kHz, 4 s, 16 bit.")] = False,
    sheet: Annotated[
        str | None, Option("Draw all notes as a grid of spectrograms.", metavar="FILE.png", recorded=False)
    ] = None,
    nearest: Annotated[bool, Option("Replace pitches out of range by the nearest.")] = False,
    rate: Annotated[int, Option("Sample rate in Hz.", min=8000, max=192_000)] = 44100,
    model: Annotated[str, Option("Which model.", metavar="NAME|FOLDER")] = "notes",
    seed: Seed = 0,
    subtype: Subtype = None,
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
        The note (1, T) as a sound; several by name.

    Raises:
        ParameterError: a value is out of range, or nothing fits the wish.
        ModelError: the model is unknown or a latent does not fit it.

    >>> import numpy as np
    >>> y = generate(pitch=69, family="organ", seconds=0.5, rate=16000).samples
    >>> y.shape, int(np.abs(np.fft.rfft(y[0, 2000:6000])).argmax() * 4)
    ((1, 8000), 440)
    """
    from audiokit.models.notes.making import make_note
    from audiokit.stages.generate.request import require_one_source, want

    options = dict(locals())
    request = _request({**options, "pitch": None if pitch is None else str(pitch), "velocity": str(velocity)})
    require_one_source(request)
    wanted = want(request, _settings(options), model=model, device=device)

    def note_of(number: int) -> Sound:
        note = wanted.notes[number]
        made, warnings = make_note(
            wanted.model, wanted.sounds[note.sound], note.pitch, note.velocity, wanted.settings, key=number
        )
        sound = Sound.of(made, rate)
        sound.notes.warnings += [*note.warnings, *warnings]
        return sound

    if len(wanted.notes) == 1:
        return note_of(0)

    def items() -> Iterator[tuple[str, Sound]]:
        for number, note in enumerate(wanted.notes):
            yield note.name, note_of(number)

    return Parts.in_turn(items, names=[note.name for note in wanted.notes], notes=Notes())
