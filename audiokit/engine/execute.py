"""Run one job, wherever that is, and turn whatever happens into an Outcome."""

from __future__ import annotations

import errno
import time
import traceback
from contextlib import nullcontext
from functools import partial
from typing import Any

from audiokit.engine.job import Job, Outcome, Task
from audiokit.engine.remote import is_remote, run_local
from audiokit.errors import AudiokitError, InputError
from audiokit.io.standard import kept_for_data
from audiokit.io.told import heard


def run_job(task: Task, job: Job) -> Outcome:
    """Run one job and turn whatever happens into an Outcome (Ctrl-C and a closed pipe aside)."""
    started = time.perf_counter()
    try:
        local = not any(map(is_remote, [job.source, *job.outputs]))
        listening = partial(_heard, task)
        report = listening(job) if local else run_local(listening, job)
        return Outcome(job, {**report, "elapsed_s": round(time.perf_counter() - started, 3)})
    except AudiokitError as error:
        return Outcome(job, error=error)
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except OSError as error:
        hint = "free some space or write elsewhere; temporary files lie in TMPDIR"
        full = error.errno in (errno.EFBIG, errno.ENOSPC, errno.EDQUOT)
        # What is full is never the input, and a temporary name beside the output says nothing to anybody.
        where = job.target if full and job.target != "-" else error.filename or job.source
        failure = InputError(f"{where}: {(error.strerror or str(error)).lower()}", hint=hint if full else None)
        return Outcome(job, error=failure, trace="" if error.strerror else traceback.format_exc())
    except MemoryError:
        hint = "use shorter chunks, fewer --jobs, or a smaller model"
        return Outcome(job, error=InputError(f"{job.source}: out of memory", hint=hint))
    except Exception as error:
        trace = traceback.format_exc()
        return Outcome(job, error=AudiokitError(f"{job.source}: {type(error).__name__}: {error}"), trace=trace)


def _heard(task: Task, job: Job) -> dict[str, Any]:
    """Run a task, and put what readers told about files into its report; the report is about the source anyway."""
    with heard() as told, kept_for_data() if "-" in job.outputs else nullcontext():
        report = task(job)
    if told:
        own = f"{'standard input' if job.source == '-' else job.source}: "
        report = {**report, "warnings": [*(text.removeprefix(own) for text in told), *report.get("warnings", ())]}
    return report
