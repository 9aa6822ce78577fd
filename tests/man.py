"""Write man pages from the program itself, one for each command: `make man`, then `man build/man/audiokit-mix.1`."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from audiokit import __version__
from audiokit.cli import COMMANDS, app
from audiokit.engine.help import grouped

EXIT = """\
0 done; 1 a bug in audiokit; 2 usage or a bad value; 3 an input is missing, unreadable or of the wrong kind, or an
output exists; 4 damaged data; 5 a model is unknown or does not fit; 6 an optional extra is missing; 7 some files of a
batch failed; 130 interrupted."""


def roff(text: str) -> str:
    """Escape text for roff: backslashes, hyphens that are typed, and lines that would be requests.

    >>> roff("a-b\\\\n.c")
    'a\\\\-b\\\\en.c'
    """
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti").replace("^", "\\(ha")
    return re.sub(r"^(?=[.'])", r"\\&", escaped, flags=re.M)


def pages(command: Any, context: Any, name: str) -> Iterator[tuple[str, str]]:
    """Yield (file name, page) of a command and of those inside it."""
    yield f"{name}.1", page(command, context, name)
    for inner in command.list_commands(context) if hasattr(command, "list_commands") else ():
        part = command.get_command(context, inner)
        path = f"{context.command_path} {inner}"
        yield from pages(part, type(context)(part, info_name=inner, parent=context), path.replace(" ", "-"))


def page(command: Any, context: Any, name: str) -> str:
    """Make one page."""
    text = inspect.cleandoc(command.help or COMMANDS.get(name, ("", ""))[1]).replace("\f", "")
    body, _, examples = text.partition("\b\nExamples:\n")
    summary, _, description = body.strip().partition("\n\n")
    lines = [
        f'.TH "{name.upper()}" 1 "" "audiokit {__version__}" "audiokit manual"', ".SH NAME",
        f"{roff(name)} \\- {roff(summary.rstrip('.'))}", ".SH SYNOPSIS", f".B {roff(context.command_path)}",
        roff(" ".join(command.collect_usage_pieces(context))),
    ]  # fmt: skip
    if description.strip():
        lines += [".SH DESCRIPTION", roff(description.strip()).replace("\n\n", "\n.PP\n")]
    for heading, records in grouped(command, context):
        lines.append(f".SH {heading.upper()}")
        for term, said in records:
            lines += [".TP", f"\\fB{roff(term)}\\fR", roff(said) if said else "\\&"]
    if hasattr(command, "list_commands"):
        lines.append(".SH COMMANDS")
        for inner in command.list_commands(context):
            said = getattr(command, "table", {}).get(inner, ("", ""))[1] or command.get_command(
                context, inner
            ).get_short_help_str(200)
            lines += [".TP", f"\\fB{roff(f'{name}-{inner}')}\\fR(1)", roff(said)]
    if examples.strip():
        lines += [".SH EXAMPLES", ".nf", roff(inspect.cleandoc("\n" + examples)), ".fi"]
    lines += [".SH EXIT STATUS", roff(EXIT)]
    if name != "audiokit":
        lines += [".SH SEE ALSO", "\\fBaudiokit\\fR(1)"]
    return "\n".join(lines) + "\n"


def main(folder: str = "build/man") -> None:
    """Write every page into a folder."""
    command = typer.main.get_command(app)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    with command.make_context("audiokit", ["--help"], resilient_parsing=True) as context:
        for name, text in pages(command, context, "audiokit"):
            (target / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:2])
