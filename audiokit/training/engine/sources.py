"""What a training reads: files, folders, and the text lists that other projects keep beside their audio.

Recordings that cannot be read are left out and named; a training of days does not fall over one of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from audiokit.errors import AudiokitError, DamagedError, InputError

LISTS = {"train": "train_files.txt", "test": "test_files.txt"}
T = TypeVar("T")


def find_files(given: Sequence[str | Path], *, accept: str = "audio", part: str = "train") -> list[str]:
    """Find the files of a part of a data set.

    Args:
        given: files; folders, searched for audio; text lists of paths, one a line and relative to the list; or
            folders that hold `train_files.txt` or `test_files.txt`, the lists that MelGAN's training reads.
        accept: what folders are searched for: "audio", "chunks" or "either".
        part: "train" or "test": which of such a folder's lists is meant.

    Returns:
        Paths in the order given, each once.

    Raises:
        InputError: nothing is there, or a list names nothing.

    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "a.wav").write_bytes(b""), (folder / "train_files.txt").write_text("a.wav\\na.wav\\n")
    >>> [Path(path).name for path in find_files([folder])]
    ['a.wav']
    """
    from audiokit.engine.batch import expand

    found: list[str] = []
    for place in map(Path, given):
        inside = place / LISTS[part]
        if inside.is_file():
            found += read_list(inside)
        elif place.suffix == ".txt" and place.is_file():
            found += read_list(place)
        else:
            found += [path for path, _ in expand([str(place)], accept)]
    return list(dict.fromkeys(found))


def read_list(path: str | Path) -> list[str]:
    """Read a text list of paths, one a line; relative ones start at the list's own folder.

    Raises:
        InputError: it names nothing, or is no text.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text list of files", hint="write one path a line, in UTF-8") from None
    named = [line.strip() for line in lines if line.strip()]
    if not named:
        raise InputError(f"{path}: an empty list", hint="write one path a line, relative to the list")
    return [str(Path(path).parent / name) for name in named]


def read_each(paths: Sequence[str], read: Callable[[str], T]) -> Iterator[tuple[str, T]]:
    """Read recordings one after the other; those that cannot be read are named on standard error and left out.

    Args:
        paths: what to read.
        read: reads one, and raises InputError or DamagedError if it cannot.

    Yields:
        Path and what was read.

    Raises:
        InputError: not one could be read; it says why the first could not.
    """
    failures: list[AudiokitError] = []
    done = 0
    for path in paths:
        try:
            content = read(path)
        except (InputError, DamagedError) as error:
            failures.append(error)
            if len(paths) > 1:
                print(f"left out: {error}", file=sys.stderr)
            continue
        done += 1
        yield path, content
    if failures and len(paths) == 1:
        raise failures[0]
    if failures and not done:
        raise InputError(f"none of {len(paths)} files can be read; the first: {failures[0]}", hint=failures[0].hint)


def refuse_silence(paths: Sequence[str | Path], *, heard: bool) -> None:
    """Refuse recordings that were all read and in which nothing is heard.

    Args:
        paths: what was read.
        heard: whether any of them holds a sample that is not zero.

    Raises:
        InputError: there are recordings, and nothing is heard.
    """
    if paths and not heard:
        raise InputError(f"{paths[0]}: only silence to learn from", hint="give recordings with sound in them")
