"""Fetch official models on request: resumable, checked against their known sums, and never half-written.

What is fetched lands in the cache folder (`AUDIOKIT_HOME` overrides the platform's): archives in `downloads`, models
ready for use in `models`.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from hashlib import file_digest
from pathlib import Path

from audiokit.errors import AudiokitError, DamagedError, InputError, ModelError, ParameterError
from audiokit.io.files import atomic_file
from audiokit.models.folder.download import BROKEN, Report, download, locked
from audiokit.models.folder.remotes import REMOTE, Remote, hub_folder

Tell = Callable[[str], None]
_AGAIN = "try again, perhaps from another network"
__all__ = ["REMOTE", "Remote", "check", "fetch", "hub_folder", "mirrored", "pull", "recorded_sum", "unpack"]


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
    proof = place if remote.kind == "demucs" else place / checkpoint.CARD
    if proof.exists() and not force:
        return place
    if archive is not None and not Path(archive).exists():
        raise InputError(f"{archive}: no such file")
    _downloads().mkdir(parents=True, exist_ok=True)
    with locked(_downloads() / f".{name}.lock", remove=True):
        if proof.exists() and not force:  # another process was faster
            return place
        say(f"{name}: {remote.about}\n  from {remote.url} ({remote.told_size})\n  terms: {remote.licence}")
        if archive is not None:
            found = _make(name, remote, Path(archive), place)
        else:
            path = fetch(name, remote, report, again=force and not remote.sum)
            found = _made_of_fetched(name, remote, path, place)
        say(f"{name}: {_remember(remote, found)}")
        if archive is None and not remote.packed:
            path.unlink()
    return place


def _made_of_fetched(name: str, remote: Remote, path: Path, place: Path) -> str:
    """Make a model of what was fetched; what cannot be one is removed, or every later attempt would fail too."""
    try:
        return _make(name, remote, path, place)
    except (DamagedError, ModelError, ParameterError) as error:
        suspects = [path] if not remote.sum or not sha256_of(path).startswith(remote.sum) else []
        if remote.beside:
            suspects.append(_downloads() / remote.beside.file)
        if not suspects:
            raise
        for suspect in suspects:
            suspect.unlink(missing_ok=True)
        hint = error.hint or _AGAIN
        raise type(error)(f"{error}; what was fetched is removed", hint=hint) from None


def _make(name: str, remote: Remote, path: Path, place: Path) -> str:
    """Check a file, make the model of it, and give its SHA-256."""
    found = check(path, remote)
    if remote.kind == "demucs":
        with atomic_file(place, force=True) as temporary:
            shutil.copyfile(path, temporary)
    else:
        _convert(name, remote, path, place, found)
    return found


def _convert(name: str, remote: Remote, path: Path, folder: Path, found: str) -> None:
    """Make the model folder of what was fetched."""
    from audiokit.models.folder import checkpoint
    from audiokit.models.folder.importers import import_checkpoint

    options = dict(remote.options)
    if remote.beside:
        options["config"] = str(fetch(name, remote.beside))
    with tempfile.TemporaryDirectory(prefix="audiokit-") as unpacked:
        if remote.packed:
            unpack(path, Path(unpacked))
        net, card = import_checkpoint(remote.kind, unpacked if remote.packed else path, options)
        card = {**card, "source": remote.url, "licence": remote.licence, "about": remote.about}
        checkpoint.save(folder, net, {**card, "source_sha256": found})


def fetch(name: str, remote: Remote, report: Report | None = None, *, again: bool = False) -> Path:
    """Download a file into the cache, going on where an earlier attempt stopped.

    Args:
        name: of the model, for messages.
        remote: what is fetched.
        report: called with (bytes so far, bytes in all or None).
        again: also where it is there.

    Raises:
        ModelError: the network cannot be reached; the hint says what to do elsewhere.
        DamagedError: what arrived does not match its size or sum and is removed, or something else is offered.
    """
    target = _downloads() / remote.file
    if target.exists() and not again:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    url, summed = mirrored(remote.url), bool(remote.sum or recorded_sum(remote))
    with locked(partial) as file:
        if target.exists() and not again:  # another process was faster
            return target
        try:
            download(url, file, size=remote.size, summed=summed, report=report)
        except (*BROKEN, DamagedError) as error:
            kept = "what was fetched before is kept"
            if not partial.stat().st_size:
                kept = "nothing was fetched"
                partial.unlink()
            if not isinstance(error, DamagedError):
                raise _offline(name, url, target, error) from None
            raise DamagedError(f"{url}: {error}; {kept}", hint=_AGAIN) from None
        try:
            check(partial, remote)
        except DamagedError as error:
            partial.unlink(missing_ok=True)
            raise DamagedError(f"{url}: {error}; removed", hint=_AGAIN) from None
        os.replace(partial, target)
    return target


def _downloads() -> Path:
    from audiokit.models.folder.checkpoint import cache_folder

    return cache_folder() / "downloads"


def mirrored(url: str) -> str:
    """Replace the host by AUDIOKIT_MIRROR, where that is set.

    Raises:
        ParameterError: it is no address.
    """
    mirror = os.environ.get("AUDIOKIT_MIRROR")
    if mirror and not mirror.lower().startswith(("http://", "https://")):
        raise ParameterError(
            f"AUDIOKIT_MIRROR={mirror}: is no address", hint="it is a host's, such as https://models.example"
        )
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
    found = sha256_of(path)
    known, whose = remote.sum, "its checksum"
    if not known:
        known, whose = recorded_sum(remote), "the checksum of its first download here"
    if not found.startswith(known):
        raise DamagedError(
            f"{path}: does not match {whose} ({found[:12]}... instead of {known[:12]}...)", hint="download it again"
        )
    return found


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()


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


def _offline(name: str, url: str, target: Path, error: Exception) -> AudiokitError:
    reason = getattr(error, "reason", None) or error
    return ModelError(
        f"models pull {name}: {url} cannot be fetched ({reason})",
        hint=f"where there is a network: curl -L -o {target.name} {url}   then here: put it at {target} and repeat, or"
        f" audiokit models pull {name} --from {target.name}",
    )
