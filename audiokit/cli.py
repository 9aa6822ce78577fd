"""The program: a table of commands, loaded when they are used, and the one place where errors become statuses."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from audiokit import __version__
from audiokit.errors import AudiokitError

#: Command name -> the line that `audiokit --help` shows. The module is audiokit.commands.NAME (dashes become
#: underscores) and holds a function, or a Typer `app`, of the same name.
COMMANDS: dict[str, str] = {
    "split": "Separate a mix into stems.",
    "info": "Describe any file audiokit reads or writes, and verify it.",
    "spectro": "Turn audio into spectrogram chunks or a picture.",
    "invert": "Turn spectrogram chunks back into audio.",
    "stylize": "Transfer a style with a trained generator.",
    "align-beats": "Warp a track onto the beats of another, or onto a tempo; or find its beats.",
    "chunk": "Cut audio into pieces: of one length, at beats, or at silences.",
    "morph": "Blend one clip into another, at one point or along time.",
    "augment": "Make random, recorded variations for training.",
    "normalize": "Bring audio to a loudness, or only measure it.",
    "denoise": "Remove noise without making anything worse.",
    "generate": "Make instrument notes with the pitch, family and qualities you ask for.",
    "mix": "Sum tracks with gains and without clipping.",
    "sing": "Turn plain speech into a sung vocal that fits a backing track.",
    "train": "Train the models behind the commands.",
    "models": "List, describe, pull, import, export and verify models.",
    "score": "Score audio against references, or check it by itself.",
    "page": "Build one self-contained listening page for a folder or a training run.",
}


class LazyGroup(TyperGroup):
    """Load a command's module when that command runs, so that help and start-up stay instant."""

    table: dict[str, str] = COMMANDS
    package = "audiokit.commands"

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the commands in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: Any, cmd_name: str):
        """Import one command, or stand in for it with its one line while help is printed."""
        if cmd_name not in self.table:
            return None
        if getattr(self, "_listing", False):
            return TyperCommand(cmd_name, help=self.table[cmd_name])
        return load_command(cmd_name, f"{self.package}.{cmd_name.replace('-', '_')}")

    def format_help(self, ctx: Any, formatter) -> None:
        """Print the table without importing a single command."""
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False


def load_command(name: str, module_name: str) -> Any:
    """Import one command module and make the object that Typer runs.

    A module offers either `app` (a Typer of its own, for a group) or a function named like the command.
    """
    module = import_module(module_name)
    if hasattr(module, "app"):
        command = typer.main.get_command(module.app)
    else:
        app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        app.command(name, context_settings=CONTEXT)(getattr(module, module_name.rpartition(".")[2]))
        command = typer.main.get_command(app)
    command.name = name
    return command


CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

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
    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit status: the only place where errors become numbers.

    >>> run(["--version"])
    audiokit ...
    0
    """
    # Click's own errors share this base; naming it through Typer keeps us independent of where Click lives.
    click_error: Any = typer.BadParameter.__mro__[2]
    try:
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
        return _report(str(error), error.hint, error.status)
    except click_error as error:
        return _report_usage(error)
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
        return _report(f"{where}{(error.strerror or 'cannot be used').lower()}", _os_hint(error), 3)


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


def _report_usage(error: Any) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "audiokit"
    if context and type(error).__name__ == "NoArgsIsHelpError":  # no arguments at all: the help is the answer
        print(context.get_help())
        return 0
    message = error.format_message()
    return _report(message[:1].lower() + message[1:].rstrip("."), f"see '{path} --help'", 2)


def _silence_stdout() -> None:
    """Let the interpreter close a broken pipe without a word."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
