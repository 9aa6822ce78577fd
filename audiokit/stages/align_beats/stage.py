"""`align-beats`: warp one track onto the beats of another, or onto a tempo, pitch kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from audiokit.engine.flow import Notes
from audiokit.engine.option import Option
from audiokit.engine.settings import Device
from audiokit.engine.sound import Sound, Source
from audiokit.engine.stage import Call, Options, stage
from audiokit.errors import UsageError

if TYPE_CHECKING:
    from audiokit.dsp.spectrum.samples import Samples
    from audiokit.stages.align_beats.plan import Alignment, Plan, Reference
    from audiokit.stages.align_beats.show import Extras


def _has_goal(options: Options) -> bool:
    return any(options[name] is not None for name in ("to", "bpm", "beats"))


def _is_tempo(named: Any) -> bool:
    """Whether a name is a number, and of no file."""
    try:
        return isinstance(named, str) and float(named) > 0 and not os.path.exists(named)
    except ValueError:
        return False


def _check(options: Options) -> None:
    """Refuse goals that exclude each other, and options without what they need."""
    goals = [name for name in ("to", "bpm", "beats") if options[name] is not None]
    if len(goals) > 1:
        raise UsageError("--to, --bpm and --beats are three ways to say the same thing: choose one")
    if options["to"] is not None and _is_tempo(options["to"]):
        raise UsageError(f"--to {options['to']}: no such file", hint=f"a tempo is --bpm {options['to']}")
    needs_reference = options["tempo"] == "mean" or options["key"] == "match" or options["reference_out"]
    if needs_reference and options["to"] is None:
        raise UsageError("--tempo mean, --key match and --reference-out need --to REFERENCE")


def _chained(options: Options, first: bool) -> None:
    """Refuse to print beats in the middle of a chain."""
    if not _has_goal(options):
        raise UsageError("nothing to align to", hint="add --to REFERENCE, --bpm 120 or --beats beats.txt")


def _only_beats(call: Call) -> bool:
    """Print the beats where there is nothing to align to."""
    options = align_beats.bind(call.options)
    if _has_goal(options):
        return False
    if call.out is not None:
        raise UsageError("nothing to align to", hint="add --to REFERENCE, --bpm 120 or --beats beats.txt")
    from audiokit.stages.align_beats.show import print_beats

    print_beats(call.inputs, _how(options), _extras(options), as_objects=call.batch.json, force=call.batch.force)
    return True


def _across(call: Call) -> Mapping[str, Any]:
    """Hear the reference once, and plan stems of one song together."""
    from audiokit.engine.batch import expand
    from audiokit.stages.align_beats.plan import are_stems, plan_together, read_reference
    from audiokit.stages.align_beats.show import check_extras

    options = align_beats.bind(call.options)
    files = [source for source, _ in expand(call.inputs)]
    together = options["together"]
    stems = are_stems(call.inputs) if together is None else together and len(files) > 1
    if not stems:
        check_extras(_extras(options), len(files))
    how = _how(options)
    reference = read_reference(how, _opened(options["to"]), options["beats"])
    if not stems:
        return {"reference": reference}
    plan = plan_together(files, how, reference, _opened(options["beats_from"]))
    return {"reference": reference, "plan": plan, "stems": files}


def _opened(source: Any) -> Sound | None:
    return None if source is None else Sound.open(source)


def _how(options: Options) -> Alignment:
    from audiokit.stages.align_beats.plan import Alignment

    names = ("bpm", "track_bpm", "tempo", "key", "fit", "tracker", "device")
    return Alignment(**{name: options[name] for name in names})


def _extras(options: Options) -> Extras:
    from audiokit.stages.align_beats.show import Extras

    return Extras(options["beats_out"], options["click"], options["picture"], options["reference_out"])


@stage(reads=Sound, writes=Sound, check=_check, chained=_chained, instead=_only_beats, across=_across)
def align_beats(
    sound: Sound,
    *,
    to: Annotated[Source | None, Option("The track whose beats to reach.", metavar="REFERENCE")] = None,
    bpm: Annotated[float | None, Option("A steady tempo to reach instead.", min=20, max=400)] = None,
    beats: Annotated[
        str | None, Option("A list of beats to reach instead (text or JSON).", metavar="FILE", reads=True)
    ] = None,
    beats_from: Annotated[
        Source | None, Option("Find the track's beats in this mix: vocals alone have none.", metavar="MIX")
    ] = None,
    track_bpm: Annotated[float | None, Option("The track's tempo, about, when it is known.", min=20, max=400)] = None,
    tempo: Annotated[
        Literal["match", "mean"], Option("mean: both meet at the geometric mean of their tempi.")
    ] = "match",
    key: Annotated[
        Literal["keep", "match"], Option("match: shift by the nearest semitones to the reference's key.")
    ] = "keep",
    fit: Annotated[
        Literal["trim", "all"], Option("trim: what both have in common; all: everything of the track.")
    ] = "trim",
    together: Annotated[
        bool | None,
        Option("Stems of one song share beats and warp (default: if all have one length).", flag="--together/--each"),
    ] = None,
    beats_out: Annotated[
        str | None, Option("Write the beats of the result, .txt or .json.", metavar="FILE", recorded=False)
    ] = None,
    click: Annotated[
        str | None, Option("Write clicks on the beats of the result.", metavar="FILE", recorded=False)
    ] = None,
    picture: Annotated[str | None, Option("Draw the beat grids, .png.", metavar="FILE", recorded=False)] = None,
    reference_out: Annotated[
        str | None,
        Option("Write the reference too, as moved by --tempo mean.", metavar="FILE", recorded=False),
    ] = None,
    tracker: Annotated[
        Literal["audiokit", "librosa", "beat-this"], Option("beat-this needs the extra 'beats'.")
    ] = "audiokit",
    device: Device = "auto",
    reference: Annotated[Any, Option("What was heard in the reference.", hidden=True, recorded=False)] = None,
    plan: Annotated[Any, Option("What goes where, for all stems.", hidden=True, recorded=False)] = None,
    stems: Annotated[list[str] | None, Option("The stems of one song.", hidden=True, recorded=False)] = None,
) -> Sound:
    """Warp a track onto the beats of another, or onto a tempo; or find its beats.

    The pitch stays. With nothing to align to, the beats are printed: time in seconds and place in the bar.

    Examples:
        audiokit align-beats song.wav --to reference.wav -o aligned.wav
        audiokit align-beats vocals.wav drums.wav --beats-from mix.wav --to reference.wav -o aligned/
        audiokit align-beats loops/ --bpm 120 -o loops-120/ --each
        audiokit align-beats song.wav --beats-out beats.txt --click click.wav --picture grid.png

    Returns:
        The track on its new beats, at the reference's rate; its report has tempi, speed and confidence.

    Raises:
        UsageError: nothing to align to, or goals that exclude each other.
        InputError: no beats are found.
        MissingExtraError, ModelError: beat-this, or its weights, are not here.

    >>> import numpy as np
    >>> clicks = np.zeros((1, 8 * 8000), np.float32)
    >>> clicks[0, :: 8000 // 2] = 1
    >>> align_beats(clicks, 8000, bpm=100.0, fit="all").shape[1] / 8000 > 9
    True
    """
    from audiokit.stages.align_beats.plan import at_rate, make_plan, read_reference
    from audiokit.stages.align_beats.show import Aligned, files_of, stem_of

    options = dict(locals())
    if not _has_goal(options):
        raise UsageError("nothing to align to", hint="add --to REFERENCE, --bpm 120 or --beats beats.txt")
    how, track = _how(options), _opened(to)
    heard: Reference = reference or read_reference(how, track, beats)
    y = sound.at_hand()
    decided: Plan | None = plan
    if decided is None:
        guide = _opened(beats_from) or sound
        samples = y if guide is sound else guide.at_hand()
        decided = make_plan(samples, guide.rate, y.shape[1] / sound.rate, how, heard, guide.name)
        if heard.rate is None and decided.rate != sound.rate:
            decided = at_rate(decided, sound.rate)
    notes = Notes(report={k: v for k, v in decided.report.items() if k != "warnings"})
    notes.warnings += decided.report["warnings"]
    # The joins of stems were placed on their sum.
    result = _played(sound, y, decided, notes, place=plan is None)
    if stems is None:
        shown = Aligned(decided, y, sound.rate, result, track)
        notes.beside |= files_of(_extras(options), shown, stem=stem_of(sound.name))
    elif sound.name == stems[0]:
        notes.beside |= _of_all(stems, decided, options)
    return result


def _played(sound: Sound, y: Samples, plan: Plan, notes: Notes, *, place: bool) -> Sound:
    """A sound, whose samples are (C, T), along a plan: one stretch of it at a time is made."""
    from functools import partial

    from audiokit.dsp.rhythm.playing import play, samples_of
    from audiokit.stages.align_beats.plan import resampled

    take = partial(samples_of, resampled(y, sound.rate, plan.rate))
    pieces = partial(play, take, plan.rate, plan.stretches, plan.semitones, place=place)
    length = plan.stretches[-1].stop
    return sound.derive(lambda: (piece for piece, _ in pieces()), rate=plan.rate, length=length, notes=notes)


def _of_all(stems: list[str], plan: Plan, options: Options) -> dict[str, Any]:
    """The files that show the sum of all stems."""
    from audiokit.dsp.spectrum.samples import blocks_of
    from audiokit.stages.align_beats.plan import sum_of
    from audiokit.stages.align_beats.show import Aligned, files_of, stem_of

    extras = _extras(options)
    if not any((extras.beats_out, extras.click, extras.picture, extras.reference_out)):
        return {}
    total, rate = sum_of(stems)
    whole = Sound(rate, total.shape[0], lambda: blocks_of(total), length=total.shape[1])
    result = _played(whole, total, plan, Notes(), place=False)
    shown = Aligned(plan, total, rate, result, _opened(options["to"]))
    return dict(files_of(extras, shown, stem=stem_of(stems[0])))
