"""`sing`: speech over a backing becomes a sung vocal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from audiokit.dsp.voice.pitch import PitchTracker, check_tracker
from audiokit.engine.flow import Notes
from audiokit.engine.option import Option
from audiokit.engine.parse import seconds
from audiokit.engine.settings import PITCH, Device, Model, Rate, Seed
from audiokit.engine.sound import Sound, Source
from audiokit.engine.stage import Call, Options, stage
from audiokit.engine.talk import quiet
from audiokit.errors import InputError, UsageError, shown

if TYPE_CHECKING:
    from audiokit.dsp.spectrum.samples import Samples
    from audiokit.stages.sing.levels import Sung
    from audiokit.stages.sing.settings import Singing
    from audiokit.stages.sing.vocal import Given

#: Engines that sing a plan.
_SUNG = ("engine", "world", "both")


def _check(options: Options) -> None:
    """Refuse what cannot be sung, before anything is read."""
    from audiokit.dsp.voice.plan import check_scale
    from audiokit.stages.sing.settings import read_range

    if (options["over"] is None) is not options["reverse"]:
        raise UsageError(
            "--reverse needs no backing" if options["reverse"] else "no backing given",
            hint="sing over one with --over FILE",
        )
    if options["model"] is not None and options["engine"] == "world" and not options["reverse"]:
        raise UsageError("--model is for --engine gan or both, and for --reverse", hint="add one, or leave it out")
    if options["range_"] != "auto":
        read_range(options["range_"])
    check_scale(options["scale"])
    if options["key"] is not None:
        from audiokit.dsp.voice.backing import parse_key

        parse_key(options["key"])
    check_tracker(options["pitch_tracker"])
    if options["plan"] is not None and not _is_folder(options["plan"]):
        from audiokit.io.plan import check_plan_path

        check_plan_path(Path(options["plan"]))
    singing(options)


def _across(call: Call) -> dict[str, Any]:
    """Refuse several speeches that would all write the same mix or plan."""
    from audiokit.engine.batch import expand

    mix, plan = call.options.get("mix"), call.options.get("plan")
    single = [p for p in (mix, plan) if p and not _is_folder(p) and not (p == plan and Path(p).exists())]
    if single and len(expand(call.inputs)) > 1:
        raise UsageError(f"{single[0]}: several vocals cannot share one file", hint="give a folder, ending in /")
    return {"vocal": Path(call.out).stem} if call.out and call.out != "-" and not _is_folder(call.out) else {}


def singing(options: Options) -> Singing:
    """The settings that the options say."""
    from audiokit.stages.sing.settings import Singing, balance_of

    return Singing(
        engine=options["engine"],
        scale=options["scale"],
        range=options["range_"],
        transpose=options["transpose"],
        bpm=options["bpm"],
        key=options["key"],
        start_s=options["start"],
        fit=options["fit"],
        pitch_correction=options["pitch_correction"],
        vibrato_cents=options["vibrato"],
        portamento=options["portamento"],
        formant_db=options["singing_formant"],
        harmony=tuple(options["harmony"] or ()),
        balance_lu=balance_of(options["balance"]),
        quality=options["quality"],
        pitch_tracker=options["pitch_tracker"],
        model=options["model"],
        device=options["device"],
        seed=options["seed"],
    )


@stage(reads=Sound, writes=Sound, check=_check, across=_across)
def sing(
    sound: Sound,
    *,
    over: Annotated[Source | None, Option("The backing to sing over.")] = None,
    mix: Annotated[str | None, Option("Also write vocal and backing together.", metavar="FILE", recorded=False)] = None,
    plan: Annotated[
        str | None,
        Option(
            "A .json or .mid plan: sung if it exists, otherwise written for editing.",
            metavar="FILE",
            reads=True,
            when=_SUNG,
        ),
    ] = None,
    melody: Annotated[
        str,
        Option("Compose a melody for the backing, or sing this one.", metavar="auto|FILE.mid", reads=True, when=_SUNG),
    ] = "auto",
    guide: Annotated[Source | None, Option("A hummed or sung melody to follow.", when=_SUNG)] = None,
    lyrics: Annotated[
        str | None,
        Option("What is said, to find the syllables better.", metavar="TEXT|FILE.txt", reads=True, when=_SUNG),
    ] = None,
    engine: Annotated[
        Literal["world", "gan", "both"], Option("Sing a plan, map spectra with the network, or refine.")
    ] = "world",
    reverse: Annotated[bool, Option("Turn singing into speech (network only).")] = False,
    scale: Annotated[str, Option("Scale: auto, major, minor, blues, dorian, ...", metavar="NAME", when=_SUNG)] = "auto",
    range_: Annotated[
        str,
        Option(
            "Range, such as C3-C4; auto is around the pitch of the speech.",
            metavar="auto|LOW-HIGH",
            flag="--range",
            when=_SUNG,
        ),
    ] = "auto",
    transpose: Annotated[float, Option("Semitones to add to every note.", min=-48, max=48, when=_SUNG)] = 0.0,
    bpm: Annotated[float | None, Option("Tempo of the backing, if known.", min=20, max=400, when=_SUNG)] = None,
    key: Annotated[
        str | None, Option('Key of the backing, if known, such as "A minor".', metavar="KEY", when=_SUNG)
    ] = None,
    start: Annotated[
        float | str, Option("Earliest time of the first note.", metavar="TIME", parse=seconds, min=0, when=_SUNG)
    ] = "0",
    fit: Annotated[
        Literal["phrase", "trim", "loop"],
        Option("When lengths differ: sing the phrases that fit, stop at the end, or repeat the shorter."),
    ] = "phrase",
    pitch_correction: Annotated[
        float, Option("0 keeps the speaker's intonation, 1 sings the melody.", min=0, max=1, when=_SUNG)
    ] = 1.0,
    vibrato: Annotated[float, Option("Depth on held notes, in cents.", min=0, max=200, when=_SUNG)] = 35.0,
    portamento: Annotated[float, Option("Strength of glides between notes.", min=0, max=2, when=_SUNG)] = 1.0,
    singing_formant: Annotated[
        float, Option("Boost around 3 kHz in dB, as trained voices have it.", min=-12, max=12, when=_SUNG)
    ] = 4.0,
    harmony: Annotated[
        list[Literal["third", "fifth", "octave"]] | None, Option("Add a voice above; repeatable.", when=_SUNG)
    ] = None,
    balance: Annotated[
        str, Option("Loudness over the backing; reference: gains of 0.7 and 0.5.", metavar="LU|reference")
    ] = "1",
    quality: Annotated[
        Literal["fast", "best"], Option("best tracks pitch more carefully and takes a little longer.")
    ] = "best",
    pitch_tracker: Annotated[PitchTracker, PITCH._replace(when=_SUNG)] = "world",
    model: Model = None,
    rate: Rate = None,
    device: Device = "auto",
    seed: Seed = 0,
    vocal: Annotated[str | None, Option("Name of the vocal's file.", hidden=True, recorded=False)] = None,
) -> Sound:
    """Turn plain speech into a sung vocal that fits a backing track.

    Tempo, bars, key and chords are heard in the backing (or given with --bpm and --key; without a beat 100 BPM are
    assumed, without a key C major, and both are said). The vocal has the backing's rate and length, so it can be
    mixed with it as it is.

    Examples:
        audiokit sing talk.wav --over band.wav -o vocal.wav --mix song.wav
        audiokit sing talk.wav --over band.wav -o vocal.wav --plan plan.mid      (edit plan.mid, then)
        audiokit sing talk.wav --over band.wav -o vocal.wav --plan plan.mid --force
        audiokit sing talk.wav --over band.wav -o vocal.wav --guide hum.wav --harmony third
        audiokit sing voice.wav --reverse -o speech.wav

    Returns:
        The vocal (1, T); its report has key, tempo, notes and syllables.

    Raises:
        InputError: the speech holds no voice, or the backing is too short.
        ParameterError, UsageError: an option makes no sense.
        ModelError: the model is unknown, or no singer.
        MissingExtraError: the pitch tracker's extra is not installed.

    References:
        Morise, Yokomori and Ozawa (2016), WORLD: a vocoder-based high-quality speech synthesis system.

    >>> import numpy as np
    >>> sing(np.zeros((1, 16000), np.float32), 16000, over=np.zeros((1, 32000), np.float32))
    Traceback (most recent call last):
    audiokit.errors.InputError: audio: no voiced speech found
    """
    options = dict(locals())
    how, notes = singing(options), Notes()
    if reverse:
        from audiokit.stages.sing.network import speak

        y = speak(sound.at(mono=True).at_hand(), sound.rate, how)
        return _plainly(sound, y, sound.rate, notes)
    from audiokit.stages.sing.vocal import sing_over

    assert over is not None
    backing = Sound.open(over).at(rate)
    stem = vocal or ("vocal" if sound.name == "-" else Path(sound.name).stem)
    plan_path, mix_path = _placed(plan, stem, ".json"), _placed(mix, stem, ".wav")
    try:
        given = _given(options, plan_path)
        speech, band = sound.at(mono=True).at_hand(), backing.at_hand()
        sung = sing_over(speech, sound.rate, band, backing.rate, how=how, given=given, tell=_teller(sound))
    except InputError as error:
        raise type(error)(f"{sound.name}: {error}", hint=error.hint) from None
    notes.warnings += sung.warnings
    made = _plainly(sound, sung.vocal, backing.rate, notes)
    _report(sung, notes)
    if mix_path:
        channels, length = sung.backing.shape
        mixed = backing.derive(sung.mixed, channels=channels, length=length)
        notes.report["mix"] = mix_path

        def save_mix(path: Path) -> None:
            mixed.info = replace(mixed.info, history=made.history)  # by now the vocal knows how it was made
            notes.warnings.extend(mixed.save(path, force=True))

        notes.beside[mix_path] = save_mix
    if plan_path and given.plan is None and sung.plan is not None:
        from audiokit.io.plan import write_plan

        notes.report["plan"] = plan_path
        notes.beside[plan_path] = lambda path: write_plan(path, sung.plan, force=True)  # type: ignore[arg-type]
    return made


def _teller(sound: Sound) -> Callable[[str], None] | None:
    """Who says on standard error what will be sung, so that it need not be waited for; nobody where all is quiet."""
    return None if quiet() else lambda text: print(shown(f"audiokit: {sound.name}: {text}"), file=sys.stderr)


def _plainly(sound: Sound, y: Samples, rate: int, notes: Notes) -> Sound:
    """A vocal as a sound of its own: float32 unless asked otherwise, without the speech's tags."""
    from audiokit.dsp.spectrum.samples import blocks_of

    made = sound.derive(lambda: blocks_of(y), rate=rate, channels=y.shape[0], length=y.shape[1], notes=notes)
    made.info = replace(sound.info, subtype="FLOAT", tags={})
    return made


def _report(sung: Sung, notes: Notes) -> None:
    if sung.plan is not None:
        music = sung.plan.music
        notes.report |= {"key": music.key_name, "bpm": round(music.bpm, 2), "notes": len(sung.plan.notes)}
        notes.report["syllables"] = len(sung.plan.syllables)


def _given(options: Options, plan_path: str | None) -> Given:
    from audiokit.stages.sing.vocal import Given

    melody, guide = None, None
    if options["melody"] != "auto":
        from audiokit.io.midi import read_midi

        melody = read_midi(options["melody"])
    if options["guide"] is not None:
        hummed = Sound.open(options["guide"])
        guide = hummed.samples, hummed.rate
    plan = plan_path if plan_path and Path(plan_path).exists() else None
    return Given(_text(options["lyrics"]), melody, guide, plan)


def _placed(path: str | None, stem: str, suffix: str) -> str | None:
    """A path for one vocal: a folder gets the vocal's name."""
    return str(Path(path) / (stem + suffix)) if path is not None and _is_folder(path) else path


def _is_folder(path: str) -> bool:
    return path.endswith(("/", os.sep)) or Path(path).is_dir()


def _text(lyrics: str | None) -> str:
    """Read lyrics from a .txt file, or take them as they are."""
    if lyrics and lyrics.lower().endswith(".txt"):
        try:
            return Path(lyrics).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise InputError(f"{lyrics}: not a text file") from None
    return lyrics or ""
