"""The program: a table of commands, loaded when they are used, and the one place where errors become statuses."""

from __future__ import annotations

import gc
import itertools
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from audiokit import __version__
from audiokit.engine.table import COMMANDS, find, plugins
from audiokit.errors import AudiokitError, UsageError, plainly, shown


class LazyGroup(TyperGroup):
    """Load a command when it runs, so that help and start-up stay instant."""

    table: ClassVar[dict[str, tuple[str, str]]] = COMMANDS
    find = staticmethod(find)
    others = staticmethod(plugins)

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the commands in the order of the table, then those of other packages."""
        return [*self.table, *(plugin.name for plugin in self.others() if plugin.name not in self.table)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import one command, or stand in for it with its one line while help is printed."""
        if getattr(self, "_listing", False):
            return TyperCommand(cmd_name, help=self._line(cmd_name))
        found = self.find(cmd_name)
        return None if found is None else load_command(cmd_name, found)

    def _line(self, name: str) -> str:
        if name in self.table:
            return self.table[name][1]
        try:
            return str(self.find(name).summary)
        except AudiokitError as error:
            return str(error).partition(": ")[2]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; an unknown one is told what was meant."""
        name = args[0]
        if name not in self.table and not name.startswith("-") and self.find(name) is None:
            from audiokit.engine.talk import meant

            near = meant(name, self.list_commands(ctx))
            hint = f"did you mean {near}? " if near else ""
            raise UsageError(f"no such command '{name}'", hint=f"{hint}see '{ctx.command_path} --help'")
        found, command, rest = super().resolve_command(ctx, args)
        declaration: Any = self.find(name) if command is not None else None
        if hasattr(declaration, "schema") and not {"-h", "--help", "--schema"} & set(rest):
            from audiokit.engine.config import words_for
            from audiokit.engine.shell import declared_by

            path = f"{ctx.command_path} {name}".partition(" ")[2]
            rest = [*words_for(path, declared_by(declaration), rest), *rest]
        return found, command, rest

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands with their whole line, then the options."""
        from audiokit.engine.help import write_lists

        options = [record for record in (p.get_help_record(ctx) for p in self.get_params(ctx)) if record]
        commands = [(name, self.get_command(ctx, name).help or "") for name in self.list_commands(ctx)]
        write_lists(formatter, [("Commands", commands), ("Options", options)])

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the table without importing a single command of ours."""
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False


def load_command(name: str, found: Any) -> Any:
    """Make the object that Typer runs of a declaration (a stage or a command), or of a module that holds an `app`."""
    if hasattr(found, "table"):
        command = typer.main.get_command(_group(found))
    elif hasattr(found, "app"):
        command = typer.main.get_command(found.app)
    else:
        from audiokit.engine.help import GroupedCommand
        from audiokit.engine.shell import shell_command

        function = shell_command(found) if hasattr(found, "schema") else getattr(found, name.replace("-", "_"))
        app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        app.command(name, cls=GroupedCommand, context_settings=CONTEXT)(function)
        command = typer.main.get_command(app)
    command.name = name
    return command


def _group(found: Any) -> typer.Typer:
    """Make the Typer group of a table of commands."""
    from audiokit.engine.shell import shell_help

    parts = {"table": found.table, "find": staticmethod(found.find), "others": staticmethod(lambda: iter(()))}
    app = typer.Typer(
        name=found.name,
        cls=type("Group", (LazyGroup,), parts),
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        add_completion=False,
        context_settings=CONTEXT,
    )

    def callback() -> None: ...

    callback.__doc__ = shell_help(found.__doc__)
    app.callback()(callback)
    return app


CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

#: What `audiokit` alone says after its help: something to hear or see within a minute.
FIRST_LINES = """
  Three lines to try:
    audiokit spectro song.mp3 -o song.png              a picture of a song
    audiokit split song.mp3 -o stems/                  its voice and its band
    audiokit normalize songs/ -o mastered/ --to -16    a folder, brought to one loudness"""

app = typer.Typer(
    name="audiokit",
    cls=LazyGroup,
    help="Composable audio commands that pass audio and spectrogram chunks between them.",
    epilog="Run 'audiokit COMMAND --help' for options and examples.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings=CONTEXT,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"audiokit {__version__}")
        raise typer.Exit


@app.callback()
def audiokit(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Show the version and leave."
    ),
) -> None:
    """Composable audio commands that pass audio and spectrogram chunks between them."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command line and leave with its exit status."""
    # Products of matrices are cut up by the number of threads and rounded accordingly, which searches for phases make
    # audible. They are small here: networks have threads of their own, which do not change the numbers.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    status = run(sys.argv[1:] if arguments is None else list(arguments))
    # Python ends with a search for cycles through everything that was imported, only to give its memory back: a fifth
    # of what importing Typer costs. Where no sound was touched there is nothing in them that would want to be closed.
    if "numpy" not in sys.modules:
        gc.freeze()
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit status: the only place where errors become numbers.

    >>> run(["--version"])
    audiokit ...
    0
    """
    # Click's own errors share this base; naming it through Typer keeps us independent of where Click lives.
    click_error: Any = typer.BadParameter.__mro__[2]
    try:
        _keep_stdout()
        command = typer.main.get_command(app)
        if "_AUDIOKIT_COMPLETE" in os.environ:
            command.main(args=arguments, prog_name="audiokit")
        # Not command.main(): it would turn a closed pipe into status 1 and swallow Ctrl-C's message.
        with command.make_context("audiokit", list(arguments)) as context:
            command.invoke(context)
        sys.stdout.flush()
        return 0
    except typer.Exit as leave:
        return leave.exit_code
    except AudiokitError as error:
        return _report(str(error), _whence(str(error), error.hint, arguments), error.status)
    except click_error as error:
        return _report_usage(error, arguments)
    except (typer.Abort, KeyboardInterrupt):
        return _report("interrupted; outputs finished so far are whole", None, 130)
    except BrokenPipeError:
        _silence_stdout()
        return 0
    except MemoryError:
        return _report("out of memory", "use shorter chunks (--chunk), fewer --jobs, or a smaller model", 3)
    except OSError as error:
        if error.errno is None or (error.filename is None and error.errno not in _DISK_ERRORS):
            raise
        where = f"{error.filename}: " if error.filename else ""
        return _report(shown(f"{where}{(error.strerror or 'cannot be used').lower()}"), _os_hint(error), 3)


_DISK_ERRORS = {27: "file too large", 28: "no space left", 122: "quota"}  # EFBIG, ENOSPC, EDQUOT


def _os_hint(error: OSError) -> str:
    if error.errno in _DISK_ERRORS:
        return "free some space or write elsewhere with -o; nothing was left half-written"
    return "check the path and its permissions"


def _report(message: str, hint: str | None, status: int) -> int:
    try:
        print(f"audiokit: {message}", file=sys.stderr)
        if hint:
            print(f"hint: {hint}", file=sys.stderr)
    except OSError:  # standard error is closed: the status must still arrive
        pass
    return status


def _whence(message: str, hint: str | None, typed: list[str]) -> str | None:
    """Say of an option that nobody typed where it was set."""
    from audiokit.engine.config import hint_for

    return hint_for(message, hint, typed)


def _report_usage(error: Any, typed: list[str]) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "audiokit"
    if context and type(error).__name__ == "NoArgsIsHelpError":  # no arguments at all: the help is the answer
        print(context.get_help())
        if context.parent is None:
            print(FIRST_LINES)
        return 0
    message = plainly(error.format_message())
    hint = _whence(message, _second_value(error, typed) or f"see '{path} --help'", typed)
    return _report(shown(message[:1].lower() + message[1:].rstrip(".")), hint, 2)


def _second_value(error: Any, typed: list[str]) -> str | None:
    """`--gain 0 -3`: a negative number that stands where an option would."""
    name = getattr(error, "option_name", "")
    for before, word in itertools.pairwise(typed):
        if name and word.startswith(name) and re.match(r"-[.\d]", word) and not re.fullmatch(r"--[^=]+", before):
            options = [w.partition("=")[0] for w in typed[: typed.index(word)] if w.startswith("--")]
            return f"an option takes one value; for one more, name it again: {options[-1]} {word}" if options else None
    return None


def _keep_stdout() -> None:
    """Stand in for a standard output that was closed before we began (>&-): words for nobody are no failure."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process lives
        sys.stdout.closed_before = True  # type: ignore[attr-defined]


def _silence_stdout() -> None:
    """Let the interpreter close a broken pipe without a word."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
