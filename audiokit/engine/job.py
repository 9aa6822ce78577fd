"""One input and where its outputs go, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, NamedTuple

from audiokit.errors import AudiokitError, shown


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

    @property
    def outputs(self) -> list[str]:
        """All paths that are written."""
        return list(self.targets.values()) or [self.target]


#: A picklable function of a Job: what `--json` prints comes back.
Task = Callable[[Job], dict[str, Any]]


class Named(NamedTuple):
    """How outputs are called whose names are made here.

    Attributes:
        ext: suffix, such as ".wav" or ".chunks".
        parts: names of several outputs per input, such as stems.
        place: where an input goes below the output folder, from its relative name (default: the same place).
    """

    ext: str = ".wav"
    parts: Sequence[str] | None = None
    place: Callable[[str], str] | None = None


def _nothing(job: Job) -> Sequence[str]:
    return ()


class Known(NamedTuple):
    """What is known of every job before it runs.

    Attributes:
        entries: what the task appends to the history, for `--skip-existing`.
        needs: the files that it reads beside its input; where one is newer, the output is not up to date.
        beside: the files that it writes beside its outputs.
    """

    entries: Callable[[Job], Sequence[dict[str, Any]]]
    needs: Callable[[Job], Sequence[str]] = _nothing
    beside: Callable[[Job], Sequence[str]] = _nothing


@dataclass(frozen=True)
class Outcome:
    """What became of one job: a report, or the error that ended it."""

    job: Job
    report: dict[str, Any] | None = None
    error: AudiokitError | None = None
    trace: str = ""

    @property
    def reason(self) -> str:
        """Why it failed, with the input's name: library code that met the fault may not have known it.

        >>> Outcome(Job("a.wav", "b.wav"), error=AudiokitError("too low a rate")).reason
        'a.wav: too low a rate'
        """
        reason = str(self.error)
        own = [shown(PurePath(path).name) for path in (self.job.source, *self.job.outputs) if path != "-"]
        said = self.job.source == "-" or any(name in reason for name in own)
        return reason if said else f"{shown(self.job.source)}: {reason}"
