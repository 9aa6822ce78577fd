"""Options that many commands share, defined once: their names, their help, and how they travel."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from audiokit.engine.parse import decibels, seconds
from audiokit.engine.settings import BatchOptions

__all__ = ["BatchOptions", "batch_options", "decibels", "seconds"]

Inputs = Annotated[
    list[str], typer.Argument(metavar="INPUT...", help="Files, folders (searched through), or - for standard input.")
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out", "-o", metavar="PATH", help="A file, a folder (existing, or ending in /), or - for standard output."
    ),
]
Rate = Annotated[
    int | None, typer.Option(min=1, max=768_000, help="Sample rate to work at, in Hz (default: the input's).")
]
Mono = Annotated[bool, typer.Option("--mono", help="Average the channels first.")]
Seed = Annotated[int, typer.Option(help="Same seed, same bytes.")]
Model = Annotated[
    str | None, typer.Option(metavar="NAME|FOLDER|FILE", help="A model by name, folder or checkpoint file.")
]
Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where the network runs.")]
Clip = Annotated[
    str,
    typer.Option(
        metavar="rescale|limit|allow",
        help="When a result exceeds full scale in an integer format: turn the file down, limit its peaks, or cut them.",
    ),
]
Subtype = Annotated[
    str | None,
    typer.Option(metavar="PCM_16|PCM_24|FLOAT|...", help="Encoding of audio outputs (default: the input's bit depth)."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per input on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Force = Annotated[bool, typer.Option("--force", help="Replace outputs that exist.")]


_BATCH: dict[str, Any] = {
    "force": (Force, False),
    "skip_existing": (
        Annotated[
            bool,
            typer.Option(
                "--skip-existing", help="Skip outputs newer than their input that were made with the same options."
            ),
        ],
        False,
    ),
    "dry_run": (Annotated[bool, typer.Option("--dry-run", help="Only print what would become what.")], False),
    "jobs": (Annotated[int, typer.Option("--jobs", "-j", min=1, help="Local processes to use.")], 1),
    "cluster": (
        Annotated[str | None, typer.Option(metavar="ADDRESS", help="Send the files to a Dask scheduler.")],
        None,
    ),
    "name": (
        Annotated[
            str | None,
            typer.Option(metavar="TEMPLATE", help="Name outputs in a folder, such as '{stem}_{part}.{ext}'."),
        ],
        None,
    ),
    "fail_fast": (
        Annotated[bool, typer.Option("--fail-fast/--keep-going", help="Stop at the first file that fails, or go on.")],
        False,
    ),
    "json": (Json, False),
    "quiet": (Quiet, False),
}


def batch_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the shared per-file options to a command and hand them over as its one `batch` argument.

    >>> @batch_options
    ... def reverse(inputs: Inputs, out: Out = None, *, batch: BatchOptions) -> None: ...
    >>> "jobs" in inspect.signature(reverse).parameters
    True
    """
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.name != "batch"]
    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [inspect.Parameter(n, keyword, default=d, annotation=a) for n, (a, d) in _BATCH.items()]

    @functools.wraps(command)
    def wrapped(**values: Any) -> None:
        batch = BatchOptions(**{name: values.pop(name) for name in _BATCH})
        command(**values, batch=batch)

    parameters = [p.replace(kind=keyword) for p in own] + shared
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    del wrapped.__wrapped__  # type: ignore[attr-defined]
    return wrapped
