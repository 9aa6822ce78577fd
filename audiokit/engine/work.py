"""From inputs to outputs: open what flows, pass it through stages, save it; for one file or for thousands.

Here alone are flows opened and saved. A `Work` is a picklable function of a `Job`, so it runs the same in this process,
in local worker processes, or on a cluster (`audiokit.engine.batch`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audiokit.engine.at_work import enter, follow
from audiokit.engine.batch import Job, Known, Named, run
from audiokit.engine.chain import Chain, Step
from audiokit.engine.chunks import Chunks
from audiokit.engine.flow import Flow, Notes
from audiokit.engine.outputs import check_folder, check_save, found_as, of_pieces, parts_of, suffix_of
from audiokit.engine.parts import Parts
from audiokit.engine.piped import blamed, naming, piped
from audiokit.engine.plan import is_folder, plan
from audiokit.engine.progress import Progress, print_report
from audiokit.engine.settings import BatchOptions, OneOutput, SaveOptions
from audiokit.engine.sound import Sound
from audiokit.engine.stage import Call, Stage
from audiokit.engine.talk import be_quiet
from audiokit.errors import InputError, UsageError, shown
from audiokit.io.files import atomic_file, check_free, without_empty_folders
from audiokit.io.told import heard


@dataclass(frozen=True)
class Work:
    """What becomes of each job: its source through the steps, to its targets.

    Attributes:
        steps: at least one.
        save: how sounds are written.
        ext: suffix of files whose names are made here.
        quiet: nothing is said while it works.
        templates: names of files that stages read and write are filled in per input, as in chains.
    """

    steps: tuple[Step, ...]
    save: SaveOptions
    ext: str = ".wav"
    quiet: bool = True
    templates: bool = False

    def __call__(self, job: Job) -> dict[str, Any]:
        """Do one job and report what `--json` prints."""
        be_quiet(self.quiet)
        first, options = self.steps[0].stage, self.steps[0].values()  # checked before, once for all jobs
        source: Any = first.take(job.source, options=options)
        source.key = job.relative or Path(job.source).name
        if isinstance(source, Sound):
            follow(source, 1 + first.reads_twice(options))
        flow, notes = self.made_of(source, job)
        with written_beside(notes, job.outputs, force=job.force):
            warnings = save(flow, job, self.save, self.ext)
        report = {**facts(flow), **notes[-1].report}
        warnings = [*(text for note in notes for text in note.warnings), *warnings]
        # Sets of pieces have few reasons to warn, and the field only where there is one.
        in_pieces = isinstance(flow, Chunks) or (isinstance(flow, Parts) and flow.as_chunks is not None)
        return report if in_pieces and not warnings else {**report, "warnings": warnings}

    def made_of(self, flow: Any, job: Job) -> tuple[Any, list[Notes]]:
        """Pass a flow (None where the first stage reads nothing) through all steps; gives the last, and all notes."""
        notes = []
        for number, step in enumerate(self.filled_in(job)):
            with naming(step.stage.name if len(self.steps) > 1 else ""):
                flow = self.applied(step, flow, number)
            notes.append(flow.notes)
        return self.handed_on(flow, len(self.steps)), notes

    def applied(self, step: Step, flow: Any, number: int) -> Any:
        """What step `number` makes of a flow; some work when they are called, most when they are pulled."""
        before = enter(number)
        try:
            return step.apply(self.handed_on(flow, number), save=self.recorded(number))
        finally:
            enter(before)

    def handed_on(self, flow: Any, number: int) -> Any:
        """A flow as step `number` gets it: in a chain, as it leaves a pipe, and with errors that name their stage."""
        if len(self.steps) == 1:
            return flow
        name = self.steps[number - 1].stage.name if number else ""
        named = blamed(flow, name, number - 1 if number else None)
        return piped(named) if 0 < number < len(self.steps) else named

    def filled_in(self, job: Job) -> tuple[Step, ...]:
        """The steps with the names of a job's files filled in; a command of one stage takes names as they are."""
        if not self.templates:
            return self.steps
        path = Path(job.relative or job.source)
        fields = {
            "stem": path.stem,
            "parent": str(path.parent),
            "ext": self.ext.removeprefix("."),
            "suffix": path.suffix[1:],
        }
        return tuple(replace(step.filled_in(fields), force=job.force) for step in self.steps)

    def needs(self, job: Job) -> list[str]:
        """Name the files that a job reads beside its source."""
        return [path for step in self.filled_in(job) for path in step.files()]

    def beside(self, job: Job) -> list[str]:
        """Name the files that a job writes beside its outputs; those made of parts are known only when it runs."""
        named = [path for step in self.filled_in(job) for path in step.writes()] if self.templates else []
        return [path for path in named if "{part}" not in path]

    def recorded(self, number: int) -> dict[str, Any]:
        """The part of a step's recipe that is about writing; only the last is written in another way than a pipe is."""
        if not self.steps[number].stage.saves:
            return {}
        how = self.save if number == len(self.steps) - 1 else SaveOptions()
        return {key: value for key, value in how._asdict().items() if value is not None}

    def entries(self, job: Job) -> list[dict[str, Any]]:
        """What this work appends to the history of a job's outputs, as far as it is known before."""
        return [
            {
                **step.stage.entry(step.options, save=self.recorded(number)),
                **({"inputs": list(step.places("-" if number else job.source))} if step.stage.many else {}),
            }
            for number, step in enumerate(self.filled_in(job))
            if step.records
        ]

    @property
    def known(self) -> Known:
        """What is known of a job before it is done."""
        return Known(self.entries, self.needs, self.beside)


@contextmanager
def written_beside(notes: Sequence[Notes], outputs: Sequence[str], *, force: bool) -> Iterator[None]:
    """Write what results leave beside themselves once they are saved; what exists already is refused before.

    Raises:
        UsageError: one of them is an output itself.
        InputError: one exists.
    """
    beside = {path: write for note in notes for path, write in note.beside.items()}
    taken = set(map(os.path.normpath, outputs))
    for path in beside:
        if os.path.normpath(path) in taken:
            raise UsageError(
                f"{path} would be written twice: as the result, and beside it", hint="give it another name"
            )
        check_free(path, force=force)
    yield
    for path, write in beside.items():
        with atomic_file(path, force=force) as temporary:
            write(temporary)


def save(flow: Flow, job: Job, how: SaveOptions, ext: str = ".wav") -> list[str]:
    """Write a flow where a job wants it; returns warnings."""
    if isinstance(flow, Sound):
        warnings = flow.save(job.target, subtype=how.subtype, bit_rate=how.bit_rate, clip=how.clip, force=job.force)
        # The only part that was asked for is a sound, but is spoken of as a part.
        return [f"{part}: {text}" for part in job.targets for text in warnings] if job.targets else warnings
    if isinstance(flow, Chunks):
        return flow.save(job.target, force=job.force)
    assert isinstance(flow, Parts)
    if flow.as_chunks is not None and (job.target == "-" or job.target.endswith((".chunks", ".tar", ".npy"))):
        chunks = flow.as_chunks()
        chunks.head.history = [*chunks.head.history, *flow.history]
        return chunks.save(job.target, force=job.force)
    target: str | Mapping[str, str] = job.targets or job.target
    return flow.save(target, subtype=how.subtype, bit_rate=how.bit_rate, clip=how.clip, force=job.force, suffix=ext)


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
    stage.bind(call.options)
    if stage.hooks.instead is not None and stage.hooks.instead(call):
        return []
    chain = Chain((Step(stage, dict(call.options)),))
    return run_chain(chain, call.inputs, call.out, save=call.save, batch=call.batch, templates=False)


def run_chain(
    chain: Chain,
    inputs: Sequence[str],
    out: str | None,
    *,
    save: SaveOptions,
    batch: BatchOptions,
    templates: bool = True,
) -> list[dict[str, Any]]:
    """Run a chain over inputs, as a command line of a stage would be run.

    Args:
        chain: what is done.
        inputs, out: as given.
        save: how sounds are written.
        batch: the shared options.
        templates: names of files may hold {stem} and the like.

    Raises:
        AudiokitError: see `audiokit.engine.batch.run`.
    """
    first, last = chain.steps[0], chain.steps[-1]
    if not first.stage.reads:
        return run_source(chain, inputs, out, how=save, batch=batch)
    options = [step.stage.bind(step.options) for step in chain.steps]
    steps = list(chain.steps)
    if first.stage.hooks.across is not None and not batch.dry_run and not (templates and first.is_template):
        call = Call(inputs, out, first.options, save, batch)
        steps[0] = replace(first, options={**first.options, **first.stage.hooks.across(call)})
    if first.stage.hooks.inputs is not None:
        inputs = first.stage.hooks.inputs(inputs, options[0])
    ext = suffix_of(last.stage, options[-1], inputs if len(steps) == 1 else ["-"])
    check_save(out, ext, save)
    work = Work(tuple(steps), save, ext, batch.quiet, templates)
    parts, batch = parts_of(steps, options, batch)
    in_pieces = of_pieces(steps, options)
    if in_pieces or (parts is not None and len(parts) > 1):
        check_folder(chain, out)
    if len(steps) > 1 and in_pieces:
        ext, batch = "", batch._replace(name=batch.name or "{stem}")
    return run(
        work,
        inputs,
        out,
        batch=batch,
        known=work.known,
        begin=lambda: remark(steps, batch),
        named=Named(ext, parts),
        stages=[step.stage.name for step in steps],
        accept=found_as(first.stage, options[0]),
        seed=first.options.get("seed", 0),
    )


def remark(steps: Sequence[Step], batch: BatchOptions) -> None:
    """Say once, here and not in workers, what stages have to say before they run."""
    if batch.quiet or batch.dry_run:
        return
    told = ((step.stage.hooks.remarks, step.stage.bind(step.options)) for step in steps)
    for text in dict.fromkeys(text for say, options in told if say is not None for text in say(options)):
        print(shown(text), file=sys.stderr)


def run_source(
    chain: Chain, inputs: Sequence[str], out: str | None, *, how: SaveOptions, batch: BatchOptions
) -> list[dict[str, Any]]:
    """Run a chain that begins with nothing; what it makes has names of its own, and is reported one by one.

    Raises:
        UsageError: no output, inputs or options that mean nothing here, or several sounds for one file.
        InputError: an output exists.
    """
    first = chain.steps[0]
    target = _checked_target(first.stage, inputs, out, batch)
    options = first.stage.bind(first.options)
    if first.stage.hooks.across is not None:
        call = Call((), target, options, how, batch)
        first = replace(first, options={**first.options, **first.stage.hooks.across(call)})
    if batch.dry_run:
        print(f"{chain.name} -> {target}")
        return []
    steps = (first, *chain.steps[1:])
    ext = suffix_of(steps[-1].stage, steps[-1].stage.bind(steps[-1].options), ["-"])
    (job,) = plan([("-", "stdin")], target, named=Named(ext), batch=batch)
    folder = is_folder(target)
    check_save(target, ext, how)
    if not folder and target != "-":
        check_free(target, force=batch.force)
    remark(steps, batch)
    work = Work(steps, how, ext, batch.quiet, True)
    be_quiet(batch.quiet)
    flow, notes = work.made_of(None, job)
    if folder and isinstance(flow, Sound) and flow.as_parts is not None:
        flow = flow.as_parts()
    if not folder and isinstance(flow, Parts):
        flow = _only(flow, target)
    count = len(flow.names or ()) if isinstance(flow, Parts) else 1
    reports: list[dict[str, Any]] = []
    talk = Progress(count, quiet=batch.quiet, data_on_stdout=batch.json or target == "-")
    with talk as progress, written_beside(notes, [target], force=batch.force):

        def tell(name: str, path: str, made: Flow, found: Sequence[str]) -> None:
            warnings = [*made.notes.warnings, *found]
            reports.append({"name": name, **facts(made), **made.notes.report, "output": path, "warnings": warnings})
            if batch.json:
                print(json.dumps(reports[-1], default=str), flush=True)
            progress.finished(reports[-1]["name"], path, reports[-1])

        if isinstance(flow, Parts):
            flow.save(
                target,
                subtype=how.subtype,
                bit_rate=how.bit_rate,
                clip=how.clip,
                force=batch.force,
                suffix=ext,
                told=tell,
            )
        else:
            tell(chain.name, job.target, flow, save(flow, job, how, ext))
    return reports


def _checked_target(stage: Stage[..., Any, Any], inputs: Sequence[str], out: str | None, batch: BatchOptions) -> str:
    """Refuse what means nothing to a stage that reads nothing (UsageError)."""
    if out is None:
        raise UsageError("no output was given", hint="-o FILE for one sound, -o FOLDER/ for many, -o - for a pipe")
    if batch.json and out == "-":
        raise UsageError("--json and -o - both want standard output", hint="write the result to a file")
    idle = [name for name in ("skip_existing", "cluster", "name") if getattr(batch, name)]
    if inputs or idle:
        what = f"--{idle[0].replace('_', '-')}" if idle else inputs[0]
        raise UsageError(f"{stage.name} reads nothing, so there is nothing to do with {what}")
    return out


def _only(parts: Parts, target: str) -> Sound:
    """The only one of several sounds, for a target that is a file (UsageError if there are more)."""
    if parts.names is None or len(parts.names) != 1:
        several = "several" if parts.names is None else len(parts.names)
        raise UsageError(
            f"{several} {parts.called} do not fit into the one file {target}", hint=f"give a folder: -o {parts.called}/"
        )
    return parts[parts.names[0]]


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
    if out != "-" and (out.endswith("/") or os.path.isdir(out)):
        raise UsageError(
            f"{out}: what {stage.name} makes is one file, not a folder",
            hint=f"write {out.rstrip('/')}/{stage.name}.wav",
        )
    stage.bind(options)
    stage.check_count(len(inputs))
    check_save(out, ".wav", how)
    if out != "-":
        check_free(out, force=talk.force)
    folders = [path for path in inputs if os.path.isdir(path)]
    if folders:
        raise InputError(f"{folders[0]}: is a folder", hint="name the files, for example with a shell pattern")
    recorded = {key: value for key, value in how._asdict().items() if value is not None} if stage.saves else {}
    with heard() as told, without_empty_folders([] if out == "-" else [out]):
        flow = stage.apply([stage.take(path) for path in inputs], options, save=recorded, inputs=inputs)
        try:
            warnings = save(flow, Job(inputs[0], out, force=talk.force), how)
        except OSError as error:  # a full disk: what is read has its own errors
            if error.errno is not None and error.filename is None and out != "-":
                error.filename = out
            raise
    report = {"inputs": list(inputs), "output": out, **facts(flow), **flow.notes.report}
    report["warnings"] = [*told, *flow.notes.warnings, *warnings]
    made = f"{' + '.join(inputs)} -> {out}" + (f" ({report['engine']})" if "engine" in report else "")
    print_report(report, made, as_json=talk.json and out != "-", quiet=talk.quiet)
