"""From inputs to outputs: open what flows, pass it through stages, save it; for one file or for thousands.

Here alone are flows opened and saved. A `Work` is a picklable function of a `Job`, so it runs the same in this process,
in local worker processes, or on a cluster (`audiokit.engine.batch`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from audiokit.engine.batch import Job, expand, run
from audiokit.engine.chunks import Chunks
from audiokit.engine.flow import Flow
from audiokit.engine.parts import Parts
from audiokit.engine.progress import print_report
from audiokit.engine.settings import OneOutput, SaveOptions
from audiokit.engine.sound import Sound
from audiokit.engine.stage import Call, Stage, holds_chunks
from audiokit.errors import InputError, UsageError
from audiokit.io.files import atomic_file, check_free


@dataclass(frozen=True)
class Step:
    """A stage with its options, as given."""

    stage: Stage[..., Any, Any]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """What becomes of each job: its source through the steps, to its targets.

    Attributes:
        steps: at least one.
        save: how sounds are written.
        ext: suffix of files whose names are made here.
    """

    steps: tuple[Step, ...]
    save: SaveOptions
    ext: str = ".wav"

    def __call__(self, job: Job) -> dict[str, Any]:
        """Do one job and report what `--json` prints."""
        flow: Flow = self.steps[0].stage.take(job.source)
        flow.key = job.relative or Path(job.source).name
        notes = []
        for number, step in enumerate(self.steps):
            last = number == len(self.steps) - 1
            flow = step.stage.apply(flow, step.options, save=self.recorded() if last else None)
            notes.append(flow.notes)
        beside = {path: write for note in notes for path, write in note.beside.items()}
        for path in beside:
            check_free(path, force=job.force)
        warnings = save(flow, job, self.save, self.ext)
        for path, write in beside.items():
            with atomic_file(path, force=job.force) as temporary:
                write(temporary)
        report = {**facts(flow), **notes[-1].report}
        report["warnings"] = [*(text for note in notes for text in note.warnings), *warnings]
        return report

    def recorded(self) -> dict[str, Any]:
        """The part of the recipe that is about writing."""
        if not self.steps[-1].stage.saves:
            return {}
        return {key: value for key, value in asdict(self.save).items() if value is not None}

    def entries(self) -> list[dict[str, Any]]:
        """What this work appends to a history."""
        last = len(self.steps) - 1
        return [
            step.stage.entry(step.options, save=self.recorded() if k == last else None)
            for k, step in enumerate(self.steps)
        ]


def save(flow: Flow, job: Job, how: SaveOptions, ext: str = ".wav") -> list[str]:
    """Write a flow where a job wants it; returns warnings."""
    if isinstance(flow, Sound):
        warnings = flow.save(job.target, subtype=how.subtype, clip=how.clip, force=job.force)
        # The only part that was asked for is a sound, but is spoken of as a part.
        return [f"{part}: {text}" for part in job.targets for text in warnings] if job.targets else warnings
    if isinstance(flow, Chunks):
        return flow.save(job.target, force=job.force)
    assert isinstance(flow, Parts)
    target: str | Mapping[str, str] = job.targets or job.target
    return flow.save(target, subtype=how.subtype, clip=how.clip, force=job.force, suffix=ext)


def facts(flow: Flow) -> dict[str, Any]:
    """What is reported of every result: seconds, rate, channels."""
    if isinstance(flow, Sound):
        return {"seconds": round((flow.length or 0) / flow.rate, 6), "rate": flow.rate, "channels": flow.channels}
    if isinstance(flow, Chunks):
        head = flow.head
        return {"seconds": round((head.length or 0) / head.rate, 6), "rate": head.rate, "channels": head.channels}
    return flow.facts() if isinstance(flow, Parts) else {}


def run_stage(stage: Stage[..., Any, Any], call: Call) -> list[dict[str, Any]]:
    """Do one command line of a stage: check everything, plan, work, report.

    Raises:
        AudiokitError: see `audiokit.engine.batch.run`, and what the stage itself refuses.
    """
    values = stage.bind(call.options)
    if stage.instead is not None and stage.instead(call):
        return []
    options = dict(call.options)
    if stage.across is not None and not call.batch.dry_run:
        options |= stage.across(call)
    ext = suffix_of(stage, values, call.inputs)
    parts = stage.names(values) if stage.names is not None else None
    batch = call.batch
    if parts and stage.naming is not None and batch.name is None:
        batch = replace(batch, name=stage.naming)
    work = Work((Step(stage, options),), call.save, ext)
    return run(
        work,
        call.inputs,
        call.out,
        batch=batch,
        entries=work.entries(),
        ext=ext,
        parts=parts,
        accept=found_as(stage),
        seed=options.get("seed", 0),
    )


def run_many(
    stage: Stage[..., Any, Any],
    inputs: Sequence[str],
    out: str | None,
    options: dict[str, Any],
    how: SaveOptions,
    talk: OneOutput,
) -> None:
    """Do one command line of a stage that makes one output of all its inputs.

    Raises:
        UsageError: no output, a folder for one, or standard input twice.
        InputError, DamagedError: an input cannot be read to its end.
    """
    if out is None:
        raise UsageError("there is no output", hint=f"add -o {stage.name}.wav, or -o - for standard output")
    if list(inputs).count("-") > 1:
        raise UsageError("standard input can be one input only")
    if out.endswith("/") or os.path.isdir(out):
        raise UsageError(
            f"{out}: what {stage.name} makes is one file, not a folder",
            hint=f"write {out.rstrip('/')}/{stage.name}.wav",
        )
    stage.bind(options)
    folders = [path for path in inputs if os.path.isdir(path)]
    if folders:
        raise InputError(f"{folders[0]}: is a folder", hint="name the files, for example with a shell pattern")
    recorded = {key: value for key, value in asdict(how).items() if value is not None} if stage.saves else {}
    flow = stage.apply([stage.take(path) for path in inputs], options, save={"inputs": list(inputs), **recorded})
    warnings = save(flow, Job(inputs[0], out, force=talk.force), how)
    report = {"inputs": list(inputs), "output": out, **facts(flow), **flow.notes.report}
    report["warnings"] = [*flow.notes.warnings, *warnings]
    made = f"{' + '.join(inputs)} -> {out}"
    print_report(report, made, as_json=talk.json and out != "-", quiet=talk.quiet)


def found_as(stage: Stage[..., Any, Any]) -> str:
    """What folders are searched for: "audio", "chunks" or "either"."""
    kinds = {kind.found_as for kind in stage.reads}
    return kinds.pop() if len(kinds) == 1 else "either"


def suffix_of(stage: Stage[..., Any, Any], options: Mapping[str, Any], inputs: Sequence[str]) -> str:
    """The suffix of outputs that are named here: the stage's `format` option decides, or what it writes.

    Raises:
        UsageError: inputs of two kinds, which would give outputs of two kinds.
    """
    if "format" in options:
        return "." + str(options["format"]).removeprefix(".")
    if Chunks not in stage.writes:
        return ".wav"
    if Sound not in stage.writes:
        return ".chunks"
    if "-" in inputs:
        return ".wav"
    kinds = {holds_chunks(path) for path, _ in expand(inputs, "either")}
    if len(kinds) > 1:
        raise UsageError("audio and chunk sets together", hint="give them to two commands")
    return ".chunks" if kinds == {True} else ".wav"
