"""Fetch official models on request: resumable, checked against their known sums, and never half-written.

What is fetched lands in the cache folder (`AUDIOKIT_HOME` overrides the platform's): archives in `downloads`, models
ready for use in `models`.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from audiokit.errors import AudiokitError, DamagedError, InputError, ModelError
from audiokit.io.files import atomic_file
from audiokit.models.folder.remotes import REMOTE, Remote, hub_folder

_CHUNK = 1 << 18
_TIMEOUT_S = 30
_TRIES = 4
Report = Callable[[int, int | None], None]
Tell = Callable[[str], None]
__all__ = ["REMOTE", "Remote", "check", "fetch", "hub_folder", "locked", "mirrored", "pull", "recorded_sum", "unpack"]


def pull(
    name: str,
    *,
    archive: str | os.PathLike[str] | None = None,
    force: bool = False,
    report: Report | None = None,
    tell: Tell | None = None,
) -> Path:
    """Fetch a model, convert it, and put it where `--model NAME` finds it.

    Args:
        name: one of REMOTE.
        archive: what was fetched elsewhere, instead of downloading.
        force: fetch and convert again although it is there.
        report: called with (bytes so far, bytes in all or None).
        tell: called with what people must know: the terms before anything is fetched, and what its sum was checked
            against.

    Returns:
        The model folder; for Demucs, the file that its package reads.

    Raises:
        ModelError: the name is unknown, or the network cannot be reached.
        DamagedError: what arrived does not match its size or sum.
        InputError: there is no such archive.
    """
    from audiokit.models.folder import checkpoint

    if name not in REMOTE:
        raise ModelError(f"models pull {name}: no such model", hint=f"there are: {', '.join(REMOTE)}")
    remote = REMOTE[name]
    say = tell or (lambda line: None)
    place = hub_folder() / remote.file if remote.kind == "demucs" else checkpoint.cache_folder() / "models" / name
    if (place if remote.kind == "demucs" else place / checkpoint.CARD).exists() and not force:
        return place
    say(f"{name}: {remote.about}\n  from {remote.url} ({remote.told_size})\n  terms: {remote.licence}")
    if archive is not None and not Path(archive).exists():
        raise InputError(f"{archive}: no such file")
    path = Path(archive) if archive is not None else fetch(name, remote, report)
    found = check(path, remote)
    if remote.kind == "demucs":
        with atomic_file(place, force=True) as temporary:
            shutil.copyfile(path, temporary)
    else:
        _convert(name, remote, path, place, found)
    say(f"{name}: {_remember(remote, found)}")
    if archive is None and not remote.packed:
        path.unlink()
    return place


def _convert(name: str, remote: Remote, path: Path, folder: Path, found: str) -> None:
    """Make the model folder of what was fetched."""
    from audiokit.models.folder import checkpoint
    from audiokit.models.folder.importers import import_checkpoint

    options = dict(remote.options)
    if remote.config:
        options["config"] = str(fetch(name, replace(remote, url=remote.config, sum="", size=0)))
    with tempfile.TemporaryDirectory(prefix="audiokit-") as unpacked:
        if remote.packed:
            unpack(path, Path(unpacked))
        net, card = import_checkpoint(remote.kind, unpacked if remote.packed else path, options)
        card = {**card, "source": remote.url, "licence": remote.licence, "about": remote.about}
        checkpoint.save(folder, net, {**card, "source_sha256": found})


def fetch(name: str, remote: Remote, report: Report | None = None) -> Path:
    """Download a file into the cache, going on where an earlier attempt stopped.

    Raises:
        ModelError: the network cannot be reached; the hint says what to do elsewhere.
        DamagedError: what arrived does not match its size or sum; it is removed.
    """
    target = _downloads() / remote.file
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    url = mirrored(remote.url)
    with locked(partial) as file:
        if target.exists():  # another process was faster
            return target
        try:
            _persist(name, url, file, target, remote.size, report)
            check(partial, remote)
        except DamagedError as error:
            partial.unlink(missing_ok=True)
            raise DamagedError(f"{url}: {error}; removed", hint="try again, perhaps from another network") from None
        os.replace(partial, target)
    return target


def _persist(name: str, url: str, file: IO[bytes], target: Path, size: int, report: Report | None) -> None:
    """Download, and try again where that may help."""
    for attempt in range(_TRIES):
        try:
            _download(url, file, size, report)
            return
        except (URLError, HTTPException, OSError, TimeoutError) as error:
            if attempt == _TRIES - 1 or not _worth_retrying(error):
                raise _offline(name, url, target, error) from None
            time.sleep(min(2**attempt, 5) * float(os.environ.get("AUDIOKIT_RETRY_S", "1")))


def _downloads() -> Path:
    from audiokit.models.folder.checkpoint import cache_folder

    return cache_folder() / "downloads"


def mirrored(url: str) -> str:
    """Replace the host by AUDIOKIT_MIRROR, where that is set."""
    mirror = os.environ.get("AUDIOKIT_MIRROR")
    return f"{mirror.rstrip('/')}/{url.split('/', 3)[3]}" if mirror else url


def check(path: Path, remote: Remote) -> str:
    """Compare a file's size and SHA-256 with what is known of them, published or recorded.

    Returns:
        Its SHA-256.

    Raises:
        DamagedError: one differs.
    """
    size = path.stat().st_size
    if remote.size and size != remote.size:
        raise DamagedError(f"{path}: holds {size} bytes instead of {remote.size}", hint="download it again")
    total = sha256()
    with open(path, "rb") as file:
        while data := file.read(_CHUNK):
            total.update(data)
    found = total.hexdigest()
    known, whose = remote.sum, "its checksum"
    if not known:
        known, whose = recorded_sum(remote), "the checksum of its first download here"
    if not found.startswith(known):
        raise DamagedError(
            f"{path}: does not match {whose} ({found[:12]}... instead of {known[:12]}...)", hint="download it again"
        )
    return found


def recorded_sum(remote: Remote) -> str:
    """The SHA-256 of the first download of a file whose sum is not published; "" before there was one."""
    record = _downloads() / f"{remote.file}.sha256"
    return record.read_text(encoding="utf-8").split()[0] if record.exists() else ""


def _remember(remote: Remote, found: str) -> str:
    """Keep the sum of a first download where none is published, and say what the file was checked against."""
    if remote.sum:
        return "whole: it matches its published checksum"
    record = _downloads() / f"{remote.file}.sha256"
    if record.exists():
        return "whole: it matches the checksum of its first download here"
    with atomic_file(record, force=True) as temporary:
        temporary.write_text(f"{found}  {remote.file}\n", encoding="utf-8")
    return f"no checksum is published; {found[:12]}... was recorded ({record}), and later downloads must match it"


def unpack(path: Path, folder: Path) -> None:
    """Unpack the files and folders of an archive; nothing can land outside the folder.

    The filters of tarfile would do it, but the first releases of Python 3.11 have none.

    Raises:
        DamagedError: it is no archive, or one that reaches outside or holds links or devices.
    """
    inside = folder.resolve()
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                target = (inside / member.name).resolve()
                source = archive.extractfile(member) if member.isfile() else None
                if not target.is_relative_to(inside) or not (source or member.isdir()):
                    raise tarfile.TarError(f"{member.name} is not a file inside the folder")
                (target.parent if source else target).mkdir(parents=True, exist_ok=True)
                if source:
                    with open(target, "wb") as file:
                        shutil.copyfileobj(source, file)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DamagedError(f"{path}: cannot be unpacked ({error})", hint="download it again") from None


def _download(url: str, file: IO[bytes], wanted: int, report: Report | None) -> None:
    """Append to an open file what is missing of a download; `wanted` bytes in all, 0 if that is not known."""
    have = file.seek(0, os.SEEK_END)
    request = Request(url, headers={"User-Agent": "audiokit", **({"Range": f"bytes={have}-"} if have else {})})
    try:
        response = urlopen(request, timeout=_TIMEOUT_S)
    except HTTPError as error:
        if error.code != 416:  # the range begins where the file ends: everything is there
            raise
        return
    with response:
        if have and response.status != 206:  # the server does not resume: begin again
            file.seek(0)
            file.truncate()
            have = 0
        size = response.headers.get("Content-Length")
        total = have + int(size) if size else None
        if wanted and total not in (None, wanted):
            raise DamagedError(f"{total} bytes are offered instead of {wanted}")
        while data := response.read(_CHUNK):
            file.write(data)
            have += len(data)
            if report:
                report(have, total)
        file.flush()
        if total is not None and have < total:
            raise URLError(f"the connection ended after {have} of {total} bytes")


def _worth_retrying(error: Exception) -> bool:
    return not (isinstance(error, HTTPError) and error.code < 500)


def _offline(name: str, url: str, target: Path, error: Exception) -> AudiokitError:
    reason = getattr(error, "reason", None) or error
    return ModelError(
        f"models pull {name}: {url} cannot be fetched ({reason})",
        hint=f"where there is a network: curl -L -o {target.name} {url}   then here: put it at {target} and repeat, or"
        f" audiokit models pull {name} --from {target.name}",
    )


@contextmanager
def locked(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for appending, alone: another process that fetches the same waits."""
    with open(path, "ab") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        except (ImportError, OSError):  # no locks on this system: the sum still tells
            pass
        yield file
