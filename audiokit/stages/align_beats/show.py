"""What shows beats: lists, clicks, pictures of the grids, and the reference moved along."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.rhythm.beats import Beats
from audiokit.dsp.rhythm.onsets import onset_curves
from audiokit.dsp.rhythm.playing import play, samples_of
from audiokit.dsp.rhythm.warp import TimeMap, plan_stretches
from audiokit.dsp.spectrum.samples import Samples
from audiokit.engine.sound import Sound
from audiokit.errors import UsageError, shown
from audiokit.io.about import BLOCK
from audiokit.io.beats import write_beat_list
from audiokit.io.files import atomic_file
from audiokit.io.image import label, new_figure, save_figure
from audiokit.stages.align_beats.plan import Alignment, Plan, beginning
from audiokit.stages.align_beats.trackers import find_beats

Array = NDArray[np.float32]
Panel = tuple[str, Samples, int, NDArray[np.float64]]
#: What is drawn of each track.
_DRAWN_S = 21
#: Writes one file, given a temporary path.
Files = dict[str, Callable[[Path], object]]


@dataclass(frozen=True)
class Extras:
    """Files to write beside the result: beat lists, a click track, a picture, the reference moved to a mean tempo."""

    beats_out: str | None = None
    click: str | None = None
    picture: str | None = None
    reference_out: str | None = None


def check_extras(extras: Extras, count: int) -> None:
    """Refuse one file for several inputs (UsageError)."""
    for path in (extras.beats_out, extras.click, extras.picture):
        if count > 1 and path and placed(path, "a", "") == path:
            raise UsageError(f"{path}: one file for {count} inputs", hint=f"name a folder: {path}/")


def stem_of(source: str) -> str:
    """Name of a file without folder and suffix."""
    return "stdin" if source == "-" else Path(source).stem


@dataclass(frozen=True)
class Aligned:
    """A track before and after, and the reference, as far as they are shown."""

    plan: Plan
    before: Samples
    rate: int
    after: Sound
    reference: Sound | None = None


def files_of(extras: Extras, shown: Aligned, *, stem: str) -> Files:
    """The files that were asked for: path -> what writes it."""
    plan, files = shown.plan, Files()
    length = shown.after.length or 0
    heard = result_beats(plan, length / plan.rate)
    if extras.beats_out:
        more = {"track": as_json(plan.track), "target": as_json(plan.target), "report": plan.report}
        files[placed(extras.beats_out, stem, ".txt")] = lambda path: _write_list(path, heard, more)
    if extras.click:
        clicks = click_track(heard, plan.rate, length)
        files[placed(extras.click, stem, ".wav")] = lambda path: clicks.save(path, force=True)
    reference = shown.reference
    moved = moved_reference(reference, plan.scale) if reference and (extras.reference_out or extras.picture) else None
    if moved is not None and extras.reference_out:
        files[extras.reference_out] = lambda path: moved.save(path, force=True)
    if extras.picture:
        files[placed(extras.picture, stem, ".png")] = lambda path: save_grids(path, _panels(shown, moved, heard))
    return files


def _panels(shown: Aligned, moved: Sound | None, heard: Beats) -> list[Panel]:
    """What the picture of a track, before and after, and of its reference shows."""
    plan = shown.plan
    panels: list[Panel] = [("track, before", shown.before, shown.rate, plan.track.times_s)]
    if moved is not None:
        panels.append(("reference", beginning(moved, _DRAWN_S), moved.rate, plan.target.times_s))
    return [*panels, ("track, after", beginning(shown.after, _DRAWN_S), plan.rate, heard.times_s)]


def _write_list(path: Path, beats: Beats, more: dict[str, Any]) -> None:
    write_beat_list(str(path), beats.times_s.tolist(), beats.positions.tolist(), more=more, force=True)


def moved_reference(reference: Sound, scale: float) -> Sound:
    """The reference at the mean tempo."""
    if scale == 1:
        return reference.replay()
    y, rate = reference.at_hand(), reference.rate
    time_map = TimeMap(np.array([0.0, 1.0]), np.array([0.0, scale]))
    stretches = plan_stretches(time_map, rate, round(y.shape[1] * scale))
    pieces = partial(play, partial(samples_of, y), rate, stretches)
    return reference.derive(lambda: (piece for piece, _ in pieces()), length=stretches[-1].stop)


def placed(path: str, stem: str, suffix: str) -> str:
    """A path as given, or inside it when it is a folder.

    >>> placed("out/", "song", ".txt"), placed("b.txt", "song", ".txt")
    ('out/song.txt', 'b.txt')
    """
    if path.endswith(("/", os.sep)) or Path(path).is_dir():
        return str(Path(path) / f"{stem}{suffix}")
    return path


def result_beats(plan: Plan, length_s: float) -> Beats:
    """The beats of the track where they are heard in the result."""
    times = plan.time_map.to_target(plan.track.times_s)
    kept = np.flatnonzero((times >= -1e-6) & (times < length_s))
    if not len(kept):
        return replace(plan.track, times_s=times[:0], downbeats=plan.track.downbeats[:0])
    down = plan.track.downbeats[(plan.track.downbeats >= kept[0]) & (plan.track.downbeats <= kept[-1])] - kept[0]
    return replace(plan.track, times_s=np.maximum(times[kept], 0.0), downbeats=down, tempo_bpm=plan.target.tempo_bpm)


def as_json(beats: Beats) -> dict[str, Any]:
    """Beats as plain values."""
    values = asdict(beats)
    values["times_s"] = [round(float(t), 5) for t in beats.times_s]
    values["downbeats"] = [int(d) for d in beats.downbeats]
    values["positions"] = [int(p) for p in beats.positions]
    return values


def click_track(beats: Beats, rate: int, length: int) -> Sound:
    """Make clicks at beats, higher on downbeats."""
    t = np.arange(round(0.03 * rate)) / rate
    low, high = ((0.5 * np.sin(2 * np.pi * hz * t) * np.exp(-t / 0.006)).astype(np.float32) for hz in (1174.66, 1760.0))
    starts = np.round(beats.times_s * rate).astype(int)

    def blocks() -> Iterator[Array]:
        for first in range(0, length, BLOCK):
            # A click may have begun in the block before.
            out = np.zeros((1, len(t) + min(BLOCK, length - first)), np.float32)
            within = (starts > first - len(t)) & (starts < first + BLOCK)
            for start, position in zip(starts[within] - first + len(t), beats.positions[within], strict=True):
                piece = (high if position == 1 else low)[: out.shape[1] - start]
                out[0, start : start + len(piece)] += piece
            yield out[:, len(t) :]

    return Sound(rate, 1, blocks, length=length)


def save_grids(path: Path, panels: Sequence[Panel]) -> None:
    """Draw how strongly sounds begin over the first 20 s of each track, and its beats as lines."""
    figure = new_figure(11, 1.0 + 1.7 * len(panels))
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for one, (name, y, rate, times) in zip(axes, panels, strict=True):
        curves = onset_curves(y[:, : _DRAWN_S * rate], rate)
        total = curves.total
        one.fill_between(curves.time(np.arange(len(total))), 0, total / (total.max() or 1.0), linewidth=0, alpha=0.7)
        one.vlines(times[times < 20], 0, 1, colors="tab:red", linewidth=0.8)
        one.set(ylabel=label(name), ylim=(0, 1), yticks=[], xlim=(0, 20))
    axes[-1].set_xlabel("time (s); lines are beats, the shape is how strongly sounds begin")
    save_figure(figure, path, force=True)


def print_beats(inputs: Sequence[str], how: Alignment, extras: Extras, *, as_objects: bool, force: bool) -> None:
    """Only find beats: print them (text or JSON), or write what was asked for."""
    from audiokit.engine.batch import expand

    sources = expand(inputs)
    check_extras(extras, len(sources))
    for source, _ in sources:
        sound = Sound.open(source)
        y = sound.at_hand()
        beats = find_beats(y, sound.rate, tracker=how.tracker, device=how.device, bpm=how.track_bpm)
        facts = as_json(beats)
        for target, writes in _files_of_beats(extras, beats, y, sound, facts).items():
            with atomic_file(target, force=force) as temporary:
                writes(temporary)
        if as_objects:
            print(json.dumps({"input": source, **facts}))
        elif not extras.beats_out:
            if len(sources) > 1:
                print(f"# {shown(source)}")
            for time, position in zip(facts["times_s"], facts["positions"], strict=True):
                print(f"{time:.4f}\t{position}")
        found = f"{beats.tempo_bpm:.2f} BPM, {len(beats.times_s)} beats, confidence {beats.confidence:.2f}"
        print(f"{shown(source)}: {found}", file=sys.stderr)


def _files_of_beats(extras: Extras, beats: Beats, y: Samples, sound: Sound, facts: dict[str, Any]) -> Files:
    stem, files = stem_of(sound.name), Files()
    if extras.beats_out:
        files[placed(extras.beats_out, stem, ".txt")] = lambda path: _write_list(path, beats, facts)
    if extras.click:
        clicks = click_track(beats, sound.rate, y.shape[1])
        files[placed(extras.click, stem, ".wav")] = lambda path: clicks.save(path, force=True)
    if extras.picture:
        panels: list[Panel] = [(stem[:20], y, sound.rate, beats.times_s)]
        files[placed(extras.picture, stem, ".png")] = lambda path: save_grids(path, panels)
    return files
