"""What this process says and how: whether it may talk, whether a terminal listens, and words that were meant."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from audiokit.errors import shown

_quiet = True


def be_quiet(quiet: bool) -> None:
    """Say nothing (Python callers hear nothing unless they ask), or talk, as commands do without --quiet."""
    global _quiet
    _quiet = quiet


def quiet() -> bool:
    """Whether nothing may be said."""
    return _quiet


def on_terminal() -> bool:
    """Whether somebody reads what is printed: standard output is a terminal that can move its cursor."""
    return sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def in_colour() -> bool:
    """Whether what is printed may have colours: on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return on_terminal() and not os.environ.get("NO_COLOR")


def meant(word: str, known: Iterable[str]) -> str | None:
    """Find the word that was meant; None if nothing known is near.

    >>> meant("normalise", ["normalize", "denoise"]), meant("xyz", ["normalize"])
    ('normalize', None)
    """
    from difflib import get_close_matches

    return next(iter(get_close_matches(word.lower(), list(known), 1)), None)


def show_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> None:
    """Draw a table on the terminal; the columns counted in `right` hold numbers.

    For people only: what programs read stays plain text, printed by whoever has the numbers.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    numbers = set(right)
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_header=any(header))
    for place, name in enumerate(header):
        justify: Any = "right" if place in numbers else "left"
        table.add_column(name, justify=justify, style="cyan" if place == 0 else None, no_wrap=place == 0)
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    Console().print(table)
