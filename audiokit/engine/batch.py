"""The engine of every per-file command: expand inputs, check all, plan, run, report.

Nothing is written before everything was checked. One bad file does not stop the others; the failures are listed at
the end and the status is 7. Every task is a plain function of a Job, so it runs the same here, in local worker
processes, or on a Dask cluster.
"""

from __future__ import annotations

import os
import string
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from audiokit.engine.flow import seed_of
from audiokit.engine.memory import reuse_freed_memory
from audiokit.engine.remote import exists as remote_exists
from audiokit.engine.remote import is_remote, join, run_local, search
from audiokit.engine.settings import BatchOptions
from audiokit.errors import AudiokitError, BatchError, InputError, UsageError
from audiokit.io.audio import MEDIA_SUFFIXES, SUFFIXES, history_entry

CHUNK_SUFFIXES = (".npy", ".tar")


@dataclass(frozen=True)
class Job:
    """One input and where its outputs go.

    Attributes:
        source: path, or "-" for standard input.
        target: path of the (first) output, or "-".
        targets: part name -> path, for commands that write several parts.
        history: this command's entry, to hand to the writer.
        seed: made of `--seed` and the input's name, so it is the same whatever else runs.
        relative: the input's name relative to what was given ("stdin" for standard input).
        force: outputs may be replaced.
    """

    source: str
    target: str
    targets: dict[str, str] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    seed: int = 0
    force: bool = False
    relative: str = ""


Task = Callable[[Job], dict[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """What became of one job: a report, or the error that ended it."""

    job: Job
    report: dict[str, Any] | None = None
    error: AudiokitError | None = None
    trace: str = ""


def run(
    task: Task,
    inputs: Sequence[str],
    out: str | None,
    *,
    batch: BatchOptions,
    command: str = "",
    options: dict[str, Any] | None = None,
    entries: Sequence[dict[str, Any]] = (),
    ext: str = ".wav",
    parts: Sequence[str] | None = None,
    accept: str = "audio",
    seed: int = 0,
    place: Callable[[str], str] | None = None,
) -> list[dict[str, Any]]:
    """Run a task over inputs, whole outputs only, and report.

    Args:
        task: picklable function of a Job; returns what `--json` prints (and "warnings").
        inputs: files, folders, "-".
        out: `--out` as given.
        batch: the shared options.
        command: name for the history.
        options: what makes the result what it is, for the history and for `--skip-existing`.
        entries: what the task appends to the history, instead of one entry made of the two before.
        ext: suffix of outputs whose names are made here, such as ".wav" or ".chunks".
        parts: names of several outputs per input, such as stems.
        accept: what folders are searched for: "audio", "chunks" or "either".
        seed: `--seed`.
        place: where an input goes below the output folder, from its relative name (default: the same place).

    Returns:
        The reports of the jobs that succeeded, in input order.

    Raises:
        UsageError: colliding outputs, several inputs into one file, no `--out`.
        InputError: an input is missing or an output exists.
        AudiokitError: the error of the only job.
        BatchError: some of several jobs failed.
    """
    if batch.json and out == "-":
        raise UsageError("--json and -o - both want standard output", hint="write the result to a file")
    entries = list(entries) or [history_entry(command, options or {}, seed)]
    sources = expand(inputs, accept)
    if place is not None:
        sources = [(source, place(relative)) for source, relative in sources]
    jobs = plan(sources, out, ext=ext, parts=parts, batch=batch, entries=entries, seed=seed)
    if batch.dry_run:
        for job in jobs:
            print(f"{job.source} -> {', '.join(_targets(job))}")
        return []
    kept = jobs
    if batch.skip_existing:
        kept = [replace(job, force=True) for job in jobs if not _up_to_date(job)]
        if not batch.quiet and len(kept) < len(jobs):
            print(f"{len(jobs) - len(kept)} of {len(jobs)} up to date", file=sys.stderr)
    _check_targets(kept, batch)
    return _report(kept, _execute(task, kept, batch), batch)


def survey(
    task: Task, inputs: Sequence[str], show: Callable[[dict[str, Any]], None], *, batch: BatchOptions
) -> list[dict[str, Any]]:
    """Run a task that only reads over inputs, and show what it finds.

    Args:
        task: picklable function of a Job without a target; returns a report.
        inputs: files, folders, "-".
        show: takes each report (with "input", or with "error" and "status") as it comes.
        batch: the shared options; those about outputs mean nothing here.

    Returns:
        The reports of the inputs that could be read, in input order.

    Raises:
        AudiokitError: the error of the only input.
        BatchError: some of several inputs failed.
    """
    jobs = [Job(source, "") for source, _ in expand(inputs)]
    reports: dict[str, dict[str, Any]] = {}
    failures: list[Outcome] = []
    for outcome in _execute(task, jobs, batch):
        source = outcome.job.source
        if outcome.error:
            failures.append(outcome)
            if len(jobs) > 1:
                show({"input": source, "error": str(outcome.error), "status": outcome.error.status})
            if batch.fail_fast:
                break
        else:
            reports[source] = {"input": source, **(outcome.report or {})}
            show(reports[source])
    if failures:
        _raise_failures(failures, len(jobs))
    return [reports[job.source] for job in jobs if job.source in reports]


def expand(inputs: Sequence[str], accept: str = "audio") -> list[tuple[str, str]]:
    """Turn files and folders into (path, name relative to what was given), sorted inside folders.

    Raises:
        InputError: nothing is there, or a folder holds nothing readable.
        UsageError: "-" together with other inputs, or standard input is a terminal.
    """
    if "-" in inputs:
        if len(inputs) > 1:
            raise UsageError("- (standard input) cannot be combined with other inputs")
        if sys.stdin is None or sys.stdin.closed:
            raise InputError("standard input is closed", hint="pipe something in, or give a file")
        if sys.stdin.isatty():
            raise UsageError("standard input is a terminal", hint="pipe something in, or give a file")
        return [("-", "stdin")]
    found: list[tuple[str, str]] = []
    for given in inputs:
        path = Path(given)
        if is_remote(given):
            found += search(given, _suffixes(accept))
        elif path.is_dir() and not (accept != "audio" and (path / "manifest.json").exists()):
            inside = sorted(_search(path, accept))
            if not inside:
                raise InputError(f"{given}: no {_KINDS[accept]} inside", hint="check the folder")
            found += [(str(item), str(item.relative_to(path))) for item in inside]
        elif not os.path.lexists(path):
            raise InputError(f"{given}: no such file or folder")
        else:
            found.append((given, path.name))
    return found


_KINDS = {"audio": "audio files", "chunks": "chunk sets", "either": "audio files or chunk sets"}


def _suffixes(accept: str) -> tuple[str, ...]:
    return (SUFFIXES + MEDIA_SUFFIXES if accept != "chunks" else ()) + (CHUNK_SUFFIXES if accept != "audio" else ())


def _search(folder: Path, accept: str) -> Iterator[Path]:
    suffixes = _suffixes(accept)
    for root, folders, files in os.walk(folder, followlinks=True):
        here = Path(root)
        if (here / "manifest.json").exists():
            folders.clear()
            if accept != "audio":
                yield here
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (here / f for f in files if f.lower().endswith(suffixes) and not f.startswith("."))


def plan(
    sources: Sequence[tuple[str, str]],
    out: str | None,
    *,
    ext: str,
    parts: Sequence[str] | None,
    batch: BatchOptions,
    entries: Sequence[dict[str, Any]],
    seed: int = 0,
) -> list[Job]:
    """Give every input its outputs, and refuse two inputs with the same one (UsageError)."""
    if out is None:
        raise UsageError("no output given", hint="add -o FILE, -o FOLDER/ or -o -")
    if out == "-":
        if len(sources) > 1 or (parts and len(parts) > 1):
            raise UsageError("only one result fits on standard output", hint="choose a folder: -o out/")
        named = [dict.fromkeys(parts or [""], "-")]
    elif _is_file_target(out, sources, parts):
        named = [dict.fromkeys(parts or [""], out)]
    else:
        named = [_names(out, relative, ext, parts, batch.name) for _, relative in sources]
    taken: dict[str, str] = {}
    jobs = []
    for (source, relative), targets in zip(sources, named, strict=True):
        for target in targets.values():
            owner = taken.setdefault(os.path.normpath(target), source)
            if target != "-" and owner is not source:
                raise UsageError(
                    f"{owner} and {source} would both become {target}",
                    hint="keep them apart with --name, or give their common folder as the input",
                )
        if len(set(targets.values())) < len(targets) and out != "-":
            raise UsageError(f"{source}: its parts would overwrite each other", hint="put {part} into --name")
        first = next(iter(targets.values()))
        several = targets if parts else {}
        jobs.append(Job(source, first, several, list(entries), seed_of(relative, seed), batch.force, relative))
    return jobs


def _is_file_target(out: str, sources: Sequence[tuple[str, str]], parts: Sequence[str] | None) -> bool:
    if out.endswith(("/", os.sep)) or len(sources) != 1 or (parts and len(parts) > 1):
        return False
    path = Path(out)
    if not is_remote(out) and path.is_dir() and not (path / "manifest.json").exists():
        return False
    return bool(path.suffix)


def _names(folder: str, relative: str, ext: str, parts: Sequence[str] | None, template: str | None) -> dict[str, str]:
    path = Path(relative)
    stem = (
        path.name if path.suffix.lower() not in (*SUFFIXES, *MEDIA_SUFFIXES, *CHUNK_SUFFIXES, ".chunks") else path.stem
    )
    if template is None:
        template = "{stem}/{part}.{ext}" if parts else "{stem}.{ext}"
    fields = {"stem": stem, "ext": ext.removeprefix("."), "parent": str(path.parent)}
    try:
        known = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
        unknown = known - {"stem", "part", "ext", "parent"}
        if unknown:
            raise KeyError(unknown.pop())
        made = {part: template.format(**fields, part=part) for part in parts or [""]}
    except (KeyError, ValueError, IndexError) as error:
        raise UsageError(
            f"--name {template!r}: cannot be filled in ({error})", hint="use {stem}, {part}, {ext} and {parent}"
        ) from None
    if is_remote(folder):
        return {part: join(folder, path.parent.as_posix(), name) for part, name in made.items()}
    return {part: str(Path(folder) / path.parent / name) for part, name in made.items()}


def _targets(job: Job) -> list[str]:
    return list(job.targets.values()) or [job.target]


def _check_targets(jobs: Sequence[Job], batch: BatchOptions) -> None:
    if batch.force or batch.skip_existing:
        return
    existing = [t for job in jobs for t in _targets(job) if t != "-" and _exists(t)]
    if existing:
        more = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        raise InputError(
            f"{existing[0]}: exists already{more}",
            hint="add --force to replace, or --skip-existing to keep what is done",
        )


def _exists(target: str) -> bool:
    return remote_exists(target) if is_remote(target) else os.path.lexists(target)


def _up_to_date(job: Job) -> bool:
    """Whether all outputs are complete, newer than the input, and carry this very recipe."""
    if "-" in (job.source, job.target):
        return False
    if any(map(is_remote, [job.source, *_targets(job)])):  # their times and recipes are not to be had cheaply
        return all(map(_exists, _targets(job)))
    try:
        made = min(os.stat(target).st_mtime_ns for target in _targets(job))
        if _modified(job.source) > made:
            return False
    except OSError:
        return False
    return all(_made_by(target, job.history) for target in _targets(job))


def _modified(source: str) -> int:
    manifest = Path(source) / "manifest.json"
    return os.stat(manifest if manifest.exists() else source).st_mtime_ns


def _made_by(target: str, entries: Sequence[dict[str, Any]]) -> bool:
    """Whether the newest entries of a target's history say what these do; formats that hold no history are believed."""
    import json

    from audiokit.io.audio import info
    from audiokit.io.chunkset import is_chunks, open_chunks

    if Path(target).suffix == ".png":
        return True
    try:
        history = open_chunks(target).head.history if is_chunks(target) else info(target).history
    except AudiokitError:
        return False
    # Options pass through JSON on their way into the file: compare them as JSON does. What was found out while it was
    # made (what was drawn, a span) stands beside them and is no reason to make it anew.
    wanted = json.loads(json.dumps(list(entries), default=str))
    found = history[-len(wanted) :]
    return len(found) == len(wanted) and all(
        {key: entry.get(key) for key in want} == want for entry, want in zip(found, wanted, strict=True)
    )


def _execute(task: Task, jobs: Sequence[Job], batch: BatchOptions) -> Iterable[Outcome]:
    if len(jobs) > 1:
        reuse_freed_memory()
    if batch.cluster:
        from audiokit.engine.dask import run_on_cluster

        return run_on_cluster(task, jobs, batch.cluster)
    if batch.jobs > 1 and len(jobs) > 1:
        from audiokit.engine.local import run_in_processes

        return run_in_processes(task, jobs, batch.jobs)
    return (run_job(task, job) for job in jobs)


def run_job(task: Task, job: Job) -> Outcome:
    """Run one job and turn whatever happens into an Outcome (Ctrl-C and a closed pipe aside)."""
    import time
    import traceback

    started = time.perf_counter()
    try:
        local = not any(map(is_remote, [job.source, *_targets(job)]))
        report = task(job) if local else run_local(task, job)
        return Outcome(job, {**report, "elapsed_s": round(time.perf_counter() - started, 3)})
    except AudiokitError as error:
        return Outcome(job, error=error)
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else f"{job.source}: "
        hint = "free some space or write elsewhere" if error.errno in (27, 28, 122) else None
        failure = InputError(f"{where}{(error.strerror or str(error)).lower()}", hint=hint)
        return Outcome(job, error=failure, trace="" if error.strerror else traceback.format_exc())
    except MemoryError:
        hint = "use shorter chunks, fewer --jobs, or a smaller model"
        return Outcome(job, error=InputError(f"{job.source}: out of memory", hint=hint))
    except Exception as error:
        trace = traceback.format_exc()
        return Outcome(job, error=AudiokitError(f"{job.source}: {type(error).__name__}: {error}"), trace=trace)


def _report(jobs: Sequence[Job], outcomes: Iterable[Outcome], batch: BatchOptions) -> list[dict[str, Any]]:
    import json

    from audiokit.engine.progress import Progress

    reports: dict[str, dict[str, Any]] = {}
    failures: list[Outcome] = []
    with Progress(len(jobs), quiet=batch.quiet, data_on_stdout=any(job.target == "-" for job in jobs)) as progress:
        for outcome in outcomes:
            job = outcome.job
            if outcome.error:
                failures.append(outcome)
                progress.failed(job.source, str(outcome.error))
                line = {"input": job.source, "error": str(outcome.error), "status": outcome.error.status}
            else:
                assert outcome.report is not None
                targets = _targets(job)
                output = job.targets or targets[0]
                line = {"input": job.source, "output": output, **outcome.report}
                reports[job.source] = line
                progress.finished(job.source, ", ".join(targets), outcome.report)
            if batch.json:
                print(json.dumps(line, default=str), flush=True)
            if outcome.error and (batch.fail_fast or len(jobs) == 1):
                break
    if failures:
        _raise_failures(failures, len(jobs))
    return [reports[job.source] for job in jobs if job.source in reports]


def _raise_failures(failures: Sequence[Outcome], total: int) -> None:
    for outcome in failures:
        if outcome.trace:
            sys.stderr.write(outcome.trace)
    if total == 1:
        error = failures[0].error
        assert error is not None
        raise error
    lines = "".join(f"\n  {outcome.error}" for outcome in failures)
    hints = {outcome.error.hint for outcome in failures if outcome.error and outcome.error.hint}
    raise BatchError(
        f"{len(failures)} of {total} files failed:{lines}",
        hint=hints.pop() if len(hints) == 1 else "the others are done",
    )
