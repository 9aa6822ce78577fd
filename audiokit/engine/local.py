"""Local worker processes: a model is loaded once per worker, and a worker that dies costs one retry, not the batch."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

from audiokit.engine.execute import run_job
from audiokit.engine.job import Job, Outcome, Task
from audiokit.engine.memory import reuse_freed_memory
from audiokit.errors import InputError

#: What a worker is given at once takes about this long, where files are short.
_GROUP_S = 0.1
_LARGEST_GROUP = 16
_PROCESSES = multiprocessing.get_context("spawn")
#: How far each job is, in memory that workers share with their parent, which so knows what a dead one was busy with.
_BEGUN, _DONE = 1, 2
_states: Any = None
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def run_in_processes(task: Task, jobs: Sequence[Job], count: int) -> Iterator[Outcome]:
    """Run jobs in `count` fresh processes and yield outcomes as they come.

    When a worker dies (out of memory, killed), the jobs that it and its neighbours were busy with are retried once,
    each alone in a worker of its own, so that the file that kills workers is found; all others go on as before.
    """
    waiting, suspects = list(jobs), []
    while waiting:
        died, waiting = yield from _drain(task, waiting, count)
        suspects += died
    for job in suspects:
        if (yield from _drain(task, [job], 1))[0]:
            message = f"{job.source}: its worker process died twice"
            yield Outcome(job, error=InputError(message, hint="probably out of memory: use fewer --jobs"))


def _drain(task: Task, jobs: Sequence[Job], count: int) -> Generator[Outcome, None, tuple[list[Job], list[Job]]]:
    """Work jobs off; where a worker dies, return those that were in work then, and those that are still to be done."""
    states = _PROCESSES.RawArray("b", len(jobs))
    waiting, together = list(enumerate(jobs)), 1
    pool = _pool(min(count, len(waiting)), states)
    under_way: dict[Future[list[Outcome]], list[tuple[int, Job]]] = {}
    try:
        while waiting or under_way:
            # Some in work and some in hand for each worker: none waits while an outcome is being reported.
            while waiting and len(under_way) < 2 * count:
                some = waiting[: max(1, min(together, len(waiting) // (2 * count)))]
                under_way[pool.submit(_run_all, task, some)] = some
                del waiting[: len(some)]
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                outcomes = future.result()
                del under_way[future]
                together = _worth_a_message(outcomes)
                yield from outcomes
    except BrokenProcessPool:
        pass
    finally:
        _stop(pool, kill=bool(under_way))
    # Only now nothing goes on any more.
    lost = [pair for some in under_way.values() for pair in some]
    # Where nobody had begun, workers die of what they are handed, or of starting.
    begun = [number for number, _ in lost if states[number] == _BEGUN] or [number for number, _ in lost]
    # One may be finished though its worker could not say so: its own output must not be in its way.
    again = [(number, replace(job, force=job.force or states[number] > 0)) for number, job in lost]
    suspects = [replace(job, force=True) for number, job in again if number in begun]
    return suspects, [job for number, job in [*again, *waiting] if number not in begun]


def _run_all(task: Task, jobs: Sequence[tuple[int, Job]]) -> list[Outcome]:
    outcomes = []
    for number, job in jobs:
        _states[number] = _BEGUN
        outcomes.append(run_job(task, job))
        _states[number] = _DONE
    return outcomes


def _worth_a_message(outcomes: Sequence[Outcome]) -> int:
    """How many jobs like these to hand over at once: a message costs about a millisecond on both sides."""
    spent = max((outcome.report["elapsed_s"] for outcome in outcomes if outcome.report), default=_GROUP_S)
    return max(1, min(_LARGEST_GROUP, int(_GROUP_S / max(spent, 1e-3))))


def _pool(count: int, states: Any = None) -> ProcessPoolExecutor:
    threads = str(max(1, (os.cpu_count() or 1) // count))
    before = {name: os.environ.get(name) for name in _THREADS}
    for name in _THREADS:
        # One thread for numpy's matrices, as in `cli.main`: another number of jobs gives the same numbers.
        os.environ.setdefault(name, "1" if name == "OPENBLAS_NUM_THREADS" else threads)
    pool = ProcessPoolExecutor(count, mp_context=_PROCESSES, initializer=_start_worker, initargs=(states,))
    # Workers start on the first submit and inherit the environment then; it is restored when the pool stops.
    pool._audiokit_environment = before  # type: ignore[attr-defined]
    return pool


def _start_worker(states: Any) -> None:
    """Leave Ctrl-C to the parent, and clean up temporary files when told to stop."""
    global _states
    _states = states
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    reuse_freed_memory()
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """End when the parent is gone, however it went: nobody would take what is made here, or give more to do."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        os._exit(1)


def _leave(*_: object) -> None:
    raise SystemExit(143)


def _stop(pool: ProcessPoolExecutor, *, kill: bool) -> None:
    # Idle workers leave by themselves; terminating them while they wait for the queue ends in tracebacks.
    for process in list((pool._processes or {}).values()) if kill else ():
        if process.is_alive():
            process.terminate()
    pool.shutdown(wait=True, cancel_futures=True)
    for name, value in pool._audiokit_environment.items():  # type: ignore[attr-defined]
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
