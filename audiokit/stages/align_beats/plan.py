"""What goes where: everything that is decided before a sample is rendered."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import islice, zip_longest
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.effects.cut import cut, even_spans
from audiokit.dsp.rhythm.beats import Beats
from audiokit.dsp.rhythm.key import Key, estimate_key
from audiokit.dsp.rhythm.playing import Stretch
from audiokit.dsp.rhythm.warp import (
    TimeMap,
    at_level,
    map_beats,
    place_joins,
    plan_stretches,
    resolve_level,
    steady_grid,
)
from audiokit.dsp.spectrum.samples import Samples, blocks_of
from audiokit.engine.sound import Sound
from audiokit.engine.spool import at_hand
from audiokit.errors import AudiokitError, InputError, UsageError
from audiokit.io.about import BLOCK
from audiokit.io.beats import read_beat_list
from audiokit.io.reader import resampled as resampled_blocks
from audiokit.stages.align_beats.trackers import beats_from_lists, find_beats

Array = NDArray[np.float32]

#: Tempo changes by more than this factor are warned about.
AUDIBLE_CHANGE = 1.25
#: Beats found with less confidence than this are warned about.
UNCERTAIN = 0.3


@dataclass(frozen=True)
class Alignment:
    """In which way to align.

    Attributes:
        bpm: a steady tempo to reach.
        track_bpm: the track's tempo, about, when it is known.
        tempo: "match", or "mean" for both meeting at the geometric mean.
        key: "keep", or "match" for the nearest shift to the reference's key.
        fit: "trim" to what both have in common, or "all".
        tracker, device: who finds beats, and where its network runs.
    """

    bpm: float | None = None
    track_bpm: float | None = None
    tempo: str = "match"
    key: str = "keep"
    fit: str = "trim"
    tracker: str = "audiokit"
    device: str = "auto"


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


def read_reference(how: Alignment, to: Sound | None, beats: str | None) -> Reference:
    """Hear what to align to, once for all tracks.

    Raises:
        InputError: the reference has no beats, or the list cannot be read.
    """
    if beats is not None:
        times, positions = read_beat_list(beats)
        return Reference(beats_from_lists(times, positions=positions))
    if to is None:
        return Reference(None)
    y = to.at_hand()
    found = find_beats(y, to.rate, tracker=how.tracker, device=how.device)
    if len(found.times_s) < 2:
        raise InputError(f"{to.name}: no beats found", hint="give its tempo with --bpm, or its beats with --beats")
    key = estimate_key(y, to.rate) if how.key == "match" else None
    return Reference(found, to.rate, y.shape[1] / to.rate, key)


def make_plan(
    guide: Samples, rate: int, length_s: float, how: Alignment, reference: Reference, name: str = "audio"
) -> Plan:
    """Decide where everything goes, from the audio that has the beats.

    Args:
        guide: audio (C, T) to find beats in: the track, the sum of its stems, or the mix.
        rate: its sample rate.
        length_s: length of the track in seconds.
        how: in which way.
        reference: to what.
        name: what has the beats is called in errors.
    """
    beats = find_beats(guide, rate, tracker=how.tracker, device=how.device, bpm=how.track_bpm)
    if len(beats.times_s) < 2:
        raise InputError(f"{name}: no beats found", hint="find them in the mix with --beats-from, or give --track-bpm")
    wanted_bpm = how.bpm or (reference.beats.tempo_bpm if reference.beats else beats.tempo_bpm)
    level = resolve_level(beats.tempo_bpm, wanted_bpm)
    track = beats
    if level != 1:
        # Which of two beats is the beat is heard in the audio; only another tracker's beats are counted anew.
        track = find_beats(guide, rate, tracker=how.tracker, device=how.device, bpm=beats.tempo_bpm * level)
        if abs(track.tempo_bpm / (beats.tempo_bpm * level) - 1) > 0.05:
            track = at_level(beats, level)
    target = reference.beats or steady_grid(wanted_bpm, track)
    scale = (target.tempo_bpm / track.tempo_bpm) ** 0.5 if how.tempo == "mean" else 1.0
    target = replace(target, times_s=target.times_s * scale, tempo_bpm=target.tempo_bpm / scale)
    time_map = map_beats(track, target, keep_start=how.fit == "all")
    end_s = float(time_map.to_target(length_s))
    if how.fit == "trim" and reference.seconds is not None:
        end_s = min(end_s, reference.seconds * scale)
    out_rate = reference.rate or rate
    length = round(end_s * out_rate)
    if length < 1:
        raise InputError("nothing of the track is left after alignment", hint="keep everything with --fit all")
    semitones = 0
    if reference.key is not None:
        semitones = estimate_key(guide, rate).shift_to(reference.key)
    stretches = plan_stretches(time_map, out_rate, length)
    # A tempo or a list is no recording in which beats could be missed.
    report = _describe(beats, track, target, time_map, stretches, semitones, heard=reference.rate is not None)
    return Plan(track, target, time_map, stretches, out_rate, semitones, scale, report)


def _describe(
    found: Beats,
    track: Beats,
    target: Beats,
    time_map: TimeMap,
    stretches: Sequence[Stretch],
    semitones: int,
    *,
    heard: bool,
) -> dict[str, Any]:
    speeds = [s.speed for s in stretches]
    mean = math.exp(sum(math.log(s) for s in speeds) / len(speeds))
    warnings = []
    worst = max(speeds, key=lambda s: abs(math.log(s)))
    if abs(math.log(worst)) > math.log(AUDIBLE_CHANGE):
        warnings.append(f"the tempo changes {worst:.2f} times: this will be heard")
    for name, beats in (("track", found), *([("reference", target)] if heard else [])):
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


def sum_of(paths: Sequence[str]) -> tuple[Samples, int]:
    """Add tracks of one rate (C, T), the longest deciding the length."""
    sounds = [Sound.open(path) for path in paths]
    first = sounds[0]
    for sound, path in zip(sounds, paths, strict=True):
        if sound.rate != first.rate:
            raise UsageError(
                f"{path}: {sound.rate} Hz, but {paths[0]} has {first.rate} Hz: these are not stems of one song",
                hint="align them one by one, or with --each",
            )

    def added() -> Iterator[Array]:
        pieces = (map(itemgetter(1), cut(sound.blocks(), even_spans(BLOCK))) for sound in sounds)
        over = [np.zeros((sound.channels, 0), np.float32) for sound in sounds]
        for parts in zip_longest(*pieces):
            yield reduce(_plus, (end if part is None else part for part, end in zip(parts, over, strict=True)))

    alike = all(sound.channels == first.channels for sound in sounds)
    return at_hand(added(), channels=first.channels if alike else 2), first.rate


def _plus(total: Array, y: Array) -> Array:
    """Add audio (C, n) of any lengths; where channels differ, both are averaged to two."""
    if y.shape[0] != total.shape[0]:
        y, total = (np.tile(a.mean(axis=0, keepdims=True), (2, 1)) for a in (y, total))
    size = max(y.shape[1], total.shape[1])
    y, total = (np.pad(a, ((0, 0), (0, size - a.shape[1]))) for a in (y, total))
    return total + y


def are_stems(paths: Sequence[str]) -> bool:
    """Several files of one rate and one length belong together."""
    if len(paths) < 2 or any(path == "-" or Path(path).is_dir() for path in paths):
        return False
    try:
        facts = {(sound.rate, sound.length) for sound in map(Sound.open, paths)}
    except AudiokitError:  # the batch will say which file, and do the others
        return False
    return len(facts) == 1 and None not in next(iter(facts))


def plan_together(paths: Sequence[str], how: Alignment, reference: Reference, guide_from: Sound | None = None) -> Plan:
    """One plan for several stems: beats, key and joins come from the mix, or from their sum."""
    total, rate = sum_of(paths)
    guide, guide_rate = total, rate
    if guide_from is not None:
        guide, guide_rate = guide_from.at_hand(), guide_from.rate
    plan = make_plan(
        guide, guide_rate, total.shape[1] / rate, how, reference, guide_from.name if guide_from else "the stems"
    )
    if reference.rate is None and plan.rate != rate:
        plan = at_rate(plan, rate)
    total = resampled(total, rate, plan.rate)
    return replace(plan, stretches=place_joins(plan.stretches, plan.rate, total, semitones=plan.semitones))


def at_rate(plan: Plan, rate: int) -> Plan:
    """The same plan for a result at another rate."""
    length = round(plan.stretches[-1].stop * rate / plan.rate)
    return replace(plan, rate=rate, stretches=plan_stretches(plan.time_map, rate, length))


def resampled(y: Samples, rate: int, wanted: int) -> Samples:
    """Audio (C, T) at another rate."""
    if rate == wanted:
        return y
    return at_hand(resampled_blocks(blocks_of(y), rate, wanted, y.shape[0]), channels=y.shape[0])


def beginning(sound: Sound, seconds: float) -> Array:
    """The first seconds of a sound (C, n), of which no more is made than that."""
    found = next(cut(sound.blocks(), islice(even_spans(round(seconds * sound.rate)), 1)), None)
    return np.zeros((sound.channels, 0), np.float32) if found is None else found[1]
