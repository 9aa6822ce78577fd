"""Options that every `audiokit train` recipe has, defined once; see `run_options`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from audiokit.engine.options import Device, Json, Quiet, Seed


@dataclass(frozen=True)
class RunOptions:
    """How a training run goes; see `audiokit.training.engine.loop.fit`."""

    out: str
    steps: int | None = None
    minutes: float | None = None
    validate_every: int | None = None
    average: float = 0.999
    seed: int = 0
    device: str = "auto"
    precision: str = "float32"
    resume: bool = False
    licence: str | None = None
    source: str | None = None
    json: bool = False
    quiet: bool = False


_RUN: dict[str, tuple[Any, Any]] = {
    "steps": (Annotated[int | None, typer.Option(min=1, help="Steps in all, those before --resume included.")], None),
    "minutes": (
        Annotated[float | None, typer.Option(min=0, help="End after this time at the latest, resumed or not.")],
        None,
    ),
    "validate_every": (
        Annotated[int | None, typer.Option(min=1, metavar="STEPS", help="Steps between samples and checkpoints.")],
        None,
    ),
    "average": (
        Annotated[float, typer.Option(min=0, max=1, help="Decay of the averaged weights, which are kept.")],
        0.999,
    ),
    "seed": (Seed, 0),
    "device": (Device, "auto"),
    "precision": (
        Annotated[str, typer.Option(metavar="float32|bfloat16", help="Arithmetic; bfloat16 is mixed precision.")],
        "float32",
    ),
    "resume": (Annotated[bool, typer.Option("--resume", help="Go on from the run in the folder.")], False),
    "licence": (
        Annotated[str | None, typer.Option(metavar="TEXT", help="Licence of the weights, for the model card.")],
        None,
    ),
    "source": (
        Annotated[str | None, typer.Option(metavar="TEXT", help="Where the sounds come from, for the model card.")],
        None,
    ),
    "json": (Json, False),
    "quiet": (Quiet, False),
}
_OUT = Annotated[str, typer.Option("--out", "-o", metavar="FOLDER", help="Run folder, which becomes the model folder.")]


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a training run to a command and hand them over as its one `run` argument.

    >>> @run_options
    ... def teach(inputs: list[str], *, run: RunOptions) -> None: ...
    >>> "precision" in inspect.signature(teach).parameters
    True
    """
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.name != "run"]
    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [inspect.Parameter("out", keyword, annotation=_OUT)]
    shared += [inspect.Parameter(n, keyword, default=d, annotation=a) for n, (a, d) in _RUN.items()]

    @functools.wraps(command)
    def wrapped(**values: Any) -> None:
        run = RunOptions(**{name: values.pop(name) for name in ("out", *_RUN)})
        command(**values, run=run)

    parameters = [p.replace(kind=keyword) for p in own] + shared
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    del wrapped.__wrapped__  # type: ignore[attr-defined]
    return wrapped
