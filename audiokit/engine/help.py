"""How help looks: options under their headings, as wide as the terminal, in colour where it is one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typer import style
from typer.core import TyperCommand

from audiokit.engine.talk import in_colour

#: The widest that the column of names becomes.
_NAMES = 30


class GroupedCommand(TyperCommand):
    """Show the options under the headings that their declarations name; the function carries them (`headings`)."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write a list per heading, all of them with the same columns."""
        write_lists(formatter, grouped(self, ctx))


def grouped(command: Any, ctx: Any) -> list[tuple[str, list[tuple[str, str]]]]:
    """Put what a command takes under its headings: names and what they mean."""
    named: dict[str, str] = getattr(command.callback, "headings", {})
    lists: dict[str, list[tuple[str, str]]] = {heading: [] for heading in named.values()}
    last = next(reversed(lists), "Options")
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None:
            lists.setdefault(named.get(parameter.name or "", last), []).append(record)
    return [(heading, rows) for heading, rows in lists.items() if rows]


def write_lists(formatter: Any, lists: Iterable[tuple[str, list[tuple[str, str]]]]) -> None:
    """Write lists of names and what they mean under their headings, all with the same columns."""
    kept = [(heading, rows) for heading, rows in lists if rows]
    widest = min(_NAMES, max((len(name) for _, rows in kept for name, _ in rows), default=0))
    bold, cyan = ({"bold": True}, {"fg": "cyan"}) if in_colour() else ({}, {})
    for heading, rows in kept:
        # The first name is made as wide as the widest of all lists, so that every list has its columns there.
        padded = [(name.ljust(widest if place == 0 else 0), said) for place, (name, said) in enumerate(rows)]
        with formatter.section(_styled(heading, bold)):
            formatter.write_dl([(_styled(name, cyan), said) for name, said in padded])


def _styled(text: str, how: dict[str, Any]) -> str:
    return style(text, **how) if how else text
