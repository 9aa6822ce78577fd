"""What a comparison with a library is: accuracy, processor time and start-up of both, in one run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from tests.bench.dependencies.decisions import decision
from tests.bench.measure import table

T = TypeVar("T")


@dataclass(frozen=True)
class Inputs:
    """Where real sounds may lie; what is not there is left out.

    Attributes:
        shared: folder of real audio with ground truth.
        soundfont: instruments that known songs are played with.
        limit: how many of many files are measured.
    """

    shared: Path
    soundfont: Path
    limit: int = 100


@dataclass(frozen=True)
class Row:
    """One piece beside one library.

    Attributes:
        piece, file, library: what is compared.
        measure: what the two accuracies are.
        ours, theirs: accuracies in words.
        seconds: processor time of ours and theirs for the same work, once warm.
        imports: statements that load ours and theirs.
    """

    piece: str
    file: str
    library: str
    measure: str
    ours: str
    theirs: str
    seconds: tuple[float, float] | None = None
    imports: tuple[str, str] | None = None

    def cells(self) -> list[object]:
        """Give the cells of its line in the table."""
        time_cell = start = "-"
        if self.seconds is not None:
            ours, theirs = self.seconds
            time_cell = f"{_milliseconds(ours)} / {_milliseconds(theirs)} ms"
        if self.imports is not None:
            start = " / ".join(f"{import_cost(one):.2f}" for one in self.imports) + " s"
        quality = f"{self.measure}: **{self.ours}** / {self.theirs}"
        decided, reason = decision(self.file, self.library)
        return [f"{self.piece}, `{self.file}`", self.library, quality, time_cell, start, decided, reason]


HEADER = ["piece", "library", "ours / library's", "processor time", "import", "decision", "reason"]


def render(rows: Sequence[Row]) -> str:
    """Make the table of all comparisons."""
    return table(HEADER, [row.cells() for row in rows])


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f}" if seconds >= 0.01 else f"{1000 * seconds:.2g}"


def timed(work: Callable[[], T], *, repeats: int = 3, warm: bool = True) -> tuple[float, T]:
    """Processor time of the fastest of several calls, and what the last one gave.

    A first call that is not counted lets compiled functions be compiled.
    """
    if warm:
        work()
    best = float("inf")
    for _ in range(repeats):
        began = time.process_time()
        result = work()
        best = min(best, time.process_time() - began)
    return best, result


@cache
def import_cost(statement: str) -> float:
    """Processor time that a fresh process spends on an import, beyond its own start (best of three)."""
    return max(0.0, _cost(statement) - _cost("pass"))


@cache
def _cost(statement: str) -> float:
    best = float("inf")
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", statement], stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{statement}: status {process.returncode}")
        best = min(best, usage.ru_utime + usage.ru_stime)
    return best
