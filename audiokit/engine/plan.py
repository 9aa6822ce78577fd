"""From what was typed to jobs: find the inputs, name the outputs, and refuse what would lose something."""

from __future__ import annotations

import json
import os
import string
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from audiokit.engine.flow import seed_of
from audiokit.engine.job import Job, Named
from audiokit.engine.remote import exists as remote_exists
from audiokit.engine.remote import is_remote, join, search
from audiokit.engine.settings import BatchOptions
from audiokit.errors import AudiokitError, InputError, UsageError
from audiokit.io.about import MEDIA_SUFFIXES, SUFFIXES
from audiokit.io.audio import info
from audiokit.io.chunkset import is_chunks, open_chunks
from audiokit.io.files import check_no_device
from audiokit.io.writer import WRITABLE

CHUNK_SUFFIXES = (".npy", ".tar")
#: The index of a folder of audio pieces, which stands for the folder and is called like it.
PIECES = "pieces.json"


def expand(inputs: Sequence[str], accept: str = "audio") -> list[tuple[str, str]]:
    """Turn files and folders into (path, name relative to what was given), sorted inside folders.

    Raises:
        InputError: nothing is there, or a folder holds nothing readable.
        UsageError: "-" together with other inputs, or standard input is a terminal.
    """
    if "-" in inputs:
        if len(inputs) > 1:
            raise UsageError("- (standard input) cannot be combined with other inputs")
        if sys.stdin is None or sys.stdin.closed:
            raise InputError("standard input is closed", hint="pipe something in, or give a file")
        if sys.stdin.isatty():
            raise UsageError("standard input is a terminal", hint="pipe something in, or give a file")
        return [("-", "stdin")]
    found: list[tuple[str, str]] = []
    for given in inputs:
        path = Path(given)
        if is_remote(given):
            found += search(given, _suffixes(accept))
        elif path.is_dir() and not (accept != "audio" and (path / "manifest.json").exists()):
            inside = sorted(_search(path, accept))
            if not inside:
                raise InputError(f"{given}: no {_KINDS[accept]} inside", hint="check the folder")
            found += [(str(item), str(item.relative_to(path))) for item in inside]
        elif not os.path.lexists(path):
            raise InputError(f"{given}: no such file or folder")
        elif path.name == PIECES:
            found.append((given, path.absolute().parent.name))
        else:
            found.append((given, path.name))
    return found


_KINDS = {"audio": "audio files", "chunks": "chunk sets", "either": "audio files or chunk sets"}


def _suffixes(accept: str) -> tuple[str, ...]:
    return (SUFFIXES + MEDIA_SUFFIXES if accept != "chunks" else ()) + (CHUNK_SUFFIXES if accept != "audio" else ())


def _search(folder: Path, accept: str) -> Iterator[Path]:
    suffixes, seen = _suffixes(accept), set()
    # Links may lead back up, or to what is met by another way as well: every folder is searched once, those that are
    # here under their own names before those that are only linked to.
    waiting = [folder]
    while waiting:
        for root, folders, files in os.walk(waiting.pop(0)):
            here, real = Path(root), os.path.realpath(root)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            if (here / "manifest.json").exists():
                folders.clear()
                if accept != "audio":
                    yield here
                continue
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            waiting += [here / name for name in folders if os.path.islink(here / name)]
            yield from (here / f for f in files if f.lower().endswith(suffixes) and not f.startswith("."))


def plan(
    sources: Sequence[tuple[str, str]],
    out: str | None,
    *,
    named: Named,
    batch: BatchOptions,
    seed: int = 0,
) -> list[Job]:
    """Give every input its outputs, and refuse two inputs with the same one (UsageError)."""
    ext, parts, place = named
    if place is not None:
        sources = [(source, place(relative)) for source, relative in sources]
    if batch.name is not None:
        # What cannot be filled in is refused even where it is not used; how far up it may go, each input's folder says.
        _names("", "deep/" * 99 + "name.wav", ext, parts, batch.name)
    if out is None:
        raise UsageError("no output given", hint="add -o FILE, -o FOLDER/ or -o -")
    if out != "-":
        check_no_device(out)
    if out == "-":
        if len(sources) > 1 or (parts and len(parts) > 1):
            raise UsageError("only one result fits on standard output", hint="choose a folder: -o out/")
        targets_of = [dict.fromkeys(parts or [""], "-")]
    elif _is_file_target(out, sources, parts):
        targets_of = [dict.fromkeys(parts or [""], out)]
    else:
        targets_of = [_names(out, relative, ext, parts, batch.name) for _, relative in sources]
    taken: dict[str, tuple[str, str]] = {}
    jobs = []
    for (source, relative), targets in zip(sources, targets_of, strict=True):
        for target in targets.values():
            other = taken.setdefault(os.path.normpath(target), (source, relative))
            if target != "-" and other[0] is not source:
                raise _collision(other, (source, relative), target, named, batch.name)
        if len(set(targets.values())) < len(targets) and out != "-":
            raise UsageError(f"{source}: its parts would overwrite each other", hint="put {part} into --name")
        first = next(iter(targets.values()))
        several = targets if parts else {}
        jobs.append(Job(source, first, several, [], seed_of(relative, seed), batch.force, relative))
    return jobs


def _collision(
    first: tuple[str, str], second: tuple[str, str], target: str, named: Named, template: str | None
) -> UsageError:
    """Say that two inputs, (path, relative name) each, have one output, and what would keep them apart."""
    if os.path.abspath(first[0]) == os.path.abspath(second[0]):
        return UsageError(f"{second[0]}: is given twice", hint="name it once")
    parted = "{stem}-{suffix}/{part}.{ext}" if named.parts else "{stem}-{suffix}.{ext}"
    hint = "give their common folder as the input"
    for better in ("{stem}/{part}.{ext}" if named.parts else "{stem}.{ext}", parted):
        names = [_names("", relative, named.ext, named.parts, better) for _, relative in (first, second)]
        if better != template and not set(names[0].values()) & set(names[1].values()):
            hint = f"keep them apart with --name '{better}'"
            break
    return UsageError(f"{first[0]} and {second[0]} would both become {target}", hint=hint)


def _is_file_target(out: str, sources: Sequence[tuple[str, str]], parts: Sequence[str] | None) -> bool:
    if out.endswith(("/", os.sep)) or len(sources) != 1 or (parts and len(parts) > 1):
        return False
    path = Path(out)
    if not is_remote(out) and path.is_dir() and not (path / "manifest.json").exists():
        return False
    return bool(path.suffix)


def is_folder(out: str) -> bool:
    """Tell whether an output that may hold many sounds is a folder: it ends in /, is one, or has no suffix of audio.

    >>> is_folder("notes/"), is_folder("notes.v2"), is_folder("note.flac"), is_folder("-")
    (True, True, False, False)
    """
    if out == "-":
        return False
    return out.endswith(("/", os.sep)) or Path(out).is_dir() or Path(out).suffix.lower() not in WRITABLE


def _names(folder: str, relative: str, ext: str, parts: Sequence[str] | None, template: str | None) -> dict[str, str]:
    path = Path(relative)
    stem = (
        path.name if path.suffix.lower() not in (*SUFFIXES, *MEDIA_SUFFIXES, *CHUNK_SUFFIXES, ".chunks") else path.stem
    )
    if template is None:
        template = "{stem}/{part}.{ext}" if parts else "{stem}.{ext}"
    fields = {"stem": stem, "ext": ext.removeprefix("."), "parent": str(path.parent), "suffix": path.suffix[1:]}
    try:
        known = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
        unknown = known - {"part", *fields}
        if unknown:
            raise KeyError(unknown.pop())
        made = {part: template.format(**fields, part=part) for part in parts or [""]}
    except (KeyError, ValueError, IndexError) as error:
        raise UsageError(
            f"--name {template!r}: cannot be filled in ({error})",
            hint="use {stem}, {part}, {ext}, {parent} and {suffix}",
        ) from None
    for name in made.values():
        if (inside := os.path.normpath(path.parent / name)).startswith(("..", os.sep)) or not name:
            raise UsageError(
                f"--name {template!r}: {inside} would leave the output folder", hint="give that folder with -o"
            )
    if is_remote(folder):
        return {part: join(folder, path.parent.as_posix(), name) for part, name in made.items()}
    return {part: str(Path(folder) / path.parent / name) for part, name in made.items()}


def check_beside(jobs: Sequence[Job], beside: Callable[[Job], Sequence[str]]) -> None:
    """Refuse files beside the outputs that two inputs would write (UsageError)."""
    owners = {os.path.normpath(target): job.source for job in jobs for target in job.outputs if target != "-"}
    for job in jobs:
        for path in map(os.path.normpath, beside(job)):
            owner = owners.pop(path, None)
            owners[path] = job.source
            if owner is not None:
                more = "" if owner is job.source else f" and {owner}"
                raise UsageError(
                    f"{path} would be written twice, for {job.source}{more}", hint="put {stem} into its name"
                )


def check_targets(
    jobs: Sequence[Job], batch: BatchOptions, beside: Callable[[Job], Sequence[str]] = lambda job: ()
) -> None:
    """Refuse outputs that exist, unless the batch says what to do with them (InputError)."""
    if batch.force or batch.skip_existing:
        return
    existing = [t for job in jobs for t in (*job.outputs, *beside(job)) if t != "-" and _exists(t)]
    if existing:
        more = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        raise InputError(
            f"{existing[0]}: exists already{more}",
            hint="add --force to replace, or --skip-existing to keep what is done",
        )


def _exists(target: str) -> bool:
    return remote_exists(target) if is_remote(target) else os.path.lexists(target)


def up_to_date(job: Job, needs: Sequence[str] = (), beside: Sequence[str] = ()) -> bool:
    """Whether all outputs are complete, newer than the input and what else is read, and carry this very recipe.

    Args:
        job: with what it appends to the history.
        needs: files and folders of models that it reads beside its input.
        beside: files that it writes beside its outputs, which must be there.
    """
    if "-" in (job.source, job.target):
        return False
    if any(map(is_remote, [job.source, *job.outputs])):  # their times and recipes are not to be had cheaply
        return all(map(_exists, job.outputs))
    try:
        made = min(os.stat(target).st_mtime_ns for target in job.outputs)
        if max(map(_modified, [job.source, *needs])) > made or not all(map(_exists, beside)):
            return False
    except OSError:
        return False
    return all(_made_by(target, job.history) for target in job.outputs)


def _modified(source: str) -> int:
    manifest = Path(source) / "manifest.json"
    if manifest.exists() or not os.path.isdir(source):
        return os.stat(manifest if manifest.exists() else source).st_mtime_ns
    return max(item.stat().st_mtime_ns for item in [Path(source), *Path(source).iterdir()])


def _made_by(target: str, entries: Sequence[dict[str, Any]]) -> bool:
    """Whether the newest entries of a target's history say what these do; formats that hold no history are believed."""
    if Path(target).suffix == ".png":
        return True
    if os.path.isdir(target) and not is_chunks(target):  # pieces, which came together: one tells of all
        inside = sorted(item for item in Path(target).iterdir() if not item.name.startswith("."))
        return bool(inside) and _made_by(str(inside[0]), entries)
    try:
        history = open_chunks(target).head.history if is_chunks(target) else info(target).history
    except AudiokitError:
        return False
    # Options pass through JSON on their way into the file: compare them as JSON does. What was found out while it was
    # made (what was drawn, a span) stands beside them and is no reason to make it anew.
    wanted = json.loads(json.dumps(list(entries), default=str))
    found = history[-len(wanted) :]
    return len(found) == len(wanted) and all(
        {key: entry.get(key) for key in want} == want for entry, want in zip(found, wanted, strict=True)
    )
