"""What `generate` makes: notes, a melody or drawn sounds, and what belongs beside them in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiokit.engine.flow import Notes
from audiokit.engine.parts import Parts
from audiokit.engine.sound import Sound
from audiokit.engine.stage import Options
from audiokit.errors import InputError, UsageError
from audiokit.stages.generate.request import NSYNTH_RATE, NSYNTH_S, Request, Wanted, is_given, notes_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiokit.dsp.spectrum.samples import Samples, Wave
    from audiokit.io.midi_format import Score
    from audiokit.models.notes.making import Note

    Array = NDArray[np.float32]

_LATENTS = "latents.npy"
_SHEET_LIMIT = 64
#: Samples of a note that are held; what is longer is made into a temporary file.
_IN_MEMORY = 1 << 20
#: The longest score that is played.
_LONGEST_S = 6 * 3600
#: Options of `generate` that ask for a certain note, or for several in an order.
_WISHES = (
    "pitch", "velocity", "family", "source", "qualities", "instrument", "like", "latent", "interpolate", "midi", "kit",
    "nsynth",
)  # fmt: skip


class Sheet:
    """A picture of all notes, which is drawn when they are made; nothing where none is asked for."""

    def __init__(self, path: Any) -> None:
        self.path = path
        self.pictures: list[tuple[str, Array]] = []

    def add(self, name: str, y: Samples, gain: float, rate: int) -> None:
        """Keep a note (1, T), as long as there is room."""
        if self.path and len(self.pictures) < _SHEET_LIMIT:
            import numpy as np

            from audiokit.dsp.spectrum.samples import whole
            from audiokit.stages.generate.sheet import picture

            self.pictures.append((name, picture(whole(y)[0] * np.float32(gain), rate)))

    def leave(self, notes: Notes) -> None:
        """Let a result leave the picture beside itself."""
        if self.path:
            from audiokit.stages.generate.sheet import draw_sheet

            notes.beside[str(self.path)] = lambda path: draw_sheet(path, self.pictures)


class Making:
    """The notes of a request; each is made when it is asked for.

    Args:
        wanted: the sounds and how notes are made of them.
        options: of `generate`.
    """

    def __init__(self, wanted: Wanted, options: Options) -> None:
        self.wanted, self.options = wanted, options
        self.notes = notes_of(wanted, Request.of(options))
        self.sheet = Sheet(options["sheet"])
        self.places = {note.name: self._place(note) for note in self.notes}
        self._seconds: dict[str, float] = {}

    def result(self) -> Sound | Parts:
        """The only note as a sound, unless it is part of a layout; or all by name."""
        if len(self.notes) > 1 or self.options["kit"] or self.options["nsynth"]:
            return self.parts()
        sound = self.note(self.notes[0])
        sound.as_parts = lambda: self.parts([sound])
        self.sheet.leave(sound.notes)
        return sound

    def parts(self, made: Sequence[Sound] | None = None) -> Parts:
        """All notes, and what tells about them in a folder.

        Args:
            made: the notes, where that is done.
        """

        def items() -> Iterator[tuple[str, Sound]]:
            if made is None:
                self.sheet.pictures.clear()
            sounds = (self.note(note) for note in self.notes) if made is None else iter(made)
            for note, sound in zip(self.notes, sounds, strict=True):
                yield note.name, sound

        parts = Parts.in_turn(items, names=[note.name for note in self.notes])
        parts.called = "notes"
        if self.options["kit"]:
            parts.index, parts.marks = self._write_instruments, [f"{name}.sfz" for name in self._instruments()]
        else:
            from audiokit.io.nsynth import INDEX

            parts.index, parts.marks = self._write_examples, [INDEX]
        if self.options["kit"] or self.options["nsynth"]:
            parts.place = self.places.__getitem__
        self.sheet.leave(parts.notes)
        return parts

    def note(self, note: Note) -> Sound:
        """Make one note."""
        import numpy as np

        from audiokit.dsp.spectrum.samples import peak_of, whole
        from audiokit.models.notes.making import note_blocks, within_full_scale

        sound, settings = self.wanted.sounds[note.sound], self.wanted.settings
        y = _at_hand(
            note_blocks(self.wanted.model, sound, note.pitch, note.velocity, settings, key=note.sound, keep=_kept)
        )
        peak = peak_of(y)
        gain, warnings = within_full_scale(peak)
        if self.options["nsynth"]:
            y, gain = _exactly(whole(y)[0] * np.float32(gain), round(NSYNTH_S * NSYNTH_RATE))[None], 1.0
            peak = peak_of(y)
        self.sheet.add(Path(self.places[note.name]).name, y, gain, settings.rate)
        made = _sound(y, settings.rate, gain=gain, subtype="PCM_16" if self.options["nsynth"] else "PCM_24")
        made.notes.warnings += [*note.warnings, *warnings]
        made.notes.report |= {
            "name": note.name, "pitch": note.pitch, "velocity": note.velocity,
            "family": sound.family, "source": sound.source, "qualities": list(sound.qualities),
            "instrument": sound.instrument, "sound": note.sound,
            "peak_dbfs": round(float(20 * np.log10(max(float(np.float32(peak) * np.float32(gain)), 1e-9))), 2),
            "distortion": settings.distortion, "reverb": settings.reverb, "seed": settings.seed,
            "model": self.wanted.model.name,
        }  # fmt: skip
        self._seconds[note.name] = round(y.shape[1] / settings.rate, 4)
        return made

    def _place(self, note: Note) -> str:
        if self.options["kit"]:
            return f"samples/{self._instruments()[note.sound]}/{round(note.pitch):03d}-{note.velocity:03d}"
        return f"audio/{note.name}" if self.options["nsynth"] else note.name

    def _instruments(self) -> list[str]:
        return [
            f"{sound.instrument or sound.family or 'sound'}_{index:03d}"
            for index, sound in enumerate(self.wanted.sounds)
        ]

    def _write_examples(self, folder: Path, made: list[tuple[str, Notes]], entries: list[dict[str, Any]]) -> None:
        """Write the sounds' latents, and what is known of every note as NSynth says it."""
        from audiokit.io.nsynth import write_examples

        self._write_latents(folder)
        examples = {note.name: self._example(number, note) for number, note in enumerate(self.notes)}
        write_examples(folder, examples)

    def _write_instruments(self, folder: Path, made: list[tuple[str, Notes]], entries: list[dict[str, Any]]) -> None:
        """Write one SFZ instrument per sound, and the sounds' latents."""
        from audiokit.io.sfz import Sample, write_sfz

        release = self.wanted.settings.release_s
        for index, name in enumerate(self._instruments()):
            samples = [
                Sample(f"{self.places[note.name]}.wav", round(note.pitch), note.velocity)
                for note in self.notes
                if note.sound == index
            ]
            write_sfz(
                folder / f"{name}.sfz", samples, release_s=0.3 if release is None else release,
                title=f"{name}, made by audiokit generate", force=True,
            )  # fmt: skip
        self._write_latents(folder)

    def _write_latents(self, folder: Path) -> None:
        """Write the latents (N, D); `--latent` reads them back."""
        import numpy as np

        from audiokit.io.files import atomic_file

        with atomic_file(folder / _LATENTS, force=True) as temporary, open(temporary, "wb") as file:
            np.save(file, np.stack([sound.latent for sound in self.wanted.sounds]))

    def _example(self, number: int, note: Note) -> dict[str, Any]:
        from audiokit.io.nsynth import example

        sound, settings = self.wanted.sounds[note.sound], self.wanted.settings
        effects = [name for name in ("distortion", "reverb") if getattr(settings, name) > 0]
        fields = example(
            note.name,
            instrument=note.name.rsplit("-", 2)[0],
            pitch=round(note.pitch),
            velocity=note.velocity,
            family=sound.family or "synth_lead",
            source=sound.source or "synthetic",
            qualities={*sound.qualities, *effects},
            rate=settings.rate,
            note=number,
            instrument_number=note.sound,
        )
        made = {
            "generated_distortion": settings.distortion, "generated_reverb": settings.reverb,
            "generated_seed": settings.seed, "generated_seconds": self._seconds[note.name],
            "generated_model": self.wanted.model.name, "generated_instrument": sound.instrument,
            "generated_attack": settings.attack_s, "generated_release": settings.release_s,
        }  # fmt: skip
        file = f"{self.places[note.name]}.wav"
        return {**fields, **made, "file": file, "latent": [round(float(v), 5) for v in sound.latent]}


def _at_hand(blocks: Iterable[Array]) -> Samples:
    """Keep the blocks (n,) of a sound, where it is long in a temporary file: (1, T)."""
    from audiokit.engine.spool import at_hand

    return at_hand((block[None] for block in blocks), channels=1, most=_IN_MEMORY)


def _kept(blocks: Iterable[Array]) -> Wave:
    """The same as a wave (T,)."""
    from audiokit.dsp.spectrum.samples import Line

    return Line(_at_hand(blocks))


def melody(wanted: Wanted, options: Options) -> Sound:
    """Play a score with one sound.

    Raises:
        UsageError: there are several.
        InputError: the score cannot be read, or holds nothing to play.
    """
    from audiokit.dsp.spectrum.samples import peak_of
    from audiokit.io.midi import read_midi
    from audiokit.models.notes.making import within_full_scale
    from audiokit.models.notes.playing import play

    if len(wanted.sounds) > 1:
        raise UsageError(
            "a melody is played with one sound", hint="drop --count and --interpolate, and name one family"
        )
    score = read_midi(options["midi"])
    _check_playable(score, str(options["midi"]))
    blocks, warnings = play(wanted.model, wanted.sounds[0], score, wanted.settings, keep=_kept)
    y = _at_hand(blocks)
    gain, loud = within_full_scale(peak_of(y))
    made = _sound(y, wanted.settings.rate, gain=gain)
    made.notes.warnings += [*score.warnings, *warnings, *loud]
    sound, name = wanted.sounds[0], str(options["midi"])
    made.notes.report |= {
        "name": name, "notes": len(score.notes), "family": sound.family, "instrument": sound.instrument,
        "seed": wanted.settings.seed, "model": wanted.model.name,
    }  # fmt: skip
    sheet = Sheet(options["sheet"])
    sheet.add(Path(name).stem, y, gain, wanted.settings.rate)
    sheet.leave(made.notes)
    return made


def _check_playable(score: Score, name: str) -> None:
    """Refuse a score without notes, or one that ends so late that a time in it must be wrong (InputError)."""
    ends = [note.end_s for note in score.notes if note.channel != 9]
    if not ends:
        raise InputError(f"{name}: holds no notes to play (percussion is left out)")
    if max(ends) > _LONGEST_S:
        raise InputError(
            f"{name}: lasts {max(ends) / 3600:.1f} hours; {_LONGEST_S // 3600} are played at most",
            hint="look for a note far behind the others",
        )


def refuse_wishes(options: Options) -> None:
    """Refuse wishes to a model that takes none (UsageError)."""
    wishes = [name for name in _WISHES if is_given(options[name]) and options[name] is not False]
    if wishes:
        raise UsageError(
            f"{options['model']}: draws sounds by itself; --{wishes[0]} means nothing to it",
            hint="ask for --count and --seed",
        )


def drawn(options: Options) -> Sound | Parts:
    """Draw sounds out of noise with a model that takes no wishes (UsageError: there are some)."""
    from audiokit.models.style.drawing import drawing

    refuse_wishes(options)
    draw, rate = drawing(options["model"], seed=options["seed"], device=options["device"])
    sheet = Sheet(options["sheet"])
    names = [f"{number:03d}" for number in range(options["count"])]

    def sound(number: int) -> Sound:
        y = draw(number)[:1]
        sheet.add(names[number], y, 1.0, rate)
        made = _sound(y, rate)
        made.notes.report |= {"name": names[number], "seed": options["seed"], "model": str(options["model"])}
        return made

    def parts(sounds: Callable[[], Iterator[Sound]]) -> Parts:
        made = Parts.in_turn(lambda: zip(names, sounds(), strict=True), names=names)
        made.marks = ()
        sheet.leave(made.notes)
        return made

    if len(names) > 1:
        return parts(lambda: map(sound, range(len(names))))
    only = sound(0)
    only.as_parts = lambda: parts(lambda: iter([only]))
    sheet.leave(only.notes)
    return only


def _sound(y: Samples, rate: int, *, gain: float = 1.0, subtype: str = "PCM_24") -> Sound:
    """Audio (1, T) times a gain, never over full scale; 24 bits unless a file is asked for that has others."""

    def blocks() -> Iterator[Array]:
        import numpy as np

        from audiokit.dsp.spectrum.samples import blocks_of

        return (block * np.float32(gain) for block in blocks_of(y))

    made = Sound(rate, 1, blocks, length=y.shape[1], replays=True)
    made.info = replace(made.info, subtype=subtype)
    made.within_full_scale = True
    return made


def _exactly(y: Array, n: int) -> Array:
    """Make a note n samples long, and fade what is cut."""
    import numpy as np

    y = np.pad(y, (0, max(0, n - len(y))))[:n].copy()
    y[-160:] *= np.linspace(1, 0, 160, dtype=np.float32)
    return y
