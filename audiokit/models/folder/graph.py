"""What of a network can be exported and run: its functions on arrays, with the names and sizes of what goes in and out.

A network that declares `graphs()` is exported to ONNX by `audiokit.models.folder.export`, and runs under these names
in ONNX Runtime and in PyTorch alike (`audiokit.models.folder.runtime`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: The graph that is meant where none is named.
MAIN = "network"


@dataclass(frozen=True)
class Port:
    """An array that goes into a graph or comes out of it, float32.

    Attributes:
        axes: sizes; a word stands for any size, the same wherever the word is.
        about: what the numbers are.
        low, high: range of the numbers with which an export is checked.
    """

    axes: tuple[int | str, ...]
    about: str = ""
    low: float = -2.0
    high: float = 2.0

    def shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """Put sizes in for words.

        >>> Port(("batch", 2, "frames")).shape({"batch": 1, "frames": 9})
        (1, 2, 9)
        """
        return tuple(sizes[axis] if isinstance(axis, str) else axis for axis in self.axes)


@dataclass(frozen=True)
class Graph:
    """One function of a network.

    Attributes:
        function: takes tensors in the order of the inputs, returns one tensor or a tuple.
        inputs, outputs: by name, in order.
        sizes: what words of the axes are set to while an export is checked; the first is traced.
        facts: numbers that code around the network needs, such as how far it sees.
    """

    function: Callable[..., Any]
    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]
    sizes: Sequence[Mapping[str, int]]
    facts: Mapping[str, Any] = field(default_factory=dict)


def sizes_of(axis: str, *values: int, batch: Sequence[int] = (2, 1, 3)) -> list[dict[str, int]]:
    """Make sizes for graphs with a batch and one other free axis.

    >>> sizes_of("frames", 8, 24)
    [{'batch': 2, 'frames': 8}, {'batch': 1, 'frames': 24}]
    """
    return [{"batch": count, axis: value} for count, value in zip(batch, values, strict=False)]


def graphs_of(module: Any) -> dict[str, Graph]:
    """Read what a network exports; nothing where it declares nothing.

    >>> graphs_of(object())
    {}
    """
    declared = getattr(module, "graphs", None)
    return dict(declared()) if declared is not None else {}
