"""Folders of recordings into data sets: parts by recording, chunk sets or shards; bad files are left out and named."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from audiokit.engine.batch import Task, expand, run
from audiokit.engine.options import BatchOptions
from audiokit.errors import BatchError, InputError, UsageError
from audiokit.io.files import PREFIX
from audiokit.io.shards import pack, parse_bytes, parse_split, part_of


def place_by_recording(relative: str, *, shares: dict[str, float], seed: int, folder: bool = False) -> str:
    """Put the part's name before a recording's own.

    Args:
        relative: name of the recording inside the input folder.
        shares: part -> share.
        seed: of the division.
        folder: everything in one folder counts as one recording (pieces or variations of it).

    >>> place_by_recording("jazz/a.wav", shares={"train": 1.0}, seed=0)
    'train/jazz/a.wav'
    """
    path = Path(relative)
    recording = path.parent if folder and path.parent != Path() else path.with_suffix("")
    return f"{part_of(str(recording), shares, seed)}/{relative}"


@dataclass(frozen=True)
class Division:
    """How a data set is divided and stored, as the options say it.

    Attributes:
        split: such as "train:0.9,valid:0.1".
        split_by: what stays together, "recording" or "folder".
        shards: largest size of a WebDataset shard, such as "500MB"; None keeps folders.
        seed: of the division.
    """

    split: str | None = None
    split_by: str = "recording"
    shards: str | None = None
    seed: int = 0


def write_dataset(
    task: Task,
    inputs: Sequence[str],
    out: str | None,
    *,
    batch: BatchOptions,
    recipe: dict[str, Any],
    division: Division,
) -> None:
    """Turn recordings into spectra, divided into parts and, with `shards`, packed for WebDataset.

    Args:
        task: one recording to one chunk set.
        inputs: recordings; with `shards` also chunk sets, which are packed as they are.
        out: folder of the data set.
        batch: the shared options.
        recipe: options of the transform, for the history.
        division: into which parts, and how they are stored.

    Raises:
        UsageError: a data set cannot go to a pipe.
        BatchError: some recordings failed; the data set holds the others.
    """
    if out is None or out == "-" or Path(out).suffix:
        raise UsageError(f"-o {out}: a data set is a folder", hint="name a folder: -o dataset/")
    split_by, shards, seed = division.split_by, division.shards, division.seed
    if split_by not in ("recording", "folder"):
        raise UsageError(f"--split-by {split_by}: must be recording or folder")
    shares = parse_split(division.split) if division.split else {}
    by_folder = split_by == "folder"
    place = partial(place_by_recording, shares=shares, seed=seed, folder=by_folder) if shares else None
    if not shards:
        run(
            task,
            inputs,
            f"{out}/",
            batch=batch,
            command="spectro",
            options=recipe,
            ext=".chunks",
            place=place,
            seed=seed,
        )
        return
    limit = parse_bytes(shards)
    existing = sorted(Path(out).glob("*-[0-9][0-9][0-9][0-9][0-9][0-9].tar"))
    if existing and not batch.force:
        raise InputError(f"{existing[0]}: exists already", hint="add --force to replace the shards")
    failure: BatchError | None = None
    work = Path(out) / f"{PREFIX}sets"
    shutil.rmtree(work, ignore_errors=True)
    try:
        if all(_is_chunk_folder(given) for given in inputs):
            sets = [(path, place(name) if place else name) for path, name in expand(inputs, "chunks")]
        else:
            try:
                run(
                    task, inputs, f"{work}/", batch=batch, command="spectro", options=recipe, ext=".chunks", place=place
                )
            except BatchError as error:
                failure = error
            if batch.dry_run:
                return
            sets = expand([str(work)], "chunks")
        for old in existing:
            old.unlink()
        _pack_parts(sets, Path(out), limit, divided=place is not None, batch=batch)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if failure:
        raise failure


def _is_chunk_folder(given: str) -> bool:
    path = Path(given)
    if not path.is_dir():
        return False
    return (path / "manifest.json").exists() or next(path.rglob("manifest.json"), None) is not None


def _pack_parts(sets: Sequence[tuple[str, str]], out: Path, limit: int, *, divided: bool, batch: BatchOptions) -> None:
    parts: dict[str, list[tuple[str, str]]] = {}
    for path, name in sorted(sets, key=lambda pair: pair[1]):
        part, _, rest = name.partition(os.sep) if divided else ("data", "", name)
        parts.setdefault(part, []).append((path, rest.removesuffix(".chunks")))
    for part, members in parts.items():
        for shard in pack(members, out / part, limit, force=batch.force):
            if not batch.quiet:
                print(f"{len(members)} recordings -> {shard}", file=sys.stderr)
