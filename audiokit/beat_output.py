"""What shows beats: lists, clicks, pictures of the grids, and the reference moved along."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiokit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from audiokit.aligning import AlignOptions, Plan
    from audiokit.dsp.rhythm.beats import Beats


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


def write_extras(
    extras: Extras,
    plan: Plan,
    y: np.ndarray,
    rate: int,
    result: np.ndarray,
    options: AlignOptions,
    *,
    stem: str,
    force: bool,
) -> None:
    """Write the beat list, the click track, the picture and the moved reference that were asked for."""
    from audiokit.io.audio import read, write
    from audiokit.io.beats import write_beat_list

    length_s = result.shape[1] / plan.rate
    heard = result_beats(plan, length_s)
    if extras.beats_out:
        more = {"track": as_json(plan.track), "target": as_json(plan.target), "report": plan.report}
        path = placed(extras.beats_out, stem, ".txt")
        write_beat_list(path, heard.times_s.tolist(), heard.positions.tolist(), more=more, force=force)
    if extras.click:
        clicks = click_track(heard, plan.rate, result.shape[1])
        write(placed(extras.click, stem, ".wav"), clicks, plan.rate, force=force)
    panels = [("track, before", y, rate, plan.track.times_s)]
    if options.to and (extras.reference_out or extras.picture):
        reference, about = read(options.to)
        reference = _moved_reference(reference, about.rate, plan.scale)
        panels.append(("reference", reference, about.rate, plan.target.times_s))
        if extras.reference_out:
            write(extras.reference_out, reference, about.rate, like=about, force=force)
    if extras.picture:
        panels.append(("track, after", result, plan.rate, heard.times_s))
        save_grids(placed(extras.picture, stem, ".png"), panels, force=force)


def _moved_reference(y: np.ndarray, rate: int, scale: float) -> np.ndarray:
    """The reference at the mean tempo."""
    import numpy as np

    from audiokit.dsp.rhythm.warp import TimeMap, warp

    if scale == 1:
        return y
    time_map = TimeMap(np.array([0.0, 1.0]), np.array([0.0, scale]))
    return warp(y, rate, time_map, length=round(y.shape[1] * scale))


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
    import numpy as np

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


def click_track(beats: Beats, rate: int, length: int) -> np.ndarray:
    """Make clicks (1, length) at beats, higher on downbeats."""
    import numpy as np

    out = np.zeros((1, length), np.float32)
    t = np.arange(round(0.03 * rate)) / rate
    for time, position in zip(beats.times_s, beats.positions, strict=True):
        hz = 1760.0 if position == 1 else 1174.66
        click = (0.5 * np.sin(2 * np.pi * hz * t) * np.exp(-t / 0.006)).astype(np.float32)
        start = round(time * rate)
        piece = click[: max(0, length - start)]
        out[0, start : start + len(piece)] += piece
    return out


def save_grids(path: str, panels: Sequence[tuple[str, np.ndarray, int, np.ndarray]], *, force: bool) -> None:
    """Draw how strongly sounds begin over the first 20 s of each track, and its beats as lines."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from audiokit.dsp.rhythm.onsets import onset_curves
    from audiokit.io.image import save_figure

    figure = Figure(figsize=(11, 1.0 + 1.7 * len(panels)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for one, (name, y, rate, times) in zip(axes, panels, strict=True):
        curves = onset_curves(y[:, : 21 * rate], rate)
        total = curves.total
        one.fill_between(curves.time(np.arange(len(total))), 0, total / (total.max() or 1.0), linewidth=0, alpha=0.7)
        one.vlines(times[times < 20], 0, 1, colors="tab:red", linewidth=0.8)
        one.set(ylabel=name, ylim=(0, 1), yticks=[], xlim=(0, 20))
    axes[-1].set_xlabel("time (s); lines are beats, the shape is how strongly sounds begin")
    save_figure(figure, path, force=force)


def print_beats(inputs: Sequence[str], options: AlignOptions, extras: Extras, *, json: bool, force: bool) -> None:
    """Only find beats: print them (text or JSON), or write what was asked for."""
    import json as json_module

    from audiokit.aligning import find_beats
    from audiokit.engine.batch import expand
    from audiokit.io.audio import read, write
    from audiokit.io.beats import write_beat_list

    sources = expand(inputs)
    check_extras(extras, len(sources))
    for source, _ in sources:
        y, about = read(source)
        beats = find_beats(y, about.rate, options, bpm=options.track_bpm)
        stem, facts = stem_of(source), as_json(beats)
        if extras.beats_out:
            path = placed(extras.beats_out, stem, ".txt")
            write_beat_list(path, beats.times_s.tolist(), beats.positions.tolist(), more=facts, force=force)
        if extras.click:
            write(
                placed(extras.click, stem, ".wav"), click_track(beats, about.rate, y.shape[1]), about.rate, force=force
            )
        if extras.picture:
            panels = [(stem[:20], y, about.rate, beats.times_s)]
            save_grids(placed(extras.picture, stem, ".png"), panels, force=force)
        if json:
            print(json_module.dumps({"input": source, **facts}))
        elif not extras.beats_out:
            if len(sources) > 1:
                print(f"# {source}")
            for time, position in zip(facts["times_s"], facts["positions"], strict=True):
                print(f"{time:.4f}\t{position}")
        print(
            f"{source}: {beats.tempo_bpm:.2f} BPM, {len(beats.times_s)} beats, confidence {beats.confidence:.2f}",
            file=sys.stderr,
        )
