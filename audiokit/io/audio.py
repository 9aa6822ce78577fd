"""Audio in and out, whole or in blocks, on files and pipes.

What goes in comes out the same unless asked otherwise: rate, channels, length, bit depth (float32 when the input is
lossy) and tags. Every written file carries the history of the commands that made it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audiokit.io.about import BLOCK, MEDIA_SUFFIXES, SUFFIXES, AudioInfo, history_entry
from audiokit.io.reader import Reader
from audiokit.io.writer import Writer

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "BLOCK", "MEDIA_SUFFIXES", "SUFFIXES", "AudioInfo", "Reader", "Writer", "history_entry", "info", "read", "write",
]  # fmt: skip


def read(path: str | os.PathLike[str], *, rate: int | None = None, mono: bool = False) -> tuple[np.ndarray, AudioInfo]:
    """Read a whole file, or standard input for "-".

    Args:
        path: file or "-".
        rate: resample to this rate (Hz).
        mono: average the channels.

    Returns:
        Audio (C, T), float32, and the file's own AudioInfo (its rate is not `rate`).

    Raises:
        InputError, DamagedError: as for Reader.
    """
    with Reader(path, rate=rate, mono=mono) as reader:
        return reader.read(), reader.info


def info(path: str | os.PathLike[str]) -> AudioInfo:
    """Read what a file says about itself, without decoding it."""
    with Reader(path) as reader:
        return reader.info


def write(
    path: str | os.PathLike[str],
    y: np.ndarray,
    rate: int,
    *,
    like: AudioInfo | None = None,
    subtype: str | None = None,
    history: Sequence[dict[str, Any]] = (),
    clip: str = "rescale",
    force: bool = False,
) -> list[str]:
    """Write a whole array (C, T) or (T,), float32; see Writer for the arguments.

    Returns:
        Warnings: what had to be done to fit the format.

    >>> import numpy as np
    >>> path = getfixture("tmp_path") / "a.wav"
    >>> write(path, np.zeros((2, 8), np.float32), 8000)
    []
    >>> read(path)[0].shape
    (2, 8)
    """
    import numpy as np

    y = np.atleast_2d(np.asarray(y, np.float32))
    writer = Writer(path, rate, y.shape[0], like=like, subtype=subtype, history=history, clip=clip, force=force)
    with writer:
        writer.write(y)
    return writer.warnings
