"""Whole outputs or none: temporary names beside the target, then one rename.

A run that is killed leaves at most a hidden `.audiokit-*` file, which the next run in that folder sweeps away;
the final name never holds half a result.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from audiokit.errors import InputError

PREFIX = ".audiokit-"
_swept: set[str] = set()
#: What folders that are written whole hold: pieces by number, and what tells about them or about weights.
_PIECE = re.compile(r"\d{6}\.[A-Za-z0-9]+")
_OURS = ("manifest.json", "pieces.json", "model.json", "weights.safetensors", ".DS_Store")
_IN_THE_WAY = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


def check_readable(path: str) -> None:
    """Refuse what is no file, or one that cannot be read or holds nothing (InputError)."""
    try:
        seen = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    if stat.S_ISDIR(seen.st_mode):
        raise InputError(f"{path}: is a folder, not an audio file")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: permission denied")
    if seen.st_size == 0 and stat.S_ISREG(seen.st_mode):
        raise InputError(f"{path}: is empty (0 bytes)")


def is_pipe(source: str) -> bool:
    """Tell whether a source can be read once only: standard input, or a pipe with a name, as <(...) of a shell is.

    >>> is_pipe("-"), is_pipe("song.wav")
    (True, False)
    """
    if source == "-":
        return True
    try:
        mode = os.stat(source).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def check_ends(source: str) -> None:
    """Refuse a device: some never end, and all that comes would be kept until the disk is full.

    Terminals are typed into until it is enough, and nothing comes from /dev/null.

    Raises:
        InputError: it is one.

    >>> check_ends("/dev/zero")
    Traceback (most recent call last):
    audiokit.errors.InputError: /dev/zero: is a device, not audio
    """
    seen = os.stat(source)
    if not stat.S_ISCHR(seen.st_mode) or source == "/dev/tty" or seen.st_rdev == os.stat(os.devnull).st_rdev:
        return
    # Opening a device may do something to it, so terminals are known by those that are open already.
    if not any(os.isatty(number) and os.fstat(number).st_rdev == seen.st_rdev for number in range(3)):
        raise InputError(f"{source}: is a device, not audio", hint="pipe in what reads it: ... | audiokit COMMAND -")


@contextmanager
def without_empty_folders(targets: Iterable[str]) -> Iterator[None]:
    """Take back the folders above outputs that were not there before the block, where it fails and left them empty.

    Only when nobody else may be about to write there: after the last job of a batch.

    >>> target = getfixture("tmp_path") / "new" / "a.txt"
    >>> with suppress(ValueError), without_empty_folders([str(target)]):
    ...     target.parent.mkdir()
    ...     raise ValueError
    >>> target.parent.exists()
    False
    """
    folders = {folder for parent in {Path(target).parent for target in targets} for folder in (parent, *parent.parents)}
    made = sorted((folder for folder in folders if not folder.exists()), key=lambda folder: -len(folder.parts))
    try:
        yield
    except BaseException:
        for folder in made:
            with suppress(OSError):  # not empty, or never made
                folder.rmdir()
        raise


def check_no_device(target: str | os.PathLike[str]) -> None:
    """Refuse a target that is a device or a pipe, which a file must never replace.

    Raises:
        InputError: it is one.

    >>> check_no_device(os.devnull)
    Traceback (most recent call last):
    audiokit.errors.InputError: /dev/null: is a device or a pipe, and outputs are files
    """
    try:
        mode = os.stat(target).st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        hint = f"-o - writes a stream: ... -o - > {target}"
        raise InputError(f"{target}: is a device or a pipe, and outputs are files", hint=hint)


def check_free(target: str | os.PathLike[str], *, force: bool = False) -> None:
    """Refuse a target that exists already, or that is no file at all.

    Raises:
        InputError: the target exists and `force` is False, or it is a device or a pipe.

    >>> check_free("no/such/file.wav")
    """
    check_no_device(target)
    if not force and os.path.lexists(target):
        raise InputError(f"{target}: exists already", hint="add --force to replace it, or choose another -o")


def _behind_links(target: str | os.PathLike[str], force: bool) -> Path:
    """What is to be replaced: where a name is a link, what it leads to; the link stays."""
    return Path(os.path.realpath(target) if force and os.path.islink(target) else target)


@contextmanager
def atomic_file(target: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Yield a temporary path that becomes `target` when the block ends without an error.

    Args:
        target: final path; missing parent folders are made.
        force: replace an existing target.

    Raises:
        InputError: the target exists (also when another run made it meanwhile) or its folder cannot be written.

    >>> with atomic_file(getfixture("tmp_path") / "a.txt") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> (getfixture("tmp_path") / "a.txt").read_text()
    'whole'
    """
    check_free(target, force=force)
    target = _behind_links(target, force)
    with _parents(target):
        temporary = _temporary(target)
        try:
            yield temporary
            if force:
                os.replace(temporary, target)
            else:
                _rename_without_replacing(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def atomic_folder(target: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Yield a temporary folder that becomes `target` when the block ends without an error.

    Args:
        target: final folder; missing parents are made.
        force: replace an existing folder as a whole.

    Raises:
        InputError: the target exists, holds what is not ours, or its parent cannot be written.
    """
    check_free(target, force=force)
    target = _behind_links(target, force)
    _check_ours(target)
    with _parents(target):
        temporary = _temporary(target)
        try:
            os.mkdir(temporary)
            yield temporary
            if force and target.is_dir():
                old = _temporary(target)
                os.rename(target, old)
                os.rename(temporary, target)
                shutil.rmtree(old, ignore_errors=True)
            else:
                check_free(target)
                try:
                    os.rename(temporary, target)
                except OSError as error:
                    if error.errno not in _IN_THE_WAY:
                        raise
                    raise _lost_race(target) from None
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def _check_ours(folder: Path) -> None:
    """Refuse to replace a file, or a folder that holds anything that no command of ours put there (InputError).

    Pieces have numbers for names; sets, pieces and models have an index or a card beside them.
    """
    if not folder.is_dir():
        if folder.exists():
            raise InputError(f"{folder}: is a file, and a folder would take its place", hint="choose another -o")
        return
    is_model = (folder / "model.json").is_file()
    for item in folder.iterdir():
        ours = item.name in _OURS or _PIECE.fullmatch(item.name) or item.name.startswith(PREFIX)
        if item.is_dir() and item.suffix == ".chunks" and ours:
            _check_ours(item)
        elif item.is_dir() or not (ours or (is_model and item.suffix == ".onnx")):
            raise InputError(
                f"{folder}: holds {item.name}, which would be lost", hint="choose another -o, or move the folder away"
            )


@contextmanager
def _parents(target: Path) -> Iterator[None]:
    """Make the folders above `target`; an interruption takes back those made here that are still empty.

    After an ordinary failure they stay until all is done (`without_empty_folders`): another job of the same batch may
    be about to write there.
    """
    if os.path.isdir(target.parent):
        yield
        return
    made = [folder for folder in target.parents if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        file = next((folder for folder in target.parents if folder.exists() and not folder.is_dir()), target.parent)
        raise InputError(f"{file}: is a file, so nothing can be written inside it", hint="choose another -o") from None
    try:
        yield
    except KeyboardInterrupt:
        with suppress(OSError):  # not empty, or taken away already
            for folder in made:
                folder.rmdir()
        raise


def _temporary(target: Path) -> Path:
    """Name a hidden neighbour of `target`; short, so that a 255-byte target name still works."""
    _sweep(target.parent)
    suffix = target.suffix if len(target.suffix) <= 8 else ""
    return target.parent / f"{PREFIX}{_host()}-{os.getpid()}-{os.urandom(4).hex()}{suffix}"


@cache
def _host() -> str:
    # What `socket.gethostname` says, without loading it where there is another way.
    if hasattr(os, "uname"):
        name = os.uname().nodename
    else:
        import socket

        name = socket.gethostname()
    return f"{zlib.crc32(name.encode()):08x}"


def _sweep(folder: Path) -> None:
    """Remove what killed runs of this machine left in the folder, once per process."""
    if str(folder) in _swept:
        return
    _swept.add(str(folder))
    for stale in folder.glob(f"{PREFIX}{_host()}-*"):
        owner = stale.name.removeprefix(f"{PREFIX}{_host()}-").split("-")[0]
        if owner.isdigit() and not _alive(int(owner)):
            if stale.is_dir():
                shutil.rmtree(stale, ignore_errors=True)
            else:
                stale.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _lost_race(target: Path) -> InputError:
    return InputError(f"{target}: was written by another run meanwhile", hint="add --force to replace it")


def _rename_without_replacing(temporary: Path, target: Path) -> None:
    """Rename, but lose to a file that appeared meanwhile; hard links make the check and the rename one step."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise _lost_race(target) from None
    except OSError:  # file systems without hard links
        check_free(target)
        os.replace(temporary, target)
    else:
        os.unlink(temporary)
