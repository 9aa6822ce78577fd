"""Folders of recordings into data sets: parts by recording, chunk sets or shards; bad files are left out and named."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from audiokit.engine.batch import Named, expand, run
from audiokit.engine.chain import Step
from audiokit.engine.settings import BatchOptions
from audiokit.engine.stage import Call, Stage
from audiokit.engine.work import Work
from audiokit.errors import BatchError, InputError, UsageError, shown
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


def write_dataset(stage: Stage[..., Any, Any], call: Call) -> None:
    """Turn recordings into spectra, divided into parts and, with --shards, packed for WebDataset.

    Args:
        stage: makes a chunk set of one recording.
        call: inputs (with --shards also chunk sets, which are packed as they are), the folder of the data set, and
            the options, those of the division among them.

    Raises:
        UsageError: a data set cannot go to a pipe.
        BatchError: some recordings failed; the data set holds the others.
    """
    out, batch, options = call.out, call.batch, stage.bind(call.options)
    if out is None or out == "-" or Path(out).suffix:
        raise UsageError(f"-o {out}: a data set is a folder", hint="name a folder: -o dataset/")
    shards, seed = options["shards"], options["seed"]
    shares = parse_split(options["split"]) if options["split"] else {}
    by_folder = options["split_by"] == "folder"
    place = partial(place_by_recording, shares=shares, seed=seed, folder=by_folder) if shares else None
    work = Work((Step(stage, call.options),), call.save, ".chunks", batch.quiet)
    make = partial(run, work, batch=batch, known=work.known, named=Named(".chunks", place=place))
    if not shards:
        make(call.inputs, f"{out}/", seed=seed)
        return
    limit = parse_bytes(shards)
    existing = sorted(Path(out).glob("*-[0-9][0-9][0-9][0-9][0-9][0-9].tar"))
    if existing and not batch.force:
        raise InputError(f"{existing[0]}: exists already", hint="add --force to replace the shards")
    failure: BatchError | None = None
    sets_folder = Path(out) / f"{PREFIX}sets"
    shutil.rmtree(sets_folder, ignore_errors=True)
    try:
        if all(_is_chunk_folder(given) for given in call.inputs):
            sets = [(path, place(name) if place else name) for path, name in expand(call.inputs, "chunks")]
        else:
            try:
                make(call.inputs, f"{sets_folder}/")
            except BatchError as error:
                failure = error
            if batch.dry_run:
                return
            sets = expand([str(sets_folder)], "chunks")
        for old in existing:
            old.unlink()
        _pack_parts(sets, Path(out), limit, divided=place is not None, batch=batch)
    finally:
        shutil.rmtree(sets_folder, ignore_errors=True)
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
                print(f"{len(members)} recordings -> {shown(shard)}", file=sys.stderr)
