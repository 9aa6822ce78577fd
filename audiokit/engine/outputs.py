"""What a chain makes of one input: one file, a file per part, or a folder of pieces; and what they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audiokit.engine.batch import expand
from audiokit.engine.chain import Chain, Step
from audiokit.engine.chunks import Chunks
from audiokit.engine.plan import is_folder
from audiokit.engine.settings import BatchOptions, SaveOptions
from audiokit.engine.sound import Sound
from audiokit.engine.stage import Stage, holds_chunks
from audiokit.errors import UsageError
from audiokit.io.writer import WRITABLE, check_encoding


def parts_of(
    steps: Sequence[Step], options: Sequence[dict[str, Any]], batch: BatchOptions
) -> tuple[Sequence[str] | None, BatchOptions]:
    """Names of the outputs per input, and how they are named; a single part that goes on is a sound like any other."""
    for step, values in zip(reversed(steps), reversed(options), strict=True):
        parts = step.stage.hooks.names(values) if step.stage.hooks.names is not None else None
        if parts and (len(parts) > 1 or len(steps) == 1):
            return parts, _named(step, values, batch)
    return None, _named(steps[-1], options[-1], batch) if steps[-1].stage.hooks.names is None else batch


def of_pieces(steps: Sequence[Step], options: Sequence[dict[str, Any]]) -> bool:
    """Whether a result is a folder of sounds whose number nobody knows before, such as the pieces of a recording."""
    for step, after, values in zip(steps, [*steps[1:], None], options, strict=True):
        hook = step.stage.hooks.suffix
        together = after is not None and after.records and Chunks in after.stage.reads
        if hook is not None and hook(values) == "" and not together:
            return True
    return False


def check_folder(chain: Chain, out: str | None) -> None:
    """Refuse an output that holds one sound only (UsageError)."""
    alone = len(chain.steps) == 1 and out == "-"  # which says itself what it can put there
    if out is not None and not alone and not is_folder(out):
        raise UsageError(
            f"{chain.name} makes several sounds, which do not fit into {out}", hint="name a folder: -o out/"
        )


def check_save(out: str | None, ext: str, how: SaveOptions) -> None:
    """Refuse what the format of the outputs cannot hold (UsageError).

    Args:
        out: `--out` as given.
        ext: suffix of outputs whose names are made here.
        how: how sounds are written.
    """
    given = Path(out or "").suffix.lower()
    suffix = given if given in WRITABLE and not str(out).endswith("/") else ext
    if suffix in WRITABLE and (how.subtype is not None or how.bit_rate is not None):
        check_encoding(out if out and suffix == given else f"*{suffix}", subtype=how.subtype, bit_rate=how.bit_rate)


def _named(step: Step, options: dict[str, Any], batch: BatchOptions) -> BatchOptions:
    """The batch with the stage's own way to name outputs, where none was typed."""
    naming = step.stage.hooks.naming
    return batch._replace(name=batch.name or (naming(options) if callable(naming) else naming))


def found_as(stage: Stage[..., Any, Any], options: Mapping[str, Any]) -> str:
    """What folders are searched for: "audio", "chunks" or "either"."""
    if stage.hooks.found is not None:
        return stage.hooks.found(options)
    kinds = {kind.found_as for kind in stage.reads}
    return kinds.pop() if len(kinds) == 1 else "either"


def suffix_of(stage: Stage[..., Any, Any], options: Mapping[str, Any], inputs: Sequence[str]) -> str:
    """The suffix of outputs that are named here: the stage's `format` option decides, or what it writes.

    Raises:
        UsageError: inputs of two kinds, which would give outputs of two kinds.
    """
    if stage.hooks.suffix is not None:
        return stage.hooks.suffix(options)
    if "format" in options:
        return "." + str(options["format"]).removeprefix(".")
    if Chunks not in stage.writes:
        return ".wav"
    if Sound not in stage.writes:
        return ".chunks"
    if "-" in inputs:
        return ".wav"
    kinds = {holds_chunks(path) for path, _ in expand(inputs, "either")}
    if len(kinds) > 1:
        raise UsageError("audio and chunk sets together", hint="give them to two commands")
    return ".chunks" if kinds == {True} else ".wav"
