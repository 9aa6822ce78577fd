"""What `audiokit info` knows: one dictionary per file, and its lines for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from audiokit.engine.talk import on_terminal, show_table
from audiokit.errors import AudiokitError, BatchError, DamagedError, InputError, shown


def describe(source: str, *, check: bool = False, chunks: bool = False) -> dict[str, Any]:
    """Describe audio, a chunk set, a .npy, a tar stream or a model folder.

    Args:
        source: path or "-".
        check: also read everything and verify it.
        chunks: standard input holds a chunk stream.

    Returns:
        Fields for people and machines; "what" says which kind of file it is.

    Raises:
        InputError: missing, unreadable or of an unknown kind.
        DamagedError: `check` found a difference.
    """
    from audiokit.io.chunkset import MANIFEST, is_chunks
    from audiokit.models.folder.checkpoint import CARD

    path = Path(source)
    if source == "-":
        return _describe_chunks(source, check) if chunks or _stdin_is_tar() else _describe_audio(source, check)
    if not path.exists():
        raise InputError(f"{source}: no such file or folder")
    if (path / CARD).exists() or path.name == CARD:
        return _describe_model(path.parent if path.name == CARD else path, check)
    if path.is_dir() and not (path / MANIFEST).exists():
        raise InputError(f"{source}: no audio files, chunk sets or models inside", hint="check the folder")
    if path.suffix == ".npy" and not path.with_suffix(".json").exists():
        return _describe_array(source, check)
    if is_chunks(source) or path.name == MANIFEST:
        return _describe_chunks(source, check)
    return _describe_audio(source, check)


def _stdin_is_tar() -> bool:
    """A tar starts with the name of its first member, a WAV with RIFF."""
    stream = sys.stdin.buffer
    return hasattr(stream, "peek") and stream.peek(11)[:11] == b"__audiokit_"


def _describe_audio(source: str, check: bool) -> dict[str, Any]:
    from audiokit.io.audio import Reader
    from audiokit.io.told import heard

    with heard(), Reader(source) as reader:
        about = reader.info
        fields: dict[str, Any] = {
            "what": "audio",
            "path": source,
            "format": about.format,
            "subtype": about.subtype,
            "rate": about.rate,
            "channels": about.channels,
            "length": about.length,
            "seconds": None if about.length is None else about.length / about.rate,
            "tags": about.tags,
            "history": about.history,
        }
        if about.fault:
            _, what, said = about.fault.split(" ", 2)  # "the header says ...", "the stream has ..."
            fields[what] = said
        if check or about.length is None:
            import numpy as np

            length, peak, squares, total = 0, 0.0, 0.0, np.zeros(about.channels)
            for block in reader.blocks():
                length += block.shape[1]
                peak = max(peak, float(np.abs(block).max(initial=0.0)))
                squares += float(np.square(block, dtype=np.float64).sum())
                total += block.sum(axis=1, dtype=np.float64)
            fields |= {"length": length, "seconds": length / about.rate}
            fields["peak_dbfs"] = _db(peak)
            fields["rms_dbfs"] = _db((squares / max(1, length * about.channels)) ** 0.5)
            fields["dc"] = [round(float(v), 6) for v in total / max(1, length)]
            fields["checked"] = check
    return fields


def _db(amplitude: float) -> float | None:
    import math

    return round(20 * math.log10(amplitude), 2) if amplitude > 0 else None


def _describe_chunks(source: str, check: bool) -> dict[str, Any]:
    from audiokit.io.chunkset import FolderReader, open_chunks

    reader = open_chunks(source)
    head = reader.head
    if isinstance(reader, FolderReader):
        count: int | None = len(reader.items)
        if check:
            reader.verify()
    else:  # a stream tells its count and length only by being read, which also verifies it
        count = sum(1 for _ in reader)
    fields = {"what": "chunk set", "path": source, **head.to_dict(), "chunks": count}
    fields["seconds"] = None if head.length is None else head.length / head.rate
    fields["checked"] = check
    return fields


def _describe_array(source: str, check: bool) -> dict[str, Any]:
    import numpy as np

    from audiokit.io.chunkset import load_npy

    array = load_npy(source, mmap=True)
    if check and array.dtype.kind in "fc" and not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(np.atleast_1d(array)))[0].tolist()
        raise DamagedError(f"{source}: holds NaN or infinity, first at {place}")
    return {
        "what": "array",
        "path": source,
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "note": "nothing beside it says what it means: commands need --preset or explicit options",
        "checked": check,
    }


def _describe_model(folder: Path, check: bool) -> dict[str, Any]:
    from audiokit.models.folder.checkpoint import WEIGHTS, read_card

    card = read_card(folder)
    fields = {"what": "model", "path": str(folder), **{name: _told(value) for name, value in card.items()}}
    weights = folder / WEIGHTS
    if not weights.exists():
        raise DamagedError(f"{weights}: missing from the model folder")
    fields["bytes"] = weights.stat().st_size
    if check:
        from audiokit.models.folder.checkpoint import build, load_weights, read_safetensors

        module = build(card["architecture"], card["settings"])
        load_weights(module, read_safetensors(weights), name=str(folder))
        fields["parameters"] = sum(p.numel() for p in module.parameters())
    fields["checked"] = check
    return fields


def _told(value: Any) -> Any:
    """A table of numbers is told by its size."""
    rows = value if isinstance(value, list) and value and all(isinstance(row, list) for row in value) else []
    return f"{len(rows)} x {len(rows[0])} numbers" if rows and isinstance((rows[0] or [""])[0], float) else value


def print_descriptions(inputs: Sequence[str], *, check: bool, chunks: bool, as_json: bool) -> None:
    """Print every input's description; all are tried before an error ends the command.

    A folder that is neither a chunk set nor a model stands for all such, and all audio, inside it.

    Raises:
        AudiokitError: the error of the only input.
        BatchError: some of several inputs failed.
    """
    errors: list[AudiokitError] = []
    inputs = [source for given in inputs for source in _found(given)]
    for source in inputs:
        try:
            fields = describe(source, check=check, chunks=chunks)
        except AudiokitError as error:
            errors.append(error)
            if as_json and len(inputs) > 1:
                print(json.dumps({"path": source, "error": str(error), "status": error.status}))
            continue
        if as_json:
            print(json.dumps(fields, default=str), flush=True)
        elif on_terminal():
            print(shown(f"{fields['path']}: {fields['what']}"))
            show_table(("", ""), _lines(fields))
        else:
            lines = [f"{fields['path']}: {fields['what']}", *(f"  {key:<12} {value}" for key, value in _lines(fields))]
            print("\n".join(map(shown, lines)), flush=True)
    if errors and len(inputs) == 1:
        raise errors[0]
    if errors:
        raise BatchError(f"{len(errors)} of {len(inputs)} failed:", lines=errors)


def _found(given: str) -> list[str]:
    """What an input stands for: itself, or what is inside a folder of files, sorted."""
    from audiokit.io.chunkset import MANIFEST
    from audiokit.models.folder.checkpoint import CARD

    path = Path(given)
    if not path.is_dir() or (path / MANIFEST).exists() or (path / CARD).exists():
        return [given]
    from audiokit.engine.plan import expand

    found = [str(card.parent) for card in path.rglob(CARD)]
    with suppress(InputError):  # none of the two
        found += [source for source, _ in expand([given], "either")]
    return sorted(found) or [given]


def _lines(fields: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is said of one input beside its name: word and value, the history last."""
    for key, value in fields.items():
        if key in ("what", "path", "history", "format") and not (key == "format" and fields["what"] == "audio"):
            continue
        if value in (None, {}, [], ""):
            continue
        if isinstance(value, float):
            value = f"{value:.3f}"
        elif isinstance(value, dict | list):
            value = json.dumps(value, ensure_ascii=False)
        yield key, str(value)
    for entry in fields.get("history") or []:
        options = " ".join(f"{k}={v}" for k, v in (entry.get("options") or {}).items() if v is not None)
        yield "made by", f"{entry.get('name')} {options}".rstrip()
