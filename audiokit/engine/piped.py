"""The form in which a flow leaves a pipe, so that a chain in one process gives what the shell gives, to the byte."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from audiokit.engine.at_work import followed
from audiokit.engine.chunks import Chunks
from audiokit.engine.sound import Sound
from audiokit.errors import AudiokitError
from audiokit.io.about import BLOCK, AudioInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiokit.engine.chunks import Piece


def piped(flow: Any) -> Any:
    """Bring a flow into the form in which it leaves a pipe, so that a chain gives what the shell gives.

    A pipe carries audio as float32 with its history, in blocks of one size, and neither tags nor bit depth nor name.
    """
    if isinstance(flow, Sound):
        history = json.loads(json.dumps(flow.history, default=str))
        info = AudioInfo("-", flow.rate, flow.channels, None, "FLOAT", "WAV", {}, history)
        return Sound(flow.rate, flow.channels, lambda: _of_one_size(flow.blocks()), info=info)
    if isinstance(flow, Chunks):
        head = type(flow.head).from_dict(json.loads(json.dumps(flow.head.to_dict())), "standard input")

        def pieces() -> Iterator[Piece]:
            yield from flow
            made.head.length = flow.head.length

        made = Chunks(head, pieces, name="standard input")
        return made
    return flow


def _of_one_size(blocks: Iterable[NDArray[np.float32]], size: int = BLOCK) -> Iterator[NDArray[np.float32]]:
    """Cut blocks anew into the size that a reader of a pipe sees."""
    import numpy as np

    held: list[NDArray[np.float32]] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += block.shape[1]
        while count >= size:
            whole = np.concatenate(held, axis=1) if len(held) > 1 else held[0]
            yield np.ascontiguousarray(whole[:, :size])
            held, count = [whole[:, size:]], count - size
    if count:
        yield np.ascontiguousarray(np.concatenate(held, axis=1))


def blamed(flow: Any, stage: str, number: int | None = None) -> Any:
    """Let errors that come up while a flow is pulled say which stage of a chain they come from.

    Args:
        flow: what a stage gave.
        stage: its name; "" for the source, whose errors name the file already.
        number: its place in the chain, from 0, for the display of progress.
    """
    made = copy.copy(flow)
    for pull in ("_blocks", "_pieces", "_rounds", "_items"):
        if getattr(flow, pull, None) is not None:
            setattr(made, pull, partial(_naming, getattr(flow, pull), stage, number))
    return made


def _naming(pull: Callable[[], Iterable[Any]], stage: str, number: int | None) -> Iterator[Any]:
    with naming(stage):
        yield from followed(pull(), number)


@contextmanager
def naming(stage: str) -> Iterator[None]:
    """Put the name of a stage before the message of an error, unless a stage nearer to it did."""
    try:
        yield
    except AudiokitError as error:
        if not hasattr(error, "stage"):
            error.stage = stage  # type: ignore[attr-defined]
            if stage:
                error.args = (f"{stage}: {error}", *error.args[1:])
        raise
