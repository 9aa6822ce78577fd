"""Commands for the shell, built from declarations: nothing about an option is said here again."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import typer

from audiokit.engine.command import Command
from audiokit.engine.option import Argument, Declared, Option, declared_in
from audiokit.engine.settings import BATCH, FILES, BatchOptions, OneOutput, Out, SaveOptions
from audiokit.errors import UsageError, plainly, shown

if TYPE_CHECKING:
    from audiokit.engine.stage import Stage

_EMPTY = inspect.Parameter.empty
_FOR_PYTHON = ("Args:", "Returns:", "Raises:", "References:", "Yields:", "Attributes:")
INPUTS = Declared(
    "inputs", list[str], _EMPTY, Argument("Files, folders (searched through), or - for standard input.", "INPUT...")
)
TRACKS = Declared("inputs", list[str], _EMPTY, Argument("Files, or - for standard input.", "TRACK..."))
OUT = Declared("out", str | None, None, get_args(Out)[1])


def shell_command(found: Stage[..., Any, Any] | Command[..., Any]) -> Callable[..., None]:
    """Make the function that Typer runs for a declaration."""
    schema = schema_option(found.schema)
    declared = declared_by(found)
    if isinstance(found, Command):

        def call(**values: Any) -> None:
            together = {name: taken(holder, values) for name, holder in found.groups.items()}
            with telling(*together.values(), **values):
                found(**values, **together)

        return command(call, declared, extra=[schema], doc=found.__doc__, name=found.name)
    stage = found

    def run(inputs: list[str] | None = None, out: str | None = None, **values: Any) -> None:
        from audiokit.engine.stage import Call
        from audiokit.engine.work import run_many, run_stage

        save = taken(SaveOptions, values) if stage.saves else SaveOptions()
        talk = taken(BatchOptions if stage.reads and not stage.many else OneOutput, values)
        with telling(talk):
            if stage.many:
                run_many(stage, inputs or [], out, values, save, talk)
                return
            batch = talk if stage.reads else BatchOptions(**talk._asdict())
            run_stage(stage, Call(inputs or [], out, values, save, batch))

    return command(run, declared, extra=[schema], doc=stage.__doc__, name=stage.name)


def declared_by(found: Stage[..., Any, Any] | Command[..., Any]) -> list[Declared]:
    """List the arguments and options that the shell offers for a declaration, the shared ones last."""
    if isinstance(found, Command):
        return [*found.options, *(option for holder in found.groups.values() for option in declared_in(holder))]
    shared: list[type] = [SaveOptions] if found.saves else []
    shared.append(OneOutput if found.many or not found.reads else BatchOptions)
    inputs = [TRACKS if found.many else INPUTS] if found.reads else []
    return [*inputs, *found.options, OUT, *(option for holder in shared for option in declared_in(holder))]


def headings(options: Iterable[Declared]) -> dict[str, str]:
    """Name the heading that each option stands under in help and manual, in the order of the headings.

    What something does comes first, then its files, then what every batch offers; a command that is no batch has the
    few of those that it shares under the heading before.

    >>> from audiokit.stages.mix import mix
    >>> list(dict.fromkeys(headings(declared_by(mix)).values()))
    ['Arguments', 'Options', 'Input and output']
    """
    found = {option.name: option.about.group for option in options}
    if "jobs" not in found:
        before = FILES if FILES in found.values() else "Options"
        found = {name: before if heading == BATCH else heading for name, heading in found.items()}
    last = (FILES, BATCH)
    return dict(sorted(found.items(), key=lambda item: 1 + last.index(item[1]) if item[1] in last else 0))


@contextmanager
def telling(*groups: Any, quiet: bool = False, **_: Any) -> Iterator[None]:
    """Say at the end what readers told about files outside of any job, unless an option among the groups is quiet.

    Where one is verbose, everything that works until then gives details.
    """
    from audiokit.io.told import VERBOSE, heard

    told: list[str] = []
    before = os.environ.get(VERBOSE)
    if any(getattr(group, "verbose", False) for group in groups):
        os.environ[VERBOSE] = "1"
    try:
        with heard() as told:
            yield
    finally:
        if before is None:
            os.environ.pop(VERBOSE, None)
        if not quiet and not any(getattr(group, "quiet", False) for group in groups):
            for text in told:
                print(f"audiokit: {shown(text)}", file=sys.stderr)


def schema_option(schema: Callable[[], dict[str, Any]]) -> inspect.Parameter:
    """`--schema`, which prints a declaration as JSON and leaves, whatever else is missing."""

    def show(wanted: bool) -> None:
        if wanted:
            import json

            print(json.dumps(schema(), indent=1))
            raise typer.Exit

    said = typer.Option("--schema", help="Print these options as JSON, and leave.", callback=show, is_eager=True)
    return inspect.Parameter("schema", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, said])


def taken(holder: type, values: dict[str, Any]) -> Any:
    """Take the values of shared options out of a command's values, and check them."""
    return holder(**{option.name: option.value(values.pop(option.name)) for option in declared_in(holder)})


def command(
    run: Callable[..., None],
    declared: Iterable[Declared],
    *,
    extra: Iterable[inspect.Parameter] = (),
    doc: str | None = None,
    name: str | None = None,
) -> Callable[..., None]:
    """Give a function the signature that Typer reads.

    Args:
        run: takes a value for every option, by name.
        declared: arguments and options.
        extra: parameters that Typer handles by itself.
        doc: help text; by default that of `run`.
        name: of the command; by default that of `run`.
    """
    alone = [p.name for p in extra]

    def wrapped(**values: Any) -> None:
        from audiokit.engine.memory import reuse_freed_memory

        reuse_freed_memory()
        run(**{name: value for name, value in values.items() if name not in alone})

    visible = [option for option in declared if not getattr(option.about, "hidden", False)]
    parameters = [*(parameter(option) for option in visible), *extra]
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    wrapped.__doc__ = shell_help(doc or run.__doc__ or "")
    wrapped.headings = headings(visible)  # type: ignore[attr-defined]
    wrapped.__name__ = (name or run.__name__).replace("-", "_")
    return wrapped


def shell_help(doc: str) -> str:
    """The part of a docstring that the shell shows: up to the sections for Python, with examples kept as typed.

    >>> shell_help("Turn it up.\\n\\nMore.\\n\\nExamples:\\n    audiokit gain x.wav\\n\\nReturns:\\n    Sound.")
    'Turn it up.\\n\\nMore.\\n\\n\\x08\\nExamples:\\n  audiokit gain x.wav'
    """
    blocks = inspect.cleandoc(doc).split("\n\n")
    kept = []
    for block in blocks:
        first = block.partition("\n")[0]
        if first in ("Args:", "Returns:", "Raises:", "References:", "Yields:", "Attributes:") or block.startswith(
            ">>>"
        ):
            break
        if first == "Examples:":
            lines = [line[2:] if line.startswith("    ") else line for line in block.split("\n")]
            block = "\b\n" + "\n".join(lines)
        kept.append(block)
    return "\n\n".join(kept)


def parameter(option: Declared) -> inspect.Parameter:
    """One option as Typer wants it: an annotated parameter."""
    about = option.about
    if isinstance(about, Argument):
        said: Any = typer.Argument(metavar=about.metavar, help=about.help)
        kind: Any = option.annotation
    else:
        flags = [about.flag or option.flag, *([about.short] if about.short else [])]
        said = typer.Option(
            *flags, help=option.help, metavar=_metavar(option), min=_limit(option, "min"), max=_limit(option, "max")
        )
        kind = _shell_type(option)
    default = option.default
    if isinstance(about, Option) and kind in (str, str | None) and default not in (_EMPTY, None):
        default = str(default)
    return inspect.Parameter(
        option.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, said]
    )


def _metavar(option: Declared) -> str | None:
    assert isinstance(option.about, Option)
    if option.about.metavar:
        return option.about.metavar
    if option.choices:
        return "|".join(option.choices)
    return "FILE" if option.is_source else None


def _limit(option: Declared, which: str) -> float | None:
    """Ranges are checked by Typer too where it reads the number; texts are checked when they are bound."""
    return getattr(option.about, which) if _shell_type(option) not in (str, str | None) else None


def _shell_type(option: Declared) -> Any:
    assert isinstance(option.about, Option)
    optional = option.default is None
    if option.is_flag:
        return bool | None if optional else bool
    if option.repeats:
        return list[str] | None if optional else list[str]
    if option.about.parse is None and any(get_origin(kind) is tuple for kind in option.kinds):
        return option.annotation
    if option.choices or option.is_source or option.about.parse is not None or str in option.kinds:
        return str | None if optional else str
    kind = float if float in option.kinds else int
    return kind | None if optional else kind


def parse_words(stage: Stage[..., Any, Any], words: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Read the words of one stage of a chain, by the same parser as the shell's.

    Returns:
        The options that were given, and further inputs.

    Raises:
        UsageError: an unknown option, a missing value, or one that cannot be read.

    >>> from audiokit.stages.normalize import normalize
    >>> parse_words(normalize, ["--to", "-16"])
    ({'to': -16.0}, [])
    """
    others = Declared("others", list[str] | None, None, Argument("Further inputs.", "FILE..."))
    found: dict[str, Any] = {}
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    declared = [*([others] if stage.many else []), *stage.options]
    app.command()(command(lambda **values: found.update(values), declared, name=stage.name))
    click_error: Any = typer.BadParameter.__mro__[2]
    from audiokit.engine.config import words_for

    words = [*words_for(stage.name, declared_by(stage), words, among=stage.options), *words]
    try:
        parser = typer.main.get_command(app)
        with parser.make_context(stage.name, list(words)) as context:
            parser.invoke(context)
            given = {name for name in found if str(context.get_parameter_source(name)).endswith("COMMANDLINE")}
    except click_error as error:
        text = plainly(error.format_message())
        own = {option.name for option in stage.options}
        shared = {w for o in declared_by(stage) if o.name not in own for w in (o.flag, getattr(o.about, "short", None))}
        behind = any(word.partition("=")[0] in shared for word in words)
        hint = "what is said of files stands behind the chain: audiokit run 'CHAIN' INPUT... -o OUT"
        hint = hint if behind else f"see 'audiokit {stage.name} --help'"
        raise UsageError(text[:1].lower() + text[1:].rstrip("."), hint=hint) from None
    except typer.Exit:
        raise UsageError("help is not for chains", hint=f"audiokit {stage.name} --help") from None
    rest = found.pop("others", None) or []
    return {name: value for name, value in found.items() if name in given}, rest
