"""One input and where its outputs go, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from audiokit.errors import AudiokitError


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


@dataclass(frozen=True)
class Outcome:
    """What became of one job: a report, or the error that ended it."""

    job: Job
    report: dict[str, Any] | None = None
    error: AudiokitError | None = None
    trace: str = ""
