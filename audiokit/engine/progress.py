"""Progress on standard error: one Rich display on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from audiokit.engine.at_work import Reading, at_work, reading
from audiokit.errors import shown

#: One file that takes less than this gets its line, and no bar that only flashes by.
PATIENCE_S = 1.0


class Progress:
    """Follow a batch of `total` files; use as a context manager.

    Many files are counted; of a single one it is shown how far it has been read, once it takes its time.

    Args:
        total: files.
        quiet: say nothing.
        data_on_stdout: the result goes to a pipe.
        stages: names of the stages that are run, which the display shows.
        here: the stages work in this process, so that the one at work can be marked.
    """

    def __init__(
        self, total: int, *, quiet: bool, data_on_stdout: bool = False, stages: Sequence[str] = (), here: bool = True
    ) -> None:
        self._stages, self._here = stages, here
        self._total, self._quiet = total, quiet or data_on_stdout
        self._quiet_warnings = quiet
        self._done = 0
        self._audio_s = 0.0
        self._display: Any = None
        self._timer: Any = None

    def __enter__(self) -> Progress:
        if not self._quiet and sys.stderr is not None and sys.stderr.isatty():
            if self._total > 1:
                self._start()
            else:
                import threading

                self._timer = threading.Timer(PATIENCE_S, self._start)
                self._timer.daemon = True
                self._timer.start()
        return self

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Display

        console = Console(stderr=True)
        columns: list[Any] = [BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}")]
        columns.append(TimeRemainingColumn())
        if self._total == 1:
            columns = _reading_columns(max(8, min(40, console.width - 56)))
        if self._stages:
            columns.insert(0, _stages_column(self._stages, here=self._here, width=max(12, console.width - 52)))
        display = Display(*columns, console=console, transient=self._total == 1)
        self._row = display.add_task("", total=self._total, speed="")
        display.start()
        self._display = display

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        if self._display:
            self._display.stop()
        self._timer = self._display = None

    def __exit__(self, *error: object) -> None:
        self._stop()

    def finished(self, source: str, target: str, report: dict[str, Any]) -> None:
        """Count one file, and pass on its warnings."""
        self._done += 1
        if self._total == 1:
            self._stop()
        self._audio_s += float(report.get("seconds") or 0.0)
        if self._display:
            elapsed = self._display.tasks[0].elapsed or 1e-9
            self._display.update(self._row, advance=1, speed=f"{self._audio_s / elapsed:.0f}x real time")
        elif not self._quiet:
            print(shown(f"{_count(self._done, self._total)}{source} -> {target}"), file=sys.stderr)
        if not self._quiet_warnings:
            print_warnings(source, report)

    def failed(self, source: str, reason: str) -> None:
        """Count one file that failed; the reasons are listed at the end."""
        self._done += 1
        if self._total == 1:
            self._stop()
        if self._display:
            self._display.update(self._row, advance=1)
        elif not self._quiet and self._total > 1:
            print(f"{_count(self._done, self._total)}failed: {reason}", file=sys.stderr)


def _reading_columns(width: int) -> list[Any]:
    """How far the only file has been read: a bar, time left, speed."""
    from rich.progress import ProgressColumn
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    class Bar(ProgressColumn):
        def render(self, task: Any) -> ProgressBar:
            share = reading().share
            return ProgressBar(total=None if share is None else 1.0, completed=share or 0.0, width=width)

    class Facts(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(shown_reading(reading()), style="progress.remaining")

    return [Bar(), Facts()]


def shown_reading(reading: Reading) -> str:
    """Say how far a source has been read.

    >>> reading = Reading(60.0)
    >>> shown_reading(reading)
    'starting'
    """
    if not reading.seconds:
        return "starting"
    left, speed = reading.left_s, f"{reading.speed:.1f}x real time"
    if left is None:
        return f"{reading.seconds:.0f} s read  {speed}"
    minutes, seconds = divmod(round(left), 60)
    return f"{100 * (reading.share or 0):3.0f} %  {minutes}:{seconds:02d} left  {speed}"


def _stages_column(stages: Sequence[str], *, here: bool, width: int) -> Any:
    from rich.progress import ProgressColumn
    from rich.text import Text

    class Stages(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text.assemble(*(piece for piece in shown_stages(stages, at_work() if here else None, width)))

    return Stages()


def shown_stages(stages: Sequence[str], active: int | None, width: int) -> list[tuple[str, str]]:
    """The stages of a chain in at most so many characters, the one at work in bold: (text, style).

    >>> "".join(text for text, style in shown_stages(["split", "denoise"], 1, 40))
    'split | denoise'
    >>> shown_stages(["split", "denoise", "normalize"], 1, 16)
    [('2/3 ', ''), ('denoise', 'bold')]
    >>> shown_stages(["split", "denoise", "normalize"], None, 16)
    [('3 stages', '')]
    """
    if len(" | ".join(stages)) <= width:
        pieces: list[tuple[str, str]] = []
        for number, name in enumerate(stages):
            pieces += [(" | ", "dim")] * bool(number) + [(name, "bold" if number == active else "")]
        return pieces
    if active is None:
        return [(f"{len(stages)} stages", "")]
    return [(f"{active + 1}/{len(stages)} ", ""), (stages[active], "bold")]


def _count(done: int, total: int) -> str:
    return f"[{done}/{total}] " if total > 1 else ""


def print_report(report: dict[str, Any], made: str, *, as_json: bool, quiet: bool) -> None:
    """Say what a command that makes one file of several has made.

    Args:
        report: what `--json` prints; "output" and "warnings" are its own.
        made: the line for people: what became of the inputs.
        as_json: print the report on standard output instead of the line on standard error.
        quiet: neither line nor warnings.
    """
    import json

    if as_json:
        print(json.dumps(report), flush=True)
    if quiet:
        return
    if not as_json:
        print(shown(made), file=sys.stderr)
    print_warnings(report["output"], report)


def print_warnings(name: str, report: dict[str, Any]) -> None:
    """Say what a report warns of."""
    for warning in report.get("warnings") or ():
        print(shown(f"audiokit: {name}: {warning}"), file=sys.stderr)
