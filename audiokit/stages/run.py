"""`run`: a whole chain in one process, for one input or for thousands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from audiokit.engine.command import command
from audiokit.engine.option import Argument, Option
from audiokit.engine.settings import BatchOptions, Out, SaveOptions
from audiokit.errors import InputError, UsageError

if TYPE_CHECKING:
    from audiokit.engine.chain import Chain


@command()
def run(
    chain: Annotated[str, Argument("Stages with | between, in quotes; or @FILE that holds them.", "CHAIN")],
    inputs: Annotated[
        list[str] | None, Argument("Files, folders (searched through), or - for standard input.", "[INPUT...]")
    ] = None,
    *,
    out: Out = None,
    explain: Annotated[bool, Option("Only print what flows where, which models load, and what is read twice.")] = False,
    save: SaveOptions,
    batch: BatchOptions,
) -> None:
    """Run a whole chain in one process; it equals the shell's pipe to the byte.

    The chain is written as in the shell, with the same words, quotes, # comments and line breaks, and is checked whole
    before anything runs. One job is one input through the whole chain, so --jobs, --cluster and --skip-existing work
    for a chain as for one command. Files that stages read beside the input may be templates: {stem}, {part}, {parent}.

    Examples:
        audiokit run 'split --stem vocals | denoise | normalize --to -16' songs/ -o vocals/ --jobs 2
        audiokit run @prepare.chain songs/ -o dataset/ --skip-existing
        audiokit run 'align-beats --to beds/{stem}.wav | mix beds/{stem}.wav' voices/ -o songs/
        audiokit run --explain 'spectro | stylize | invert'

    Raises:
        UsageError: the chain has an unknown stage or option, or stages that do not fit; the message shows the place.
    """
    from audiokit.engine.grammar import chain as parse_chain
    from audiokit.engine.work import run_chain

    steps = parse_chain(_text(chain))
    if explain:
        _explain(steps)
        return
    if not inputs and steps.first.reads:
        raise UsageError("nothing to run the chain on", hint=f"audiokit run '{chain}' INPUT... -o OUT")
    run_chain(steps, inputs or [], out, save=save, batch=batch)


def _text(chain: str) -> str:
    if not chain.startswith("@"):
        return chain
    try:
        return Path(chain[1:]).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{chain[1:]}: no such file", hint="a chain file holds stages with | between") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise InputError(f"{chain[1:]}: not a text file") from None


def _explain(steps: Chain) -> None:
    """Print one line per stage: what comes in, what goes out, and what it costs."""
    for number, step in enumerate(steps.steps, 1):
        stage, options = step.stage, step.stage.bind(step.options)
        reads = " or ".join(kind.kind for kind in stage.reads) or "nothing"
        writes = " or ".join(kind.kind for kind in stage.writes)
        remarks = [f"with {', '.join(step.files())}"] if step.files() else []
        remarks += [f"loads {name}" for name in stage.loads(options)]
        remarks += ["reads its input twice"] if stage.reads_twice(options) else []
        print(f"{number}. {stage.name}: {reads} -> {writes}{''.join(f'; {text}' for text in remarks)}", file=sys.stdout)
