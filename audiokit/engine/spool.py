"""The one place where audio on its way is kept in a temporary file, to be read again."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from audiokit.io.about import BLOCK

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Spool:
    """Audio (C, n), float32, block by block in a temporary file, to be read as often as needed.

    The file has no name, so nothing is left of it whatever happens; it is closed when the spool is dropped.

    >>> import numpy as np
    >>> spool = Spool.of([np.ones((2, 3), np.float32), np.zeros((2, 1), np.float32)], channels=2)
    >>> spool.length, [block.shape for block in spool.blocks()]
    (4, [(2, 4)])
    """

    def __init__(self, channels: int) -> None:
        self.channels, self.length = channels, 0
        import tempfile

        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the finalizer
        weakref.finalize(self, self._file.close)

    @classmethod
    def of(cls, blocks: Iterable[NDArray[np.float32]], *, channels: int) -> Spool:
        """Keep everything that comes."""
        spool = cls(channels)
        for block in blocks:
            spool.write(block)
        return spool

    def write(self, block: NDArray[np.float32]) -> None:
        """Append a block (C, n)."""
        import numpy as np

        self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(block.T, np.float32).data)
        self.length += block.shape[1]

    def blocks(self, size: int = BLOCK) -> Iterator[NDArray[np.float32]]:
        """Yield all blocks from the beginning; several readers may take turns."""
        import numpy as np

        width = 4 * self.channels
        for start in range(0, self.length, size):
            self._file.seek(start * width)
            data = self._file.read(size * width)
            yield np.ascontiguousarray(np.frombuffer(data, np.float32).reshape(-1, self.channels).T)
