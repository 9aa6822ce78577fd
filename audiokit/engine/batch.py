"""The engine of every per-file command: expand inputs, check all, plan, run, report.

Nothing is written before everything was checked. One bad file does not stop the others; the failures are listed at
the end and the status is 7. Every task is a plain function of a Job, so it runs the same here, in local worker
processes, or on a Dask cluster.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from typing import Any

from audiokit.engine.execute import run_job
from audiokit.engine.job import Job, Known, Named, Outcome, Task
from audiokit.engine.memory import reuse_freed_memory
from audiokit.engine.plan import check_beside, check_targets, expand, plan, up_to_date
from audiokit.engine.remote import is_remote
from audiokit.engine.settings import BatchOptions
from audiokit.errors import BatchError, UsageError, shown
from audiokit.io.files import without_empty_folders

__all__ = ["Job", "Known", "Named", "Outcome", "Task", "expand", "plan", "run", "run_job", "survey"]


def run(
    task: Task,
    inputs: Sequence[str],
    out: str | None,
    *,
    batch: BatchOptions,
    known: Known,
    named: Named = Named(),
    accept: str = "audio",
    seed: int = 0,
    stages: Sequence[str] = (),
    begin: Callable[[], None] | None = None,
) -> list[dict[str, Any]]:
    """Run a task over inputs, whole outputs only, and report.

    Args:
        task: picklable function of a Job; returns what `--json` prints (and "warnings").
        inputs: files, folders, "-".
        out: `--out` as given.
        batch: the shared options.
        known: what is known of every job before it runs.
        named: how outputs are called whose names are made here.
        accept: what folders are searched for: "audio", "chunks" or "either".
        seed: `--seed`.
        stages: names of the stages of a chain, for the display of progress.
        begin: called once before the first job, if there is one, when everything has been checked.

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
    jobs = plan(expand(inputs, accept), out, named=named, batch=batch, seed=seed)
    jobs = [replace(job, history=list(known.entries(job))) for job in jobs]
    check_beside(jobs, known.beside)
    if batch.dry_run:
        for job in jobs:
            print(shown(f"{job.source} -> {', '.join(job.outputs)}"))
        return []
    kept = jobs
    if batch.skip_existing:
        kept = [replace(job, force=True) for job in jobs if not up_to_date(job, known.needs(job), known.beside(job))]
        if not batch.quiet and len(kept) < len(jobs):
            print(f"{len(jobs) - len(kept)} of {len(jobs)} up to date", file=sys.stderr)
    check_targets(kept, batch, known.beside)
    if begin is not None and kept:
        begin()
    outcomes = _execute(task, kept, batch)
    local = [target for job in kept for target in job.outputs if target != "-" and not is_remote(target)]
    with without_empty_folders(local):
        try:
            return _report(kept, outcomes, batch, stages)
        finally:
            outcomes.close()  # workers end before anything that they could still write to is taken away


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
        _raise_failures(failures, len(reports), len(jobs))
    return [reports[job.source] for job in jobs if job.source in reports]


def _execute(task: Task, jobs: Sequence[Job], batch: BatchOptions) -> Generator[Outcome, None, None]:
    if len(jobs) > 1:
        reuse_freed_memory()
    if batch.cluster:
        from audiokit.engine.dask import run_on_cluster

        return run_on_cluster(task, jobs, batch.cluster)
    if batch.jobs > 1 and len(jobs) > 1:
        from audiokit.engine.local import run_in_processes

        return run_in_processes(task, jobs, batch.jobs)
    return (run_job(task, job) for job in jobs)


def _report(
    jobs: Sequence[Job], outcomes: Iterable[Outcome], batch: BatchOptions, stages: Sequence[str] = ()
) -> list[dict[str, Any]]:
    from audiokit.engine.progress import Progress

    reports: dict[str, dict[str, Any]] = {}
    failures: list[Outcome] = []
    piped, here = any(job.target == "-" for job in jobs), batch.cluster is None and (batch.jobs == 1 or len(jobs) == 1)
    talk = Progress(len(jobs), quiet=batch.quiet, data_on_stdout=piped, stages=stages, here=here)
    with talk as progress:
        for outcome in outcomes:
            job = outcome.job
            if outcome.error:
                failures.append(outcome)
                progress.failed(job.source, outcome.reason)
                line = {"input": job.source, "error": outcome.reason, "status": outcome.error.status}
            else:
                assert outcome.report is not None
                targets = job.outputs
                output = job.targets or targets[0]
                line = {"input": job.source, "output": output, **outcome.report}
                reports[job.source] = line
                progress.finished(job.source, ", ".join(targets), outcome.report)
            if batch.json:
                print(json.dumps(line, default=str), flush=True)
            if outcome.error and (batch.fail_fast or len(jobs) == 1):
                break
    if failures:
        _raise_failures(failures, len(reports), len(jobs))
    return [reports[job.source] for job in jobs if job.source in reports]


def _raise_failures(failures: Sequence[Outcome], done: int, total: int) -> None:
    _write_traces([outcome.trace for outcome in failures if outcome.trace])
    if total == 1:
        error = failures[0].error
        assert error is not None
        raise error
    hints = {outcome.error.hint for outcome in failures if outcome.error and outcome.error.hint}
    left = total - done - len(failures)  # --fail-fast: not begun, or not waited for
    stopped = f", where --fail-fast stopped ({done} done, {left} left)" if left else ""
    raise BatchError(
        f"{len(failures)} of {total} files failed{stopped}:",
        lines=[outcome.reason for outcome in failures],
        hint=hints.pop() if len(hints) == 1 else "the others are done" if done and not left else None,
    )


def _write_traces(traces: Sequence[str]) -> None:
    """Write where bugs were met, each place once however many files met it."""
    first: dict[str, str] = {}
    met: Counter[str] = Counter()
    for trace in traces:
        place = "".join(line for line in trace.splitlines() if line.startswith('  File "'))
        first.setdefault(place, trace)
        met[place] += 1
    for place, trace in first.items():
        sys.stderr.write(trace)
        if met[place] > 1:
            print(f"(the same in {met[place] - 1} more)", file=sys.stderr)
