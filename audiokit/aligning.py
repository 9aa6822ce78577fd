"""What `align-beats` does with files: find beats, decide what goes where, warp, and show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiokit.beat_output import Extras, check_extras, stem_of, write_extras
from audiokit.engine.batch import Job
from audiokit.errors import AudiokitError, InputError, MissingExtraError, ModelError, ParameterError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from audiokit.dsp.rhythm.beats import Beats
    from audiokit.dsp.rhythm.key import Key
    from audiokit.dsp.rhythm.warp import Stretch, TimeMap
    from audiokit.engine.options import BatchOptions

#: Tempo changes by more than this factor are warned about.
AUDIBLE_CHANGE = 1.25
#: Beats found with less confidence than this are warned about.
UNCERTAIN = 0.3


@dataclass(frozen=True)
class AlignOptions:
    """How to align; see the command's help."""

    to: str | None = None
    bpm: float | None = None
    beats: str | None = None
    beats_from: str | None = None
    track_bpm: float | None = None
    tempo: str = "match"
    key: str = "keep"
    fit: str = "trim"
    tracker: str = "audiokit"
    device: str = "cpu"
    clip: str = "rescale"
    subtype: str | None = None


@dataclass(frozen=True)
class Reference:
    """What to align to: beats, and what else of a reference track matters."""

    beats: Beats | None
    rate: int | None = None
    seconds: float | None = None
    key: Key | None = None


@dataclass(frozen=True)
class Plan:
    """Everything decided before a sample is rendered."""

    track: Beats
    target: Beats
    time_map: TimeMap
    stretches: list[Stretch]
    rate: int
    semitones: int
    scale: float
    report: dict[str, Any] = field(default_factory=dict)


def check_options(options: AlignOptions, extras: Extras, out: str | None) -> bool:
    """Refuse what makes no sense (UsageError, ParameterError); say whether anything is to be aligned at all."""
    goals = [value for value in (options.to, options.bpm, options.beats) if value is not None]
    if len(goals) > 1:
        raise UsageError("--to, --bpm and --beats are three ways to say the same thing: choose one")
    choices = {"--tempo": (options.tempo, ("match", "mean")), "--key": (options.key, ("keep", "match"))}
    choices["--fit"] = (options.fit, ("trim", "all"))
    choices["--tracker"] = (options.tracker, ("audiokit", "beat-this"))
    for name, (value, allowed) in choices.items():
        if value not in allowed:
            raise ParameterError(f"{name} {value}: must be {' or '.join(allowed)}")
    for name, tempo in (("--bpm", options.bpm), ("--track-bpm", options.track_bpm)):
        if tempo is not None and not 20 <= tempo <= 400:
            raise ParameterError(f"{name} {tempo:g}: must be within 20 to 400")
    needs_reference = options.tempo == "mean" or options.key == "match" or extras.reference_out
    if needs_reference and options.to is None:
        raise UsageError("--tempo mean, --key match and --reference-out need --to REFERENCE")
    if not goals and out is not None:
        raise UsageError("nothing to align to", hint="add --to REFERENCE, --bpm 120 or --beats beats.txt")
    return bool(goals)


def find_beats(y: np.ndarray, rate: int, options: AlignOptions, *, bpm: float | None = None) -> Beats:
    """Track beats with the tracker that was asked for."""
    if options.tracker == "beat-this":
        return _beat_this(y, rate, options.device)
    from audiokit.dsp.rhythm.beats import track_beats

    return track_beats(y, rate, bpm=bpm)


def _beat_this(y: np.ndarray, rate: int, device: str) -> Beats:
    """Beats of the package beat_this, moved from its frames of 20 ms to the attacks."""
    import numpy as np

    from audiokit.dsp.rhythm.beats import beat_confidence, refine

    try:
        from beat_this.inference import Audio2Beats
    except ImportError as error:
        raise MissingExtraError.of("beats", "--tracker beat-this") from error
    except OSError as error:  # a torchaudio that was built for another torch
        raise MissingExtraError(
            f"beat_this is installed, but cannot be loaded ({error})", hint="install the torchaudio that fits torch"
        ) from error
    try:
        tracker = Audio2Beats(device="cpu" if device == "auto" else device)
    except (OSError, ValueError) as error:
        raise ModelError(
            "the weights of beat_this cannot be had", hint="connect once, or use --tracker audiokit"
        ) from error
    times, downbeats = tracker(y.mean(axis=0), rate) if y.shape[1] >= rate // 10 else ([], [])
    beats = beats_from_lists(times, downbeats_s=downbeats)
    if len(beats.times_s) < 3:
        return replace(beats, confidence=0.0)
    moved = refine(y, rate, beats.times_s)
    # Where beats were left out the steady grid of `refine` does not hold: then the frames are better.
    times = np.where(np.abs(moved - beats.times_s) < 0.04, moved, beats.times_s)
    if (np.diff(times) <= 0).any():
        times = beats.times_s
    return replace(beats, times_s=times, confidence=beat_confidence(y, rate, times))


def beats_from_lists(
    times_s: Sequence[float] | np.ndarray,
    *,
    positions: Sequence[int] = (),
    downbeats_s: Sequence[float] | np.ndarray = (),
    confidence: float = 1.0,
) -> Beats:
    """Make Beats of times and either positions in the bar or times of downbeats."""
    import numpy as np

    from audiokit.dsp.rhythm.beats import Beats

    times = np.asarray(times_s, np.float64)
    if len(positions):
        downbeats = np.flatnonzero(np.asarray(positions) == 1)
    elif len(downbeats_s) and len(times):
        downbeats = np.unique([int(np.argmin(np.abs(times - t))) for t in downbeats_s])
    else:
        downbeats = np.arange(0, len(times), 4)
    per_bar = int(np.median(np.diff(downbeats))) if len(downbeats) > 1 else 4
    tempo = 60 / float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return Beats(times, downbeats, tempo, confidence, max(1, per_bar))


def read_reference(options: AlignOptions) -> Reference:
    """Load what to align to, once for all tracks."""
    from audiokit.io.audio import read

    if options.beats is not None:
        from audiokit.io.beats import read_beat_list

        times, positions = read_beat_list(options.beats)
        return Reference(beats_from_lists(times, positions=positions))
    if options.to is None:
        return Reference(None)
    y, info = read(options.to)
    beats = find_beats(y, info.rate, options)
    if len(beats.times_s) < 2:
        raise InputError(f"{options.to}: no beats found", hint="give its tempo with --bpm, or its beats with --beats")
    key = None
    if options.key == "match":
        from audiokit.dsp.rhythm.key import estimate_key

        key = estimate_key(y, info.rate)
    return Reference(beats, info.rate, y.shape[1] / info.rate, key)


def make_plan(guide: np.ndarray, rate: int, length_s: float, options: AlignOptions, reference: Reference) -> Plan:
    """Decide where everything goes, from the audio that has the beats.

    Args:
        guide: audio (C, T) to find beats in: the track, the sum of its stems, or the mix.
        rate: its sample rate.
        length_s: length of the track in seconds.
        options: how.
        reference: to what.
    """
    from audiokit.dsp.rhythm.warp import at_level, map_beats, plan_stretches, resolve_level, steady_grid

    beats = find_beats(guide, rate, options, bpm=options.track_bpm)
    if len(beats.times_s) < 2:
        raise InputError(
            "no beats found in the track", hint="find them in the mix with --beats-from, or give --track-bpm"
        )
    wanted_bpm = options.bpm or (reference.beats.tempo_bpm if reference.beats else beats.tempo_bpm)
    level = resolve_level(beats.tempo_bpm, wanted_bpm)
    track = beats
    if level != 1:
        # Which of two beats is the beat is heard in the audio; only another tracker's beats are counted anew.
        track = find_beats(guide, rate, options, bpm=beats.tempo_bpm * level)
        if abs(track.tempo_bpm / (beats.tempo_bpm * level) - 1) > 0.05:
            track = at_level(beats, level)
    target = reference.beats or steady_grid(wanted_bpm, track)
    scale = (target.tempo_bpm / track.tempo_bpm) ** 0.5 if options.tempo == "mean" else 1.0
    target = replace(target, times_s=target.times_s * scale, tempo_bpm=target.tempo_bpm / scale)
    time_map = map_beats(track, target, keep_start=options.fit == "all")
    end_s = float(time_map.to_target(length_s))
    if options.fit == "trim" and reference.seconds is not None:
        end_s = min(end_s, reference.seconds * scale)
    out_rate = reference.rate or rate
    length = round(end_s * out_rate)
    if length < 1:
        raise InputError("nothing of the track is left after alignment", hint="keep everything with --fit all")
    semitones = 0
    if reference.key is not None:
        from audiokit.dsp.rhythm.key import estimate_key

        semitones = estimate_key(guide, rate).shift_to(reference.key)
    stretches = plan_stretches(time_map, out_rate, length)
    report = _describe(beats, track, target, time_map, stretches, semitones)
    return Plan(track, target, time_map, stretches, out_rate, semitones, scale, report)


def _describe(
    found: Beats, track: Beats, target: Beats, time_map: TimeMap, stretches: Sequence[Stretch], semitones: int
) -> dict[str, Any]:
    import math

    speeds = [s.speed for s in stretches]
    mean = math.exp(sum(math.log(s) for s in speeds) / len(speeds))
    warnings = []
    worst = max(speeds, key=lambda s: abs(math.log(s)))
    if abs(math.log(worst)) > math.log(AUDIBLE_CHANGE):
        warnings.append(f"the tempo changes {worst:.2f} times: this will be heard")
    for name, beats in (("track", found), ("reference", target)):
        if beats.confidence < UNCERTAIN:
            warnings.append(
                f"no steady beat is heard in the {name} (confidence {beats.confidence:.2f}): "
                "listen to the result, or give its tempo"
            )
    return {
        "tempo_bpm": round(found.tempo_bpm, 3),
        "target_bpm": round(target.tempo_bpm, 3),
        "level": track.tempo_bpm / found.tempo_bpm if found.tempo_bpm else 1.0,
        "speed": round(mean, 5),
        "speed_range": [round(min(speeds), 5), round(max(speeds), 5)],
        "semitones": semitones,
        "beats": len(track.times_s),
        "confidence": round(found.confidence, 3),
        "warnings": warnings,
    }


def sum_of(paths: Sequence[str]) -> tuple[np.ndarray, int]:
    """Add tracks of one rate (C, T), the longest deciding the length."""
    import numpy as np

    from audiokit.io.audio import read

    total, rate = None, 0
    for path in paths:
        y, info = read(path)
        if total is None:
            total, rate = y.copy(), info.rate
            continue
        if info.rate != rate:
            raise UsageError(
                f"{path}: {info.rate} Hz, but {paths[0]} has {rate} Hz: these are not stems of one song",
                hint="align them one by one, or with --each",
            )
        if y.shape[0] != total.shape[0]:
            y, total = (np.tile(a.mean(axis=0, keepdims=True), (2, 1)) for a in (y, total))
        size = max(y.shape[1], total.shape[1])
        total, y = (np.pad(a, ((0, 0), (0, size - a.shape[1]))) for a in (total, y))
        total = total + y
    assert total is not None
    return total, rate


def are_stems(paths: Sequence[str]) -> bool:
    """Several files of one rate and one length belong together."""
    from audiokit.io.audio import info

    if len(paths) < 2 or any(path == "-" or Path(path).is_dir() for path in paths):
        return False
    try:
        facts = {(about.rate, about.length) for about in map(info, paths)}
    except AudiokitError:  # the batch will say which file, and do the others
        return False
    return len(facts) == 1 and None not in next(iter(facts))


def plan_together(paths: Sequence[str], options: AlignOptions, reference: Reference) -> Plan:
    """One plan for several stems: beats, key and joins come from the mix, or from their sum."""
    from audiokit.dsp.rhythm.warp import place_joins
    from audiokit.io.audio import read

    total, rate = sum_of(paths)
    guide, guide_rate = total, rate
    if options.beats_from:
        guide, about = read(options.beats_from)
        guide_rate = about.rate
    plan = make_plan(guide, guide_rate, total.shape[1] / rate, options, reference)
    if reference.rate is None and plan.rate != rate:
        plan = _at_rate(plan, rate)
    total = _resampled(total, rate, plan.rate)
    return replace(plan, stretches=place_joins(plan.stretches, plan.rate, total, semitones=plan.semitones))


def _at_rate(plan: Plan, rate: int) -> Plan:
    from audiokit.dsp.rhythm.warp import plan_stretches

    length = round(plan.stretches[-1].stop * rate / plan.rate)
    return replace(plan, rate=rate, stretches=plan_stretches(plan.time_map, rate, length))


def _resampled(y: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    if rate == wanted:
        return y
    import numpy as np
    import soxr

    return np.ascontiguousarray(soxr.resample(y.T, rate, wanted, "HQ").T.astype(np.float32))


def align_file(
    job: Job, *, options: AlignOptions, extras: Extras, reference: Reference, plan: Plan | None = None
) -> dict[str, Any]:
    """Align one file: the task of the command. With a plan, the file is one stem of several."""
    from audiokit.dsp.rhythm.warp import render_stretches, warp
    from audiokit.io.audio import Reader, read, write

    with Reader(job.source) as reader:
        about, y = reader.info, reader.read()
    own = plan is None
    if plan is None:
        guide, guide_rate = y, about.rate
        if options.beats_from:
            guide, guide_about = read(options.beats_from)
            guide_rate = guide_about.rate
        plan = make_plan(guide, guide_rate, y.shape[1] / about.rate, options, reference)
        if reference.rate is None and plan.rate != about.rate:
            plan = _at_rate(plan, about.rate)
    moved = _resampled(y, about.rate, plan.rate)
    if own:
        length = plan.stretches[-1].stop
        result = warp(moved, plan.rate, plan.time_map, length=length, semitones=plan.semitones)
    else:
        result = render_stretches(moved, plan.rate, plan.stretches, semitones=plan.semitones)
    like = replace(about, rate=plan.rate)
    warnings = write(
        job.target, result, plan.rate, like=like, subtype=options.subtype, history=job.history, clip=options.clip,
        force=job.force,
    )  # fmt: skip
    if own:
        write_extras(extras, plan, y, about.rate, result, options, stem=stem_of(job.source), force=job.force)
    return {**plan.report, "warnings": [*plan.report["warnings"], *warnings], "rate": plan.rate}


def align_all(
    inputs: Sequence[str],
    out: str | None,
    options: AlignOptions,
    extras: Extras,
    *,
    together: bool | None,
    batch: BatchOptions,
) -> None:
    """Align every input: stems of one song by one plan, other files each by its own."""
    from functools import partial

    from audiokit.engine.batch import expand, run

    reference, plan = Reference(None), None
    if not batch.dry_run:
        files = [source for source, _ in expand(inputs)]
        stems = are_stems(inputs) if together is None else together and len(files) > 1
        if not stems:
            check_extras(extras, len(files))
        reference = read_reference(options)
        plan = plan_together(files, options, reference) if stems else None
    task = partial(align_file, options=options, extras=extras, reference=reference, plan=plan)
    run(task, inputs, out, batch=batch, command="align-beats", options=asdict(options))
    if plan is not None:
        from audiokit.dsp.rhythm.warp import render_stretches

        total, rate = sum_of(files)
        moved = _resampled(total, rate, plan.rate)
        result = render_stretches(moved, plan.rate, plan.stretches, semitones=plan.semitones)
        write_extras(extras, plan, total, rate, result, options, stem=stem_of(files[0]), force=batch.force)
