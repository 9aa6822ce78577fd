"""`normalize`: bring audio to a loudness, or only measure it, in passes that never hold a whole recording."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from audiokit.engine.flow import Notes
from audiokit.engine.option import Option
from audiokit.engine.sound import Sound, Source
from audiokit.engine.stage import Call, Options, stage
from audiokit.errors import AudiokitError, InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiokit.dsp.loudness.aim import Aim, Plan
    from audiokit.dsp.loudness.loudness import Meter
    from audiokit.dsp.loudness.match import Reference
    from audiokit.engine.batch import Job

Mode = Literal["loudness", "peak", "rms", "match"]


def _check(options: Options) -> None:
    """Refuse options that exclude each other."""
    aim = _aim(options)
    if (aim.mode == "match" or aim.match_spectrum) and options["reference"] is None:
        raise UsageError("there is nothing to match", hint="add --reference FILE")
    if options["reference"] is not None and options["mode"] in ("peak", "rms"):
        raise UsageError(f"--reference matches loudness, not --mode {options['mode']}", hint="leave one of them out")
    if aim.to is not None and aim.mode == "match" and not (aim.match_spectrum or aim.per_frame):
        raise UsageError(
            "--to and --reference both say how loud it shall be",
            hint="leave one of them out; with --spectrum or --per-frame they go together",
        )
    if options["album"] and (aim.mode == "match" or aim.per_frame or aim.range_lu is not None):
        raise UsageError("--album takes files and one gain: not -, --reference, --per-frame or --range")


def _aim(options: Options) -> Aim:
    from audiokit.dsp.loudness.aim import Aim

    return Aim(
        mode="match" if options["reference"] is not None else options["mode"],
        to=options["to"],
        peak_dbtp=options["peak"],
        limit=options["limiter"],
        lower_only=options["lower_only"],
        range_lu=options["range_"],
        per_frame=options["per_frame"],
        match_spectrum=options["spectrum"],
        gain_db=options["gain_db"],
        dual_mono=options["dual_mono"],
    )


def _across(call: Call) -> Mapping[str, Any]:
    """Hear the reference once for all inputs, and an album as a whole."""
    from audiokit.engine.batch import expand

    options = normalize.bind(call.options)
    found: dict[str, Any] = {}
    if options["reference"] is not None:
        found["heard"] = _listen(Sound.open(options["reference"]), dual_mono=options["dual_mono"])
    if options["album"]:
        if "-" in call.inputs:
            raise UsageError("--album takes files and one gain: not -, --reference, --per-frame or --range")
        sources = [source for source, _ in expand(call.inputs)]
        gain_db, level, failed = album_gain(sources, _aim(options))
        found["gain_db"] = gain_db
        if not call.batch.quiet:
            without = f" (without {failed} of {len(sources)} files, which cannot be read)" if failed else ""
            print(f"album: {level:.1f}, gain {gain_db:+.1f} dB{without}", file=sys.stderr)
    return found


def _only_measure(call: Call) -> bool:
    """Print what the meter reads of every input, for `--measure`."""
    import json

    from audiokit.engine.batch import survey
    from audiokit.engine.progress import print_warnings

    if not call.options.get("measure"):
        return False
    if call.out is not None:
        raise UsageError("--measure writes nothing, so it takes no --out", hint="leave out one of the two")
    dual_mono = bool(call.options.get("dual_mono"))

    def show(report: dict[str, Any]) -> None:
        print(json.dumps(report), flush=True)
        if not call.batch.quiet:
            print_warnings(report["input"], report)

    survey(_Measure(dual_mono), call.inputs, show, batch=call.batch)
    return True


class _Measure:
    """Measure one file: a task of the batch."""

    def __init__(self, dual_mono: bool) -> None:
        self.dual_mono = dual_mono

    def __call__(self, job: Job) -> dict[str, Any]:
        sound = Sound.open(job.source)
        reading = _meter(sound, self.dual_mono).result().as_dict()
        return {"rate": sound.rate, "channels": sound.channels, **reading}


def _chained(options: Options, first: bool) -> None:
    """Refuse in a chain what writes nothing, and an album that does not lie in files."""
    if options["measure"]:
        raise UsageError("--measure writes nothing that could flow on", hint="audiokit normalize INPUT... --measure")
    if options["album"] and not first:
        raise UsageError("--album takes files, so it can only begin a chain")


@stage(reads=Sound, writes=Sound, check=_check, chained=_chained, across=_across, instead=_only_measure, twice=True)
def normalize(
    sound: Sound,
    *,
    to: Annotated[
        float | None,
        Option("Level to reach: -14 (LUFS), for --mode peak -1 (dBTP), for --mode rms -20 (dBFS).", min=-100, max=0),
    ] = None,
    mode: Annotated[
        Mode,
        Option("Integrated loudness (BS.1770-4), true peak, root mean square, or the loudness of --reference."),
    ] = "loudness",
    peak: Annotated[float, Option("Highest true peak allowed, in dBTP.", min=-60, max=0)] = -1.0,
    limiter: Annotated[
        bool,
        Option("Hold the peaks by a limiter, or stay as quiet as they demand.", flag="--limiter/--no-limiter"),
    ] = True,
    reference: Annotated[Source | None, Option("The recording to match (implies --mode match).")] = None,
    spectrum: Annotated[bool, Option("Match the reference's tonal balance too.")] = False,
    per_frame: Annotated[bool, Option("Follow the level of the reference (or --to) along time, smoothly.")] = False,
    album: Annotated[bool, Option("One gain for all inputs, so that they keep apart.")] = False,
    range_: Annotated[
        float | None, Option("Bring the loudness range (LRA) down to this, in LU.", flag="--range", min=0.5)
    ] = None,
    lower_only: Annotated[bool, Option("Never turn anything up.")] = False,
    dual_mono: Annotated[bool, Option("Mono will be heard from two loudspeakers: count it 3 dB louder.")] = False,
    measure: Annotated[bool, Option("Only measure, and print JSON.")] = False,
    gain_db: Annotated[float | None, Option("The gain of an album.", hidden=True)] = None,
    heard: Annotated[Any, Option("What was heard in the reference.", hidden=True, recorded=False)] = None,
) -> Sound:
    """Bring audio to a loudness, or only measure it.

    The result lies within 0.1 LU of --to, with true peaks under --peak. Rate, channels, length, bit depth and tags
    stay. Silence stays silence.

    Examples:
        audiokit normalize song.wav -o louder.wav --to -14 --peak -1
        audiokit normalize album/ -o mastered/ --album --jobs 2
        audiokit normalize vocals.wav -o matched.wav --reference band.wav
        audiokit normalize songs/ --measure

    Returns:
        The sound at its new level; its report has the meter readings before and after, in LUFS, LU and dBTP.

    Raises:
        ParameterError: a level or range that makes no sense.
        UsageError: options that exclude each other, or nothing to match.
        InputError: the reference is silent.

    References:
        ITU-R BS.1770-4 (loudness and true peak), EBU Tech 3342 (loudness range).

    >>> import numpy as np
    >>> tone = 0.1 * np.sin(np.arange(48_000, dtype=np.float32) * 0.13)[None]
    >>> louder = normalize(tone, 48_000, to=-14.0)
    >>> louder.shape, bool(np.abs(louder).max() > 0.2)
    ((1, 48000), True)
    """
    from audiokit.dsp.loudness.mastering import plan_level, render

    options = {**locals()}
    aim = _aim(options)
    source = sound.replay()
    if heard is None and reference is not None:
        heard = _listen(Sound.open(reference), dual_mono=dual_mono)
    notes = Notes()
    if measure:
        notes.report |= _meter(source, dual_mono).result().as_dict()
        return source.derive(source.blocks, notes=notes)
    plan = plan_level(source.blocks, sound.rate, sound.channels, aim, heard)
    notes.report |= _report(plan)
    notes.warnings += plan.warnings

    def blocks() -> Iterator[NDArray[np.float32]]:
        return render(plan, source.blocks(), sound.rate, sound.channels)

    made = source.derive(blocks, notes=notes)
    # A sample may exceed full scale only where nothing was done to a file that does already.
    made.within_full_scale = plan.after is not None and plan.after.sample_peak_dbfs <= 0
    return made


def _report(plan: Plan) -> dict[str, Any]:
    assert plan.before is not None and plan.after is not None
    curve = plan.curve_db
    return {
        "gain_db": round(plan.gain_db, 3),
        "gain_moves_db": round(float(curve.max() - curve.min()), 2) if curve is not None else 0,
        "reduction_db": round(plan.reduction_db, 2),
        "limited_s": round(plan.limited_s, 2),
        "before": plan.before.as_dict(),
        "after": plan.after.as_dict(),
    }


def _meter(sound: Sound, dual_mono: bool) -> Meter:
    from audiokit.dsp.loudness.loudness import Meter

    meter = Meter(sound.rate, sound.channels, dual_mono=dual_mono)
    for block in sound.blocks():
        meter.process(block)
    return meter


def _listen(sound: Sound, *, dual_mono: bool) -> Reference:
    """Hear the recording to match (InputError if it is silent)."""
    from audiokit.dsp.loudness.match import listen

    reference = listen(sound.blocks(), sound.rate, sound.channels, dual_mono=dual_mono)
    if reference.loudness.as_dict()["integrated_lufs"] is None:
        raise InputError(f"{sound.name}: is silent, so nothing can match it", hint="give a --reference with sound")
    return reference


def album_gain(sources: Sequence[Source], aim: Aim) -> tuple[float, float, int]:
    """Measure recordings as one album.

    Args:
        sources: the recordings, in order.
        aim: level to reach, in the mode loudness, peak or rms.

    Returns:
        The gain (dB) that brings the album there, the album's level before, and how many cannot be read: the album is
        what is left, as the batch goes on with the others too.

    Raises:
        InputError: all of them are silent.
        AudiokitError: none can be read; what is wrong with the first.
    """
    import numpy as np

    from audiokit.dsp.loudness.loudness import integrate
    from audiokit.dsp.loudness.mastering import DEFAULT_TO

    powers, peaks, squares, seconds = [], [], 0.0, 0.0
    failures: list[AudiokitError] = []
    for source in sources:
        try:
            meter = _meter(Sound.open(source), aim.dual_mono)
        except AudiokitError as error:
            failures.append(error)
            continue
        reading = meter.result()
        powers.append(meter.gating_powers)
        peaks.append(reading.true_peak_dbtp)
        squares += reading.seconds * 10 ** (reading.rms_dbfs / 10)
        seconds += reading.seconds
    if failures and not peaks:
        raise failures[0]
    if aim.mode == "peak":
        level = max(peaks)
    elif aim.mode == "rms":
        level = 10 * math.log10(squares / seconds) if squares else -math.inf
    else:
        level = integrate(np.concatenate(powers))
    if not math.isfinite(level):
        raise InputError("the album is silent", hint="check the folder")
    to = DEFAULT_TO[aim.mode] if aim.to is None else aim.to
    return to - level, level, len(failures)
