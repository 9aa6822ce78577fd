"""The mean of all channels, block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from audiokit.io.about import BLOCK

if TYPE_CHECKING:
    import numpy as np


def averaged(block: np.ndarray) -> np.ndarray:
    """The mean of all channels (1, n), float32, of audio (C, n).

    >>> import numpy as np
    >>> averaged(np.array([[1, 0], [0, 0.5]], np.float32)).tolist()
    [[0.5, 0.25]]
    """
    import numpy as np

    if len(block) == 2:  # the same numbers in half the time, for halves are exact
        mean: np.ndarray = np.add(block[:1], block[1:], dtype=np.float32)
        mean *= np.float32(0.5)
    else:
        mean = block.mean(axis=0, keepdims=True, dtype=np.float32)
    return mean


def averaged_numbers(block: np.ndarray) -> np.ndarray:
    """The mean of two channels of whole numbers (2, n), int16, as a fraction of full scale (1, n), float32.

    >>> import numpy as np
    >>> averaged_numbers(np.array([[16384, -32768], [0, -32768]], np.int16)).tolist()
    [[0.25, -1.0]]
    """
    import numpy as np

    # Both of a pair are taken out of one number of 32 bits, in half the time of two numbers that lie apart.
    pairs = np.ascontiguousarray(block.T).view(np.int32)[:, 0]
    total = pairs << 16
    total >>= 16
    total += pairs >> 16
    mean: np.ndarray = np.multiply(total, np.float32(2**-16), dtype=np.float32)[None]
    return mean


def means(blocks: Iterable[np.ndarray], numbers: Iterable[np.ndarray] | None, channels: int) -> Iterator[np.ndarray]:
    """Average sounds as they pass by.

    Args:
        blocks: audio (C, n), float32.
        numbers: the same as whole numbers (C, n), int16, where they are of a file of such.
        channels: C.

    Yields:
        Audio (1, n), float32, the same for both.

    >>> import numpy as np
    >>> halves = np.array([[0.5], [0.25]], np.float32)
    >>> [y.tolist() for y in means([halves], [(32768 * halves).astype(np.int16)], 2)]
    [[[0.375]]]
    """
    if numbers is None or channels != 2:
        yield from map(averaged, blocks)
        return
    for block in numbers:
        yield from (averaged_numbers(block[:, k : k + BLOCK]) for k in range(0, block.shape[1], BLOCK))
