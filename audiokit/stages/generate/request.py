"""The command line's side of `generate`: words to a request, a request to files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audiokit.dsp.notes.names import parse_pitches
from audiokit.engine.progress import Progress
from audiokit.errors import ParameterError, UsageError
from audiokit.io.audio import history_entry
from audiokit.io.files import check_free
from audiokit.models.notes import making as g
from audiokit.models.notes.notes import NoteModel, Sound, Wish, load
from audiokit.models.style.drawing import draw, draws
from audiokit.stages.generate.output import AUDIO, Output, write_folder, write_kit, write_one

_KIT_VELOCITIES = (40, 80, 120)
#: Options of `generate` that ask for a certain note.
_WISHES = ("pitch", "velocity", "family", "source", "qualities", "instrument", "like", "latent", "interpolate")


@dataclass(frozen=True)
class Request:
    """What was typed about the sound and its notes; see `audiokit generate --help`."""

    pitch: str | None = None
    velocity: str = ""
    family: str | None = None
    source: str | None = None
    qualities: str | None = None
    instrument: str | None = None
    count: int = 1
    variety: float = 1.0
    like: str | None = None
    latent: str | None = None
    interpolate: tuple[str, str] | None = None
    steps: int = 8


@dataclass(frozen=True)
class Form:
    """What kind of output is asked for.

    Attributes:
        out: file, folder or "-".
        midi: a score to play.
        kit, nsynth: a sampler instrument, or NSynth's layout.
        sheet: where all notes are drawn.
        subtype: encoding of the files.
        force, as_json, quiet: as for every command.
    """

    out: str | None
    midi: str | None = None
    kit: bool = False
    nsynth: bool = False
    sheet: str | None = None
    subtype: str | None = None
    force: bool = False
    as_json: bool = False
    quiet: bool = False

    @property
    def kind(self) -> str:
        """Tell which kind of output it is: file, folder, kit or melody (UsageError if that makes no sense)."""
        return _form(self.out, midi=self.midi, kit=self.kit, nsynth=self.nsynth, as_json=self.as_json)


@dataclass(frozen=True)
class Wanted:
    """Everything that is known before the first note is made."""

    model: NoteModel
    sounds: list[Sound]
    notes: list[g.Note]
    settings: g.NoteSettings


def run(request: Request, settings: dict[str, Any], form: Form, *, model: str = "notes", device: str = "auto") -> None:
    """Do one `audiokit generate`: check everything, then write.

    Raises:
        UsageError: options that do not go together, or no output.
        ParameterError, InputError, ModelError: from what they name.
    """
    kind, out = form.kind, str(form.out)
    require_one_source(request)
    if form.sheet:
        check_free(form.sheet, force=form.force)
    if kind in ("file", "melody") and out != "-":
        check_free(out, force=form.force)
    talk = {"quiet": form.quiet, "data_on_stdout": form.as_json or out == "-"}
    if draws(model):
        history = [history_entry("generate", {"count": request.count, "model": model}, settings["seed"])]
        output = Output(history, form.force, form.as_json, form.subtype, form.sheet)
        with Progress(request.count, **talk) as output.progress:
            write_drawn(request, model, settings, kind, out, output, device=device)
        output.draw_sheet()
        return
    typed = {key: value for key, value in vars(request).items() if value not in (None, "")}
    history = [history_entry("generate", {**typed, **settings, "model": model}, settings["seed"])]
    output = Output(history, form.force, form.as_json, form.subtype, form.sheet)
    wanted = want(request, settings, model=model, device=device, kit=form.kit)
    if kind == "melody":
        _melody(wanted.model, wanted.sounds, str(form.midi), wanted.settings, out, output, quiet=form.quiet)
        return
    parts = (wanted.model, wanted.sounds, wanted.notes, wanted.settings, out, output)
    with Progress(len(wanted.notes), **talk) as progress:
        output.progress = progress
        if kind == "kit":
            write_kit(*parts)
        elif kind == "folder":
            write_folder(*parts, nsynth=form.nsynth)
        else:
            write_one(*parts)
    output.draw_sheet()


def want(
    request: Request, settings: dict[str, Any], *, model: str = "notes", device: str = "auto", kit: bool = False
) -> Wanted:
    """Find the sounds and the notes that a request means.

    Raises:
        ParameterError, InputError, ModelError: from what it names.
    """
    wish = Wish(request.family, request.source, _words(request.qualities), request.instrument, request.variety)
    loaded = load(model, device=device)
    # One melody note may be long; NSynth's notes are all alike.
    lasting = {**settings, "seconds": 4.0 if settings["seconds"] is None else settings["seconds"]}
    chosen, wish = g.with_qualities(g.NoteSettings(**lasting), wish)
    pitches = parse_pitches(request.pitch) if request.pitch is not None else None
    if pitches:
        wish = replace(wish, span=(min(pitches), max(pitches)))
    sounds, heard = _sounds(loaded, request, wish, pitches, chosen.seed)
    velocities = _velocities(request.velocity) or (_KIT_VELOCITIES if kit else (100,))
    if pitches is None:
        whole = list(range(loaded.low, loaded.high + 1, 3))
        pitches = whole if kit and loaded.has_pitch else [heard if heard is not None else 60]
    return Wanted(loaded, sounds, g.plan(loaded, sounds, pitches, velocities, nearest=chosen.nearest), chosen)


def require_one_source(request: Request) -> None:
    """Refuse options that each say what the sound is, when more than one is given (UsageError)."""
    named = [f"--{name}" for name in ("like", "latent", "interpolate", "instrument") if getattr(request, name)]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} both say what the sound is", hint="give one of them")


def _form(out: str | None, *, midi: str | None, kit: bool, nsynth: bool, as_json: bool) -> str:
    """Tell which kind of output is asked for: file, folder, kit or melody."""
    if out is None:
        raise UsageError("no output was given", hint="-o note.wav for one note, -o notes/ for many, -o - for a pipe")
    if as_json and out == "-":
        raise UsageError("--json and -o - both want standard output", hint="write the result to a file")
    if sum(map(bool, (midi, kit, nsynth))) > 1:
        raise UsageError("--midi, --kit and --nsynth are three kinds of output", hint="give one of them")
    is_file = out == "-" or (Path(out).suffix.lower() in AUDIO and not Path(out).is_dir() and not out.endswith("/"))
    if midi:
        if not is_file:
            raise UsageError(f"-o {out}: a melody is one file", hint="name it, such as -o song.wav")
        return "melody"
    if kit or nsynth:
        if is_file:
            raise UsageError(f"-o {out}: {'a kit' if kit else 'a set'} is a folder", hint="name one, such as -o kit/")
        return "kit" if kit else "folder"
    return "file" if is_file else "folder"


def _sounds(
    model: NoteModel, request: Request, wish: Wish, pitches: list[int] | None, seed: int
) -> tuple[list[Sound], int | None]:
    """Find the sounds, and the pitch of an imitated recording."""
    first = pitches[0] if pitches else None
    if request.latent:
        rows = g.read_latents(request.latent)
        label = (request.family or "", request.source or "", wish.qualities)
        return [Sound(model.check_latent(row, request.latent), *label) for row in rows], None
    if request.like:
        sound, heard = g.read_sound(model, request.like, pitch=None if _named(request.like) else first, seed=seed)
        return g.vary(model, sound, request.count, seed, request.variety), heard
    if request.interpolate:
        ends = [g.read_sound(model, one, pitch=None, seed=seed)[0] for one in request.interpolate]
        return g.path_between(ends[0], ends[1], request.steps), None
    return g.draw_sounds(model, wish, request.count, seed), None


def _named(path: str) -> bool:
    from audiokit.io.nsynth import named_note

    return named_note(Path(path)) is not None


def _melody(
    model: NoteModel, sounds: list[Sound], midi: str, settings: g.NoteSettings, out: str, output: Output, *, quiet: bool
) -> None:
    from audiokit.io.midi import read_midi

    if len(sounds) > 1:
        raise UsageError("a melody is played with one sound", hint="drop --count and --interpolate")
    score = read_midi(midi)
    y, warnings = g.play(model, sounds[0], score, settings)
    warnings = [*score.warnings, *warnings, *output.write_audio(out, y, settings.rate)]
    output.draw_sheet()
    record = {
        "name": midi, "output": out, "notes": len(score.notes), "seconds": round(len(y) / settings.rate, 4),
        "rate": settings.rate, "family": sounds[0].family, "instrument": sounds[0].instrument,
        "seed": settings.seed, "model": model.name, "warnings": warnings,
    }  # fmt: skip
    with Progress(1, quiet=quiet, data_on_stdout=output.as_json or out == "-") as progress:
        output.progress = progress
        output.tell(record)


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip()) if text else ()


def _velocities(text: str) -> tuple[int, ...]:
    try:
        values = tuple(dict.fromkeys(int(part) for part in text.split(",") if part.strip()))
    except ValueError:
        raise ParameterError(f"--velocity {text!r}: not a list of numbers", hint="write 100, or 40,80,120") from None
    for value in values:
        g.check_velocity(value)
    return values


def write_drawn(
    request: Request, model: str, settings: dict[str, Any], form: str, out: str, output: Output, *, device: str
) -> None:
    """Write drawn sounds to a file or a folder.

    Raises:
        UsageError: a wish that such a model cannot fulfil, or several sounds for one file.
    """
    wishes = [name for name in _WISHES if getattr(request, name) not in (None, "")]
    if wishes or form not in ("file", "folder"):
        what = f"--{wishes[0]}" if wishes else f"--{form}"
        raise UsageError(
            f"{model}: draws sounds by itself; {what} means nothing to it", hint="ask for --count and --seed"
        )
    if form == "file" and request.count > 1:
        raise UsageError(f"{request.count} sounds do not fit into the one file {out}", hint="give a folder: -o drawn/")
    sounds, rate = draw(model, count=request.count, seed=settings["seed"], device=device)
    for n, y in enumerate(sounds):
        target = out if form == "file" else str(Path(out) / f"{n:03d}.wav")
        warnings = output.write_audio(target, y[0], rate)
        record = {"name": f"{n:03d}", "output": target, "seconds": round(y.shape[1] / rate, 4), "rate": rate}
        output.tell({**record, "seed": settings["seed"], "model": model, "warnings": warnings})
