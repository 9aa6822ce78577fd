"""The same jobs on a Dask scheduler: Dask does scheduling, retries and the dashboard; we check and translate.

Inputs, outputs and models lie on storage that the workers share. A worker does a job in the folder in which the command
was given, so that names are the same there, in messages and in the history too.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from audiokit import __version__
from audiokit.engine.execute import run_job
from audiokit.engine.job import Job, Outcome, Task
from audiokit.engine.remote import is_remote
from audiokit.errors import AudiokitError, InputError, MissingExtraError, UsageError

#: A file whose worker dies is tried again, on another worker where there is one.
RETRIES = 2


def run_on_cluster(task: Task, jobs: Sequence[Job], address: str) -> Generator[Outcome, None, None]:
    """Run jobs on the workers of a Dask scheduler and yield outcomes as they come.

    Args:
        task: picklable function of a Job.
        jobs: what to do; their paths must mean the same on every worker.
        address: such as tcp://host:8786, or the path of a scheduler file.

    Raises:
        MissingExtraError: dask[distributed] is not installed.
        UsageError: a job reads or writes a pipe.
        InputError: no scheduler answers, it has no workers, or they lack audiokit.
    """
    if any("-" in (job.source, job.target) for job in jobs):
        raise UsageError("--cluster cannot reach this shell's pipes", hint="give files on shared storage")
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise MissingExtraError.of("cluster", "--cluster") from None
    where = {"scheduler_file": address} if os.path.isfile(address) else {"address": address}
    try:
        client: Any = Client(**where, timeout="10s", set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"--cluster {address}: no Dask scheduler answers ({reason})",
            hint="start one: dask scheduler; dask worker tcp://HOST:8786",
        ) from None
    with client:
        _check_workers(client, address)
        futures = {}
        for job in jobs:
            # Targets were checked before; a job that Dask repeats may find its own output there.
            sent = replace(job, force=True)
            futures[client.submit(run_there, os.getcwd(), task, sent, pure=False, retries=RETRIES)] = job
        for future in as_completed(futures, loop=client.loop):  # type: ignore[no-untyped-call]
            yield _outcome(future, futures[future])


class _Here:
    """The working folder of this process, which tasks of one folder share; those of another wait."""

    def __init__(self) -> None:
        self._turn, self._users, self._folder = threading.Condition(), 0, ""

    @contextmanager
    def at(self, folder: str) -> Iterator[None]:
        """Work in a folder (OSError where there is none)."""
        with self._turn:
            self._turn.wait_for(lambda: not self._users or self._folder == folder)
            if not self._users:
                self._before = os.getcwd()
                os.chdir(folder)
            self._users, self._folder = self._users + 1, folder
        try:
            yield
        finally:
            with self._turn:
                self._users -= 1
                if not self._users:
                    os.chdir(self._before)
                self._turn.notify_all()


_here = _Here()


def run_there(folder: str, task: Task, job: Job) -> Outcome:
    """Do a job on a worker, in the folder where its paths mean what they meant to whoever gave the command."""
    with ExitStack() as stack:
        try:
            stack.enter_context(_here.at(folder))
        except OSError:  # the worker does not see that folder, but perhaps what lies in others
            job = _absolute(folder, job)
        return run_job(task, job)


def _check_workers(client: Any, address: str) -> None:
    from packaging.version import Version

    def version() -> str:  # nested, so that it travels by value and runs where audiokit is absent
        try:
            import audiokit
        except ImportError:
            return ""
        return audiokit.__version__

    if not client.scheduler_info()["workers"]:
        raise InputError(f"--cluster {address}: the scheduler has no workers", hint="start some: dask worker ADDRESS")
    found = client.run(version)
    lacking = [name for name, text in found.items() if not text]
    if lacking:
        raise InputError(
            f"--cluster {address}: audiokit is not installed on {', '.join(sorted(lacking)[:3])}",
            hint="install audiokit in the workers' environment",
        )
    other = {
        name: text for name, text in found.items() if Version(text).release[:2] != Version(__version__).release[:2]
    }
    if other:
        name, text = next(iter(other.items()))
        raise InputError(
            f"--cluster {address}: {name} has audiokit {text}, here is {__version__}", hint="update the workers"
        )


def _absolute(folder: str, job: Job) -> Job:
    def absolute(path: str) -> str:
        return path if is_remote(path) else os.path.normpath(os.path.join(folder, path))

    targets = {part: absolute(path) for part, path in job.targets.items()}
    return replace(job, source=absolute(job.source), target=absolute(job.target), targets=targets)


def _outcome(future: Any, job: Job) -> Outcome:
    """Translate what Dask says of one future; the job is the caller's, with the paths as given."""
    error = future.exception()
    if error is None:
        outcome: Outcome = future.result()
        return replace(outcome, job=job)
    if isinstance(error, AudiokitError):
        return Outcome(job, error=error)
    reason = (
        "its worker died again and again"
        if type(error).__name__ == "KilledWorker"
        else f"{type(error).__name__}: {error}"
    )
    hint = "look at the workers' memory and logs"
    return Outcome(job, error=InputError(f"{job.source}: {reason}", hint=hint))
