"""Inputs and outputs on s3://, gs://, https:// and whatever else fsspec knows (extra `remote`).

A job fetches its input to a temporary folder, works there, and puts its outputs back under a temporary name that is
renamed at the end; the commands themselves only ever see local files.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiokit.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from audiokit.engine.job import Job


def is_remote(path: str) -> bool:
    """Tell a URL from a path.

    >>> is_remote("s3://bucket/a.wav"), is_remote("folder/a.wav"), is_remote("-")
    (True, False, False)
    """
    head, separator, _ = path.partition("://")
    return bool(separator) and head.isalnum()


def _open(url: str) -> tuple[Any, str]:
    """Find the file system behind a URL and the path inside it."""
    try:
        import fsspec
    except ImportError:
        raise MissingExtraError.of("remote", url) from None
    try:
        system, path = fsspec.core.url_to_fs(url)
        return system, str(path)
    except (ImportError, ValueError) as error:
        raise InputError(f"{url}: cannot be reached ({error})", hint="install the file system's own package") from None


def exists(url: str) -> bool:
    """Ask whether anything is there."""
    system, path = _open(url)
    return bool(system.exists(path))


def search(url: str, suffixes: Sequence[str]) -> list[tuple[str, str]]:
    """List what a URL holds: itself if it is a file, else every file below it with one of the suffixes.

    Returns:
        (URL, name relative to what was given), sorted.

    Raises:
        InputError: nothing is there, or nothing readable.
    """
    system, path = _open(url)
    try:
        if system.isfile(path):
            return [(url, posixpath.basename(path))]
        found = sorted(system.find(path))
    except OSError as error:
        raise InputError(f"{url}: cannot be listed ({error})") from None
    inside = [name for name in found if name.lower().endswith(tuple(suffixes))]
    if not inside:
        raise InputError(f"{url}: no audio files there" if found else f"{url}: no such file or folder")
    protocol = url.partition("://")[0]
    root = path.rstrip("/")
    return [
        (f"{protocol}://{name.lstrip('/')}" if protocol != "file" else f"file://{name}", name[len(root) + 1 :])
        for name in inside
    ]


def join(url: str, *parts: str) -> str:
    """Append path parts to a URL.

    >>> join("s3://bucket/out/", ".", "a.wav")
    's3://bucket/out/a.wav'
    """
    return "/".join([url.rstrip("/"), *(part for part in parts if part not in ("", "."))])


def run_local(task: Callable[[Job], dict[str, Any]], job: Job) -> dict[str, Any]:
    """Run a job whose input or outputs are remote on local copies of them."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="audiokit-") as folder:
        source = job.source
        if is_remote(source):
            system, path = _open(source)
            source = os.path.join(folder, "in", posixpath.basename(path))
            os.mkdir(os.path.dirname(source))
            try:
                system.get_file(path, source)
            except FileNotFoundError:
                raise InputError(f"{job.source}: no such file") from None
        back: dict[str, str] = {}

        def local(target: str) -> str:
            if not is_remote(target):
                return target
            name = os.path.join(folder, f"out{len(back)}", posixpath.basename(target))
            back[name] = target
            return name

        targets = {part: local(target) for part, target in job.targets.items()}
        first = next(iter(targets.values())) if targets else local(job.target)
        report = task(replace(job, source=source, target=first, targets=targets))
        for name, target in back.items():
            _put(Path(name), target, job.force)
    return report


def _put(source: Path, url: str, force: bool) -> None:
    """Upload one output; a folder's manifest goes last, so that its presence means the set is complete."""
    system, path = _open(url)
    if not force and system.exists(path):
        raise InputError(f"{url}: exists already", hint="add --force to replace it")
    files = (
        [source] if source.is_file() else sorted(source.rglob("*"), key=lambda p: (p.name == "manifest.json", str(p)))
    )
    for item in files:
        if item.is_dir():
            continue
        target = path if source.is_file() else posixpath.join(path, item.relative_to(source).as_posix())
        parent = posixpath.dirname(target)
        system.makedirs(parent, exist_ok=True)
        temporary = posixpath.join(parent, f".audiokit-{os.urandom(4).hex()}-{posixpath.basename(target)[-100:]}")
        try:
            system.put_file(str(item), temporary)
            system.mv(temporary, target)
        except BaseException:
            if system.exists(temporary):
                system.rm(temporary)
            raise
    # Files of an older set that the new one does not have would be taken for part of it.
    if source.is_dir() and force:
        kept = {posixpath.join(path, p.relative_to(source).as_posix()) for p in files}
        for name in system.find(path):
            if name not in kept and name.endswith(".npy"):
                system.rm(name)
