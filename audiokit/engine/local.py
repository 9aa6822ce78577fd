"""Local worker processes: a model is loaded once per worker, and a worker that dies costs one retry, not the batch.

On Linux workers are copies of this process (fork), which have what it has imported: they begin within milliseconds.
Where threads run, or a library is loaded that copies badly, and on other systems, they are fresh processes (spawn).
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from typing import Any

from audiokit.engine.execute import run_job
from audiokit.engine.job import Job, Outcome, Task
from audiokit.engine.memory import reuse_freed_memory
from audiokit.errors import InputError

#: What a worker is given at once takes about this long, where files are short.
_GROUP_S = 0.1
_LARGEST_GROUP = 16
#: Libraries whose threads and devices do not survive that a process is copied.
_NOT_COPIED = ("onnxruntime", "torch", "numba")
#: What workers need whatever they do: imported once, before they are made copies.
_NEEDED = ("numpy", "soundfile")
#: How far each job is, in memory that workers share with their parent, which so knows what a dead one was busy with.
_BEGUN, _DONE = 1, 2
_states: Any = None
#: Status of a worker that was told to stop, and whether this one has something half made.
_STOPPED = 143
_at_work = False
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def run_in_processes(task: Task, jobs: Sequence[Job], count: int) -> Generator[Outcome, None, None]:
    """Run jobs in `count` processes and yield outcomes as they come.

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
    processes = multiprocessing.get_context(_way())
    states = processes.RawArray("b", len(jobs))
    waiting, together = list(enumerate(jobs)), 1
    pool = _Pool(min(count, len(waiting)), processes, states)
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
        pool.stop(kill=bool(under_way))
    # Only now nothing goes on any more.
    lost = [pair for some in under_way.values() for pair in some]
    # Where nobody had begun, workers die of what they are handed, or of starting.
    begun = [number for number, _ in lost if states[number] == _BEGUN] or [number for number, _ in lost]
    # One may be finished though its worker could not say so: its own output must not be in its way.
    again = [(number, replace(job, force=job.force or states[number] > 0)) for number, job in lost]
    suspects = [replace(job, force=True) for number, job in again if number in begun]
    return suspects, [job for number, job in [*again, *waiting] if number not in begun]


def _run_all(task: Task, jobs: Sequence[tuple[int, Job]]) -> list[Outcome]:
    global _at_work
    outcomes = []
    try:
        _at_work = True
        for number, job in jobs:
            _states[number] = _BEGUN
            outcomes.append(run_job(task, job))
            _states[number] = _DONE
    except SystemExit:  # what was half made is gone by now; the pool would go on with the next
        os._exit(_STOPPED)
    finally:
        _at_work = False
    return outcomes


def _worth_a_message(outcomes: Sequence[Outcome]) -> int:
    """How many jobs like these to hand over at once: a message costs about a millisecond on both sides."""
    spent = max((outcome.report["elapsed_s"] for outcome in outcomes if outcome.report), default=_GROUP_S)
    return max(1, min(_LARGEST_GROUP, int(_GROUP_S / max(spent, 1e-3))))


def _way() -> str:
    """How workers are made here: "fork" where this process can be copied, else "spawn"."""
    if not sys.platform.startswith("linux"):
        return "spawn"
    for name in _NEEDED:
        with suppress(ImportError):
            __import__(name)
    # A copy has one thread only: whatever the others held locked would stay so.
    threads = len(os.listdir("/proc/self/task"))
    return "spawn" if threads > 1 or any(name in sys.modules for name in _NOT_COPIED) else "fork"


class _Pool(ProcessPoolExecutor):
    """Workers that learn how far they are to say they are (states), and that end with their parent."""

    def __init__(self, count: int, processes: Any, states: Any = None) -> None:
        threads = str(max(1, (os.cpu_count() or 1) // count))
        self._before = {name: os.environ.get(name) for name in _THREADS}
        for name in _THREADS:
            # One thread for numpy's matrices, as in `cli.main`: another number of jobs gives the same numbers.
            os.environ.setdefault(name, "1" if name == "OPENBLAS_NUM_THREADS" else threads)
        # Copies hold open what was open when they were made, each other's ends of pipes as well. Of this one they
        # close the end that their parent holds, so that it ends with the parent.
        self._line = os.pipe() if processes.get_start_method() == "fork" else None
        super().__init__(count, mp_context=processes, initializer=_start_worker, initargs=(states, self._line))
        self._started = False

    def submit(self, /, *what: Any, **options: Any) -> Future[Any]:
        """Hand something to do over; workers start with the first and inherit the environment of then."""
        if self._started:
            return super().submit(*what, **options)
        self._started = True
        gc.freeze()  # what is there stays, so looking for garbage among it would only copy its pages
        # Ctrl-C waits until workers leave it to their parent.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]) if self._line else None
        try:
            return super().submit(*what, **options)
        finally:
            gc.unfreeze()
            if held is not None:
                signal.pthread_sigmask(signal.SIG_SETMASK, held)

    def stop(self, *, kill: bool) -> None:
        """End the workers, and give the environment back."""
        # Idle workers leave by themselves; terminating them while they wait for the queue ends in tracebacks.
        for process in list((self._processes or {}).values()) if kill else ():
            if process.is_alive():
                process.terminate()
        self.shutdown(wait=True, cancel_futures=True)
        for end in self._line or ():
            os.close(end)
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _start_worker(states: Any, line: tuple[int, int] | None) -> None:
    """Leave Ctrl-C to the parent, and clean up temporary files when told to stop."""
    global _states
    _states = states
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    if line is not None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        os.close(line[1])
    reuse_freed_memory()
    threading.Thread(target=_leave_with_parent, args=(line and line[0],), daemon=True).start()


def _leave_with_parent(line: int | None) -> None:
    """End when the parent is gone, however it went: nobody would take what is made here, or give more to do."""
    if line is not None:
        os.read(line, 1)  # nobody writes: it ends when nobody could any more
    else:
        parent = multiprocessing.parent_process()
        if parent is None:
            return
        parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
    os._exit(1)


def _leave(*_: object) -> None:
    """End at once, or let go of what is half made first."""
    if not _at_work:
        os._exit(_STOPPED)
    raise SystemExit(_STOPPED)
