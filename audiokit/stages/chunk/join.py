"""Pieces put together again: a chunk set, or a folder of files with the index that says where each belongs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiokit.engine.chunks import Chunks, piece
from audiokit.engine.flow import Notes
from audiokit.engine.plan import PIECES as INDEX
from audiokit.engine.plan import expand
from audiokit.engine.sound import Sound
from audiokit.errors import DamagedError, InputError, UsageError
from audiokit.io.about import AudioInfo
from audiokit.io.chunkset import Head

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiokit.engine.chunks import Piece


def index_in(source: str) -> str | None:
    """Find the index of a folder of pieces, if a source is such a folder, its index, or a folder with one inside.

    Raises:
        UsageError: the pieces of several sounds are inside.

    >>> index_in("song/pieces.json"), index_in("song.chunks"), index_in("-")
    ('song/pieces.json', None, None)
    """
    path = Path(source)
    if path.name == INDEX:
        return source
    if (path / INDEX).exists():
        return str(path / INDEX)
    inside = sorted(path.rglob(INDEX)) if path.is_dir() and not _holds_sets(source) else []
    if len(inside) > 1:
        raise UsageError(
            f"{source}: holds the pieces of {len(inside)} sounds", hint=f"name one, such as {inside[0].parent}"
        )
    return str(inside[0]) if inside else None


def _holds_sets(folder: str) -> bool:
    """Whether a folder is, or has inside, a chunk set: then it is searched like that of any other command."""
    try:
        return bool(expand([folder], "chunks"))
    except InputError:
        return False


def open_pieces(index_path: str) -> Chunks:
    """Open a folder of pieces by its index.

    Raises:
        DamagedError: the index is no list of pieces.
        InputError: there are none.
    """
    folder = Path(index_path).parent
    try:
        index: dict[str, Any] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        items = [(int(item["start"]), int(item["stop"]), folder / Path(item["file"]).name) for item in index["items"]]
        rate, length = int(index["rate"]), int(index["length"])
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise DamagedError(f"{folder / INDEX}: not a list of pieces ({error})") from None
    if not items:
        raise InputError(f"{folder}: holds no pieces")
    missing = next((path for _, _, path in items if not path.exists()), None)
    if missing is not None:
        raise DamagedError(f"{missing}: listed in {INDEX} but missing", hint="cut the recording again")
    first = Sound.open(items[0][2])
    if rate != first.rate:
        raise DamagedError(f"{folder / INDEX}: says {rate} Hz, but {first.name} has {first.rate} Hz")
    about = {"name": first.name, "subtype": first.info.subtype, "format": first.info.format, "tags": first.info.tags}
    head = Head("audio", rate, first.channels, length, "float32", 1, 1, source=about, history=first.history)

    def pieces() -> Iterator[Piece]:
        for number, (start, stop, path) in enumerate(items):
            y = Sound.open(path).samples
            if y.shape != (first.channels, stop - start):
                found = f"{y.shape[1]} samples of {y.shape[0]} channels"
                raise DamagedError(f"{path}: {found}, but the index says {start} to {stop} of {first.channels}")
            yield piece(y, start, start + y.shape[1], number=number)

    chunks = Chunks(head, pieces, name=index_path)
    chunks.of_files = True
    return chunks


def joined(chunks: Chunks) -> Sound:
    """Put pieces together again, to the sample.

    Raises:
        InputError: it holds spectra.
        DamagedError: the pieces leave a gap, or give fewer samples than there were.
    """
    from audiokit.dsp.effects.cut import join

    head = chunks.head
    if head.kind != "audio":
        raise InputError(f"{chunks.name}: holds spectra", hint="turn them into audio with: audiokit invert")
    source = head.source if chunks.of_files else {}
    info = AudioInfo(
        str(source.get("name", "")), head.rate, head.channels, head.length, str(source.get("subtype", "FLOAT")),
        str(source.get("format", "")), dict(source.get("tags") or {}), head.history,
    )  # fmt: skip

    def blocks() -> Iterator[NDArray[np.float32]]:
        count = 0
        for block in join(((item.start, values) for item, values in chunks), head.length):
            count += block.shape[1]
            yield block
        if head.length is not None and count < head.length:
            raise DamagedError(f"{chunks.name}: the pieces give {count} samples, but there were {head.length}")

    made = Sound(head.rate, head.channels, blocks, length=head.length, info=info)
    made.notes, made.within_full_scale = Notes(), True
    return made
