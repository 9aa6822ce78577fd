"""How help looks: options under their headings, as wide as the terminal, in colour where it is one."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class GroupedCommand(TyperCommand):
    """Show the options under the headings that their declarations name; the function carries them (`headings`)."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write a list per heading, all of them with the same columns."""
        named: dict[str, str] = getattr(self.callback, "headings", {})
        lists: dict[str, list[tuple[str, str]]] = {heading: [] for heading in named.values()}
        last = next(reversed(lists), "Options")
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                lists.setdefault(named.get(parameter.name or "", last), []).append(record)
        widest = min(30, max(len(term) for rows in lists.values() for term, _ in rows))
        for heading, rows in lists.items():
            if rows:
                (term, said), *others = rows
                with formatter.section(heading):
                    formatter.write_dl([(term.ljust(widest), said), *others])
