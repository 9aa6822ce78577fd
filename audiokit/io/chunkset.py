"""Chunk sets in every form: a folder, one array with a .json beside it, or a tar stream (format "audiokit.chunks").

All three are opened by `open_chunks` and made by `create_chunks`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from audiokit.errors import InputError, UsageError
from audiokit.io.chunk_folder import ArrayReader, FolderReader, FolderWriter
from audiokit.io.heads import MANIFEST, Head, Item
from audiokit.io.npy import decode_npy, encode_npy, load_npy
from audiokit.io.one_array import ArrayWriter

if TYPE_CHECKING:
    from audiokit.io.stream import TarReader, TarWriter

__all__ = [
    "MANIFEST", "ArrayReader", "ArrayWriter", "FolderReader", "FolderWriter", "Head", "Item", "create_chunks",
    "decode_npy", "encode_npy", "is_chunks", "load_npy", "open_chunks",
]  # fmt: skip


def is_chunks(source: str | Path) -> bool:
    """Tell whether a path looks like a chunk set: a folder with a manifest, a .tar, or a .npy.

    >>> is_chunks("song.wav"), is_chunks("x.npy")
    (False, True)
    """
    path = Path(source)
    return path.suffix in (".npy", ".tar") or (path.is_dir() and (path / MANIFEST).exists())


def open_chunks(source: str | Path) -> FolderReader | TarReader:
    """Open a chunk set: a folder, a .npy with its .json, a .tar file, or "-" for a tar on standard input.

    Returns:
        A reader with `.head`, `.name` and iteration over (Item, array) in order.
    """
    if str(source) == "-" or Path(source).suffix == ".tar":
        from audiokit.io.stream import open_tar

        return open_tar(source)
    path = Path(source)
    if path.suffix == ".npy":
        return ArrayReader(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.name == MANIFEST:
        path = path.parent
    if not path.is_dir():
        raise InputError(f"{path}: not a chunk set", hint="make one with: audiokit spectro FILE -o NAME.chunks")
    return FolderReader(path)


def create_chunks(target: str | Path, head: Head, *, force: bool = False) -> FolderWriter | ArrayWriter | TarWriter:
    """Make the writer for a target: a folder, a .npy with its .json, a .tar, or "-" for a tar on standard output."""
    if str(target) == "-" or Path(target).suffix == ".tar":
        from audiokit.io.stream import TarWriter

        return TarWriter(target, head, force=force)
    if Path(target).suffix == ".npy":
        return ArrayWriter(target, head, force=force)
    if Path(target).suffix in (".wav", ".flac", ".mp3", ".ogg"):
        raise UsageError(f"{target}: chunks cannot be written as audio", hint="use a folder, .npy, .tar or -")
    return FolderWriter(target, head, force=force)
