"""Fetch official models on request: resumable, checked against their known sums, and never half-written.

What is fetched lands in the cache folder (`AUDIOKIT_HOME` overrides the platform's): archives in `downloads`, models
ready for use in `models`.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from audiokit.errors import AudiokitError, DamagedError, InputError, ModelError

_CHUNK = 1 << 18
_TIMEOUT_S = 30
_TRIES = 4
Report = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Remote:
    """A model that can be fetched.

    Attributes:
        url: of the archive.
        sum: its SHA-256.
        kind: how it is imported (`audiokit.models.folder.importers`).
        options: the importer's options.
        about: one line.
        licence: of the weights.
    """

    url: str
    sum: str
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    about: str = ""
    licence: str = ""

    @property
    def file(self) -> str:
        """Name of the archive."""
        return self.url.rsplit("/", 1)[-1]


_SPLEETER = "https://github.com/deezer/spleeter/releases/download/v1.4.0/"
_SUMS = {
    "2stems": "f3a90b39dd2874269e8b05a48a86745df897b848c61f3958efc80a39152bd692",
    "4stems": "3adb4a50ad4eb18c7c4d65fcf4cf2367a07d48408a5eb7d03cd20067429dfaa8",
    "5stems": "25a1e87eb5f75cc72a4d2d5467a0a50ac75f05611f877c278793742513cc7218",
}


def _spleeter(name: str, bins: int) -> Remote:
    reach = "11 kHz" if bins == 1024 else "16 kHz"
    about = f"Spleeter, {name[0]} stems, masks up to {reach}"
    return Remote(f"{_SPLEETER}{name}.tar.gz", _SUMS[name], "spleeter", {"bins": bins}, about, "MIT (Deezer)")


#: Name -> what can be fetched. The 16 kHz models are the same weights, run on more of the band.
REMOTE: dict[str, Remote] = {
    f"spleeter-{name}{suffix}": _spleeter(name, bins)
    for name in _SUMS
    for suffix, bins in (("", 1024), ("-16kHz", 1536))
}


def pull(
    name: str, *, archive: str | os.PathLike[str] | None = None, force: bool = False, report: Report | None = None
) -> Path:
    """Fetch a model, convert it, and put it where `--model NAME` finds it.

    Args:
        name: one of REMOTE.
        archive: an archive fetched elsewhere, instead of downloading.
        force: fetch and convert again although it is there.
        report: called with (bytes so far, bytes in all or None).

    Returns:
        The model folder.

    Raises:
        ModelError: the name is unknown, or the network cannot be reached.
        DamagedError: what arrived does not match its sum.
        InputError: there is no such archive.
    """
    from audiokit.models.folder import checkpoint
    from audiokit.models.folder.importers import import_checkpoint

    if name not in REMOTE:
        raise ModelError(f"models pull {name}: no such model", hint=f"there are: {', '.join(REMOTE)}")
    remote = REMOTE[name]
    folder = checkpoint.cache_folder() / "models" / name
    if (folder / checkpoint.CARD).exists() and not force:
        return folder
    path = Path(archive) if archive is not None else fetch(name, remote, report)
    if not path.exists():
        raise InputError(f"{path}: no such file")
    check_sum(path, remote.sum)
    with tempfile.TemporaryDirectory(prefix="audiokit-") as unpacked:
        unpack(path, Path(unpacked))
        net, card = import_checkpoint(remote.kind, unpacked, remote.options)
        card = {**card, "source": remote.url, "licence": remote.licence, "about": remote.about}
        checkpoint.save(folder, net, card)
    return folder


def fetch(name: str, remote: Remote, report: Report | None = None) -> Path:
    """Download an archive into the cache, going on where an earlier attempt stopped.

    Raises:
        ModelError: the network cannot be reached; the hint says what to do elsewhere.
        DamagedError: what arrived does not match its sum; it is removed.
    """
    from audiokit.models.folder.checkpoint import cache_folder

    target = cache_folder() / "downloads" / remote.file
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    url = mirrored(remote.url)
    with _locked(partial) as file:
        if target.exists():  # another process was faster
            return target
        for attempt in range(_TRIES):
            try:
                _download(url, file, report)
                break
            except (URLError, HTTPException, OSError, TimeoutError) as error:
                if attempt == _TRIES - 1 or not _worth_retrying(error):
                    raise _offline(name, url, target, error) from None
                time.sleep(min(2**attempt, 5) * float(os.environ.get("AUDIOKIT_RETRY_S", "1")))
        try:
            check_sum(partial, remote.sum)
        except DamagedError as error:
            partial.unlink(missing_ok=True)
            raise DamagedError(f"{url}: {error}; removed", hint="try again, perhaps from another network") from None
        os.replace(partial, target)
    return target


def mirrored(url: str) -> str:
    """Replace the host by AUDIOKIT_MIRROR, where that is set."""
    mirror = os.environ.get("AUDIOKIT_MIRROR")
    return f"{mirror.rstrip('/')}/{url.split('/', 3)[3]}" if mirror else url


def check_sum(path: Path, expected: str) -> None:
    """Compare a file's SHA-256 (DamagedError if it differs)."""
    total = sha256()
    with open(path, "rb") as file:
        while data := file.read(_CHUNK):
            total.update(data)
    if total.hexdigest() != expected:
        raise DamagedError(
            f"{path}: does not match its checksum ({total.hexdigest()[:12]}... instead of {expected[:12]}...)",
            hint="download it again",
        )


def unpack(path: Path, folder: Path) -> None:
    """Unpack an archive; nothing can land outside the folder.

    Raises:
        DamagedError: it is no archive, or one that reaches outside.
    """
    try:
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DamagedError(f"{path}: cannot be unpacked ({error})", hint="download it again") from None


def _download(url: str, file: IO[bytes], report: Report | None) -> None:
    """Append to an open file what is missing of a download."""
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
def _locked(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for appending, alone: another process that fetches the same waits."""
    with open(path, "ab") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        except (ImportError, OSError):  # no locks on this system: the sum still tells
            pass
        yield file
