"""What `generate` is asked for: from words to sounds of a model, and to the notes that are to be made of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiokit.engine.stage import Options
from audiokit.errors import ParameterError, UsageError

if TYPE_CHECKING:
    from audiokit.models.notes.making import Note, NoteSettings
    from audiokit.models.notes.notes import NoteModel, Wish
    from audiokit.models.notes.notes import Sound as Timbre

#: NSynth's notes are all alike.
NSYNTH_RATE, NSYNTH_S = 16000, 4.0
_KIT_VELOCITIES = (40, 80, 120)
_KIT_STEP = 3
#: Options that each say what the sound is.
_SOURCES = ("like", "latent", "interpolate", "instrument")

FilePath = str | os.PathLike[str]


@dataclass(frozen=True)
class Request:
    """The options of `generate` that say which sounds are wanted, and at which keys; see its declaration."""

    pitch: str | float | None
    velocity: str | int | None
    family: str | None
    source: str | None
    qualities: str | None
    instrument: str | None
    count: int
    variety: float
    like: FilePath | None
    latent: Any
    interpolate: tuple[str, str] | None
    steps: int
    kit: bool

    @classmethod
    def of(cls, options: Options) -> Request:
        """Take them out of all options."""
        return cls(**{field.name: options[field.name] for field in fields(cls)})


@dataclass(frozen=True)
class Wanted:
    """Everything that is known before the first note is made.

    Attributes:
        model: what makes the notes.
        sounds: their timbres.
        settings: how notes are made of a sound.
        pitches: MIDI numbers; None where nothing says which.
    """

    model: NoteModel
    sounds: list[Timbre]
    settings: NoteSettings
    pitches: list[float] | None


def is_given(value: Any) -> bool:
    """Tell whether an option was given; an empty word is none, and an array has no truth value."""
    return value is not None and not (isinstance(value, str) and not value)


def require_one_source(options: Options) -> None:
    """Refuse options that each say what the sound is, when more than one is given (UsageError)."""
    named = [f"--{name}" for name in _SOURCES if is_given(options[name])]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} both say what the sound is", hint="give one of them")


def check_words(options: Options) -> None:
    """Refuse pitches and velocities that cannot be read, before a model is loaded (ParameterError)."""
    _pitches(options["pitch"])
    _velocities(options["velocity"])


def check_wish(options: Options) -> None:
    """Refuse what the model does not know or cannot play, before anything is made (ParameterError, ModelError)."""
    from audiokit.models.notes.making import read_sound
    from audiokit.models.notes.notes import Sound as Timbre

    model, request, settings, wishes = _asked(options)
    for text in (request.like, *(request.interpolate or ())):
        if isinstance(text, str) and not Path(text).suffix:  # a name; files are read when they are needed
            read_sound(model, text, pitch=None, seed=settings.seed)
    if not any(is_given(options[name]) for name in ("like", "latent", "interpolate")):
        for wish in wishes:
            model.candidates(wish)
    if not options["midi"]:
        any_sound = Timbre(np.zeros(model.latent_size, np.float32))
        notes_of(Wanted(model, [any_sound], settings, _pitches(request.pitch)), request)


def _asked(options: Options) -> tuple[NoteModel, Request, NoteSettings, list[Wish]]:
    """The model, and what options ask of it: a wish for each family."""
    from audiokit.models.notes.making import with_qualities
    from audiokit.models.notes.notes import Wish, load

    request = Request.of(options)
    model = load(options["model"], device=options["device"])
    families = _families(request)
    wish = Wish(families[0], request.source, _words(request.qualities), request.instrument, request.variety)
    settings, wish = with_qualities(_settings(options), wish)
    pitches = _pitches(request.pitch)
    if pitches:
        wish = replace(wish, span=(min(pitches), max(pitches)))
    return model, request, settings, [replace(wish, family=one) for one in families]


def want(options: Options) -> Wanted:
    """Find the sounds that options ask for, and how and at which keys they are to sound.

    Raises:
        ParameterError, InputError, ModelError: from what they name.
    """
    model, request, settings, wishes = _asked(options)
    pitches = _pitches(request.pitch)
    sounds, heard = _sounds(model, request, wishes, pitches, settings.seed)
    if options["nsynth"]:
        settings = replace(settings, rate=NSYNTH_RATE, seconds=NSYNTH_S)
    return Wanted(model, sounds, settings, [heard] if pitches is None and heard is not None else pitches)


def notes_of(wanted: Wanted, request: Request) -> list[Note]:
    """List the notes to make: every sound at every pitch and velocity (ParameterError: one is out of range)."""
    from audiokit.models.notes.making import plan

    velocities = _velocities(request.velocity) or (_KIT_VELOCITIES if request.kit else (100,))
    pitches: Sequence[float] | None = wanted.pitches
    if pitches is None:
        whole = request.kit and wanted.model.has_pitch
        pitches = range(wanted.model.low, wanted.model.high + 1, _KIT_STEP) if whole else [60]
    return plan(wanted.model, wanted.sounds, pitches, velocities, nearest=wanted.settings.nearest)


def _settings(options: Options) -> NoteSettings:
    from audiokit.models.notes.making import NoteSettings

    return NoteSettings(
        seconds=NSYNTH_S if options["seconds"] is None else options["seconds"],
        attack_s=options["attack"],
        release_s=options["release"],
        **{name: options[name] for name in ("distortion", "reverb", "rate", "seed", "nearest")},
    )


def _sounds(
    model: NoteModel, request: Request, wishes: list[Wish], pitches: list[float] | None, seed: int
) -> tuple[list[Timbre], int | None]:
    """Find the sounds, family by family, and the pitch of an imitated recording."""
    from audiokit.models.notes import making as g
    from audiokit.models.notes.notes import Sound as Timbre

    if is_given(request.latent):
        from_file = isinstance(request.latent, str | os.PathLike)
        where = str(request.latent) if from_file else "latent"
        rows = g.read_latents(where) if from_file else g.as_latents(request.latent, where)
        label = (wishes[0].family or "", request.source or "", wishes[0].qualities)
        return [Timbre(model.check_latent(row, where), *label) for row in rows], None
    if is_given(request.like):
        like = str(request.like)
        first = round(pitches[0]) if pitches and not _named(like) else None
        sound, heard = g.read_sound(model, like, pitch=first, seed=seed)
        return g.vary(model, sound, request.count, seed, request.variety), heard
    if request.interpolate:
        ends = [g.read_sound(model, str(one), pitch=None, seed=seed)[0] for one in request.interpolate]
        return g.path_between(ends[0], ends[1], request.steps), None
    return [sound for wish in wishes for sound in g.draw_sounds(model, wish, request.count, seed)], None


def _families(request: Request) -> list[str | None]:
    """Read the families wanted; where the sound is given already there can be one."""
    families: list[str | None] = [*dict.fromkeys(_words(request.family))]
    given = [f"--{name}" for name in _SOURCES if is_given(getattr(request, name))]
    if len(families) > 1 and given:
        raise UsageError(f"--family {request.family} with {given[0]}, which says what the sound is", hint="name one")
    return families or [None]


def _named(path: str) -> bool:
    from audiokit.io.nsynth import named_note

    return named_note(Path(path)) is not None


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip()) if text else ()


def _pitches(wanted: str | float | None) -> list[float] | None:
    """Read pitches as they are typed; a number, from Python, need not be whole."""
    from audiokit.dsp.notes.names import parse_pitches

    if wanted is None:
        return None
    if isinstance(wanted, str):
        return [*parse_pitches(wanted)]
    if not 0 <= wanted <= 127:
        raise ParameterError(f"pitch {wanted:g} is outside 0..127")
    return [int(wanted) if wanted == int(wanted) else float(wanted)]


def _velocities(wanted: str | int | None) -> tuple[int, ...]:
    from audiokit.models.notes.making import check_velocity

    text = "" if wanted is None else str(wanted)
    try:
        values = tuple(dict.fromkeys(int(part) for part in text.split(",") if part.strip()))
    except ValueError:
        raise ParameterError(f"--velocity {text!r}: not a list of numbers", hint="write 100, or 40,80,120") from None
    for value in values:
        check_velocity(value)
    return values
