"""Progress of a training run on standard error: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

#: Without a terminal the losses are said this often.
LINE_S = 10.0


class Progress:
    """Show steps, losses and the time left.

    Args:
        steps: at which the run ends.
        minutes: at which the run ends if that is earlier, or None.
        quiet: show nothing.
    """

    def __init__(self, steps: int, minutes: float | None, *, quiet: bool) -> None:
        self.steps, self.seconds_limit, self.quiet = steps, minutes * 60 if minutes else None, quiet
        self.bar: Any = None
        self.first: tuple[int, float] | None = None
        self.said = time.monotonic()

    def __enter__(self) -> Progress:
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = ("{task.description}", BarColumn(), TextColumn("{task.fields[talk]}"))
            self.bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self.bar.start()
            self.task = self.bar.add_task("train", total=1.0, talk="")
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def show(self, step: int, seconds: float, losses: Mapping[str, float]) -> None:
        """Move the bar, or say a line where there is none and the last is a while ago."""
        left = self.left(step, seconds)
        if self.bar is None and not self.quiet and losses and time.monotonic() - self.said > LINE_S:
            self.say(step, seconds, losses)
        if self.bar:
            text = " ".join(f"{name} {value:.3g}" for name, value in losses.items())
            done = 1.0 - left / (left + seconds) if left + seconds > 0 else 0.0
            self.bar.update(self.task, completed=done, talk=f"step {step}/{self.steps} {clock(left)} left {text}")

    def say(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Say one line that stays: after a validation, and now and then where there is no bar."""
        if self.quiet:
            return
        self.said = time.monotonic()
        text = " ".join(f"{name} {value:.4g}" for name, value in values.items())
        line = f"step {step}/{self.steps} {clock(self.left(step, seconds))} left {text}".rstrip()
        if self.bar:
            self.bar.console.print(line, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)

    def left(self, step: int, seconds: float) -> float:
        """Estimate the seconds left from the pace since this process began."""
        if self.first is None:
            self.first = (step, seconds)
        taken, spent = step - self.first[0], seconds - self.first[1]
        left = (self.steps - step) * spent / taken if taken > 0 else float("inf")
        if self.seconds_limit is not None:
            left = min(left, max(0.0, self.seconds_limit - seconds))
        return left if left != float("inf") else 0.0


def clock(seconds: float) -> str:
    """Write a duration as h:mm:ss.

    >>> clock(3725)
    '1:02:05'
    """
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{second:02d}"
