"""What every flow carries beside its data: where it came from, what was measured, what must be said.

Three things flow between stages: a `Sound`, `Chunks`, and `Parts` (several sounds by name). All are lazy: a stage
returns one before a single block was read, and whoever saves it pulls the blocks through. So reports and warnings are
complete only when everything was pulled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Notes:
    """What stages say about a flow; it is filled while blocks are pulled, and travels with what is made of it.

    Attributes:
        report: what `--json` prints of the last stage.
        warnings: what people must be told.
        details: what belongs into this stage's entry of the history beside its options, such as what was drawn.
        beside: other files that this result leaves: path -> what writes it (given a temporary path).
    """

    def __init__(self, *, report: Mapping[str, Any] | None = None, details: Mapping[str, Any] | None = None) -> None:
        self.report = dict(report or {})
        self.warnings: list[str] = []
        self.details = dict(details or {})
        self.beside: dict[str, Callable[[Path], object]] = {}


def seed_of(name: str, seed: int) -> int:
    """Derive a seed from a name: the same whichever worker runs it and whatever else is there.

    >>> seed_of("a.wav", 0) == seed_of("a.wav", 0) != seed_of("b.wav", 0)
    True
    """
    import hashlib

    digest = hashlib.sha256(f"{seed}:{name}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "little") >> 1


class Flow:
    """Base of `Sound`, `Chunks` and `Parts`."""

    is_flow: ClassVar[bool] = True
    #: What it is called in messages.
    kind: ClassVar[str] = "flow"
    #: Which inputs of a folder can be opened as this: "audio", "chunks" or "either".
    found_as: ClassVar[str] = "audio"

    def __init__(self) -> None:
        self.notes = Notes()
        #: Name relative to what was given, which decides what `seed` makes of a seed; "stdin" for anything on a pipe.
        self.key = "stdin"

    def seed(self, seed: int) -> int:
        """Derive a seed from the input's own name."""
        return seed_of(self.key, seed)

    @property
    def name(self) -> str:
        """What to call it in messages: the path it came from, or "-"."""
        raise NotImplementedError

    @property
    def history(self) -> list[dict[str, Any]]:
        """One entry per command that made it."""
        raise NotImplementedError

    def recorded(self, entry: dict[str, Any]) -> None:
        """Append this stage's entry to the history."""
        raise NotImplementedError

    def plain(self) -> Any:
        """Give what Python callers get who handed over arrays."""
        raise NotImplementedError


class Counted:
    """Blocks that are counted as they pass.

    Attributes:
        length: samples per channel so far.

    >>> import numpy as np
    >>> counted = Counted([np.zeros((2, 3), np.float32), np.zeros((2, 1), np.float32)])
    >>> [block.shape for block in counted], counted.length
    ([(2, 3), (2, 1)], 4)
    """

    def __init__(self, blocks: Iterable[NDArray[np.float32]]) -> None:
        self._blocks, self.length = blocks, 0

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for block in self._blocks:
            self.length += block.shape[1]
            yield block
