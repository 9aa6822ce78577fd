"""Files and folders of `audiokit score`: pairing, reports, the table, and limits that fail a Makefile."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiokit.dsp.voice.pitch import check_tracker
from audiokit.engine.talk import on_terminal, show_table
from audiokit.errors import BatchError, InputError, ParameterError, UsageError, shown
from audiokit.stages.score.compare import check_metrics, finite, scores_of

if TYPE_CHECKING:
    from audiokit.engine.batch import Job
    from audiokit.engine.settings import BatchOptions


def score_file(
    job: Job, *, references: dict[str, str], metrics: Sequence[str] | None, rate: int | None, pitch_tracker: str
) -> dict[str, Any]:
    """Score one file; the task behind `audiokit score`.

    Args:
        job: its source is the estimate.
        references: estimate -> reference; without an entry it is scored by itself.
        metrics: as for `score`.
        rate: compare at this rate instead of the reference's.
        pitch_tracker: who measures pitch.

    Returns:
        The report, with "warnings" on what had to be fitted.
    """
    from audiokit.engine.sound import Sound
    from audiokit.io.audio import info

    path = references.get(job.source)
    target = rate or (info(path).rate if path and path != "-" else None)
    sound = Sound.open(job.source, target)
    target, estimate = sound.rate, sound.at_hand()
    reference, warnings = None, []
    if path:
        reference = Sound.open(path, target).at_hand()
        for y, name in ((estimate, job.source), (reference, path)):
            if not y.shape[1]:
                raise InputError(f"{name}: holds no audio to compare")
        difference = estimate.shape[1] - reference.shape[1]
        if difference:
            warnings.append(f"{abs(difference)} samples {'longer' if difference > 0 else 'shorter'} than the reference")
        if sound.info.rate != target:
            warnings.append(f"resampled from {sound.info.rate} to {target} Hz")
    names = check_metrics(metrics, reference is not None)
    values = scores_of(estimate, target, reference=reference, names=names, pitch_tracker=pitch_tracker)
    return {**({"reference": path} if path else {}), "rate": target, "scores": values, "warnings": warnings}


def score_files(
    inputs: Sequence[str],
    *,
    batch: BatchOptions,
    reference: str | None,
    metrics: Sequence[str] | None,
    rate: int | None,
    pitch_tracker: str,
    stems: bool,
    under: dict[str, float],
    over: dict[str, float],
) -> None:
    """Do what `audiokit score` was asked to do: print, and fail where a limit is missed.

    Raises:
        UsageError, InputError: references cannot be found.
        BatchError: a score misses a limit.
    """
    from audiokit.engine.batch import expand, survey

    check_metrics(metrics, reference is not None)
    check_tracker(pitch_tracker)
    estimates = [source for source, _ in expand(inputs)]
    references = pair_up(inputs, reference) if reference else {}
    reports: list[dict[str, Any]] = []

    def show(report: dict[str, Any]) -> None:
        if batch.json:
            print(json.dumps(report), flush=True)

    if stems:
        reports = _score_stems(estimates, references, show)
    else:
        task = partial(score_file, references=references, metrics=metrics, rate=rate, pitch_tracker=pitch_tracker)
        reports = survey(task, inputs, show, batch=batch)
    folders = _between_folders(inputs, reference, rate) if reference and not stems else {}
    if batch.json and folders:
        print(json.dumps({"folders": [inputs[0], reference], **folders}))
    if not batch.json:
        _print_table(reports, folders)
    _enforce(reports, under, over)


def pair_up(inputs: Sequence[str], reference: str) -> dict[str, str]:
    """Find every estimate's reference: the file given, or the file of the same relative name (any suffix).

    Raises:
        InputError: a reference is missing.
        UsageError: it is a pipe.
    """
    from audiokit.engine.batch import expand
    from audiokit.io.files import is_pipe

    if is_pipe(reference):
        raise UsageError(
            f"--ref {reference}: references are files, which are looked at more than once",
            hint="the estimate may flow: ... | audiokit score - --ref FILE",
        )
    if not os.path.isdir(reference):
        if not os.path.lexists(reference):
            raise InputError(f"{reference}: no such file or folder")
        return {source: reference for source, _ in expand(inputs)}
    known = {str(Path(name).with_suffix("")): path for path, name in expand([reference])}
    found = {}
    for source, name in expand(inputs):
        key = str(Path(name).with_suffix(""))
        if key not in known:
            raise InputError(f"{source}: {reference} holds no {key}.*", hint="name references like the estimates")
        found[source] = known[key]
    return found


def _score_stems(
    estimates: Sequence[str], references: dict[str, str], show: Callable[[dict[str, Any]], None]
) -> list[dict[str, Any]]:
    """Evaluate the files of each folder together, as the sources of one mix."""
    import numpy as np

    from audiokit.io.audio import info, read
    from audiokit.stages.score.measures import bss_eval

    if not references:
        raise UsageError("--stems compares with references", hint="add --ref FOLDER")
    groups: dict[str, list[str]] = {}
    for source in estimates:
        groups.setdefault(str(Path(source).parent), []).append(source)
    reports = []
    for sources in groups.values():
        rate = info(references[sources[0]]).rate
        pairs = [(read(references[source], rate=rate)[0], read(source, rate=rate)[0]) for source in sources]
        length = min(y.shape[1] for pair in pairs for y in pair)
        width = min(y.shape[0] for pair in pairs for y in pair)
        cut = [
            [y[:, :length] if y.shape[0] == width else y[:, :length].mean(0, keepdims=True) for y in p] for p in pairs
        ]
        if len({y.shape for pair in cut for y in pair}) > 1:
            raise InputError(f"{sources[0]}: the stems differ in their channels")
        values = bss_eval([np.asarray(p[0]) for p in cut], [np.asarray(p[1]) for p in cut], rate)
        for source, found in zip(sources, values, strict=True):
            report = {"input": source, "reference": references[source], "rate": rate, "scores": finite(found)}
            reports.append(report)
            show(report)
    return reports


def _between_folders(inputs: Sequence[str], reference: str, rate: int | None) -> dict[str, Any]:
    """Compare two folders as wholes by the Frechet distance of what they sound like."""
    import numpy as np

    from audiokit.dsp.spectrum.metrics import EMBEDDING, embed, frechet_distance
    from audiokit.engine.batch import expand
    from audiokit.engine.sound import Sound

    if len(inputs) != 1 or not os.path.isdir(inputs[0]) or not os.path.isdir(reference):
        return {}
    target = rate or 22_050
    sets = [
        np.concatenate([embed(Sound.open(path, target).at_hand(), target) for path, _ in expand([folder])])
        for folder in (inputs[0], reference)
    ]
    if min(map(len, sets)) < 2:
        return {}
    return {"frechet": round(frechet_distance(*sets), 4), "embedding": f"{EMBEDDING}, {target} Hz"}


def _print_table(reports: Sequence[dict[str, Any]], folders: dict[str, Any]) -> None:
    from audiokit.dsp.spectrum.metrics import mean_of

    if not reports:
        return
    names = list(dict.fromkeys(name for report in reports for name in report["scores"]))
    rows = [(report["input"], [report["scores"].get(name) for name in names]) for report in reports]
    if len(rows) > 1:
        rows.append(("mean", [mean_of(row[k] for _, row in rows) for k in range(len(names))]))
    if on_terminal() and len(rows) == 1:
        show_table(("", ""), [(name, _text(value)) for name, value in zip(names, rows[0][1], strict=True)], right=[1])
    elif on_terminal():
        lines = [(label, *map(_text, values)) for label, values in rows]
        show_table(("", *names), lines, right=range(1, len(names) + 1))
    elif len(rows) == 1:
        width = max(map(len, names))
        for name, value in zip(names, rows[0][1], strict=True):
            print(f"{name:<{width}}  {_text(value)}")
    else:
        first = max(len(label) for label, _ in rows)
        widths = [max(len(name), 8) for name in names]
        print(" " * first, *(f"{name:>{w}}" for name, w in zip(names, widths, strict=True)))
        for label, values in rows:
            print(f"{shown(label):<{first}}", *(f"{_text(v):>{w}}" for v, w in zip(values, widths, strict=True)))
    if folders:
        print(f"frechet  {folders['frechet']}  ({folders['embedding']})")
    for report in reports:
        for warning in report.get("warnings", ()):
            print(shown(f"audiokit: {report['input']}: {warning}"), file=sys.stderr)


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def limits(pairs: Sequence[str] | None, option: str) -> dict[str, float]:
    """Read NAME=NUMBER pairs.

    Raises:
        ParameterError: one is something else, or a number that every score misses, or none.

    >>> limits(["si_sdr_db=10"], "--fail-under")
    {'si_sdr_db': 10.0}
    """
    found = {}
    for text in pairs or ():
        name, _, number = text.partition("=")
        try:
            limit = float(number)
        except ValueError:
            limit = math.nan
        if not math.isfinite(limit):
            raise ParameterError(f"{option} {text!r}: not NAME=NUMBER", hint=f"for example {option} si_sdr_db=10")
        found[name.strip()] = limit
    return found


def _enforce(reports: Sequence[dict[str, Any]], under: dict[str, float], over: dict[str, float]) -> None:
    """Fail where a score is missing or on the wrong side of its limit."""
    missed = []
    for report in reports:
        for bounds, sign, word in ((under, -1, "under"), (over, 1, "over")):
            for name, bound in bounds.items():
                if name not in report["scores"]:
                    known = ", ".join(report["scores"])
                    raise ParameterError(f"--fail-{word} {name}: not among the scores", hint=f"there are {known}")
                value = report["scores"][name]
                if value is None or (value - bound) * sign > 0:
                    missed.append(f"{report['input']}: {name} is {_text(value)}, {word} {bound:g}")
    if missed:
        raise BatchError("scores miss their limits:", lines=missed)
