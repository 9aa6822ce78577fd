"""Errors that users see: one sentence, a way out, and an exit status.

Library code raises these and never prints or exits; `audiokit.cli` alone turns them into
`audiokit: message`, `hint: ...` and the status below. Any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

#: What moves a cursor, breaks a line or turns the direction of writing; and bytes that are no text.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: object) -> str:
    r"""Write text for people: control characters, which names and tags may hold, are escaped.

    >>> print(shown("two\nlines.wav"))
    two\nlines.wav
    """
    return _UNSEEN.sub(_escaped, str(text))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else match[0].encode("unicode_escape").decode()


class AudiokitError(Exception):
    """Carry one sentence for the user, an optional way out, and the exit status.

    Args:
        message: what happened, with the file and the numbers.
        hint: what to do about it, without the leading "hint:".
        lines: more lines, such as one for each file that failed.

    >>> error = InputError("take2.wav: no such file", hint="check the path")
    >>> str(error), error.hint, error.status
    ('take2.wav: no such file', 'check the path', 3)
    """

    status = 1

    def __init__(self, message: str, *, hint: str | None = None, lines: Iterable[object] = ()) -> None:
        super().__init__("\n  ".join(map(shown, (message, *lines))))
        self.hint = None if hint is None else shown(hint)

    def __reduce__(self) -> tuple:
        """Keep the hint when the error crosses a process boundary."""
        return (_rebuild, (type(self), str(self), self.__dict__.copy()))


def _rebuild(kind: type[AudiokitError], message: str, state: dict) -> AudiokitError:
    error = kind("")
    error.args = (message,)
    error.__dict__.update(state)
    return error


def plainly(message: str) -> str:
    """Say what the shell's parser calls a valid float range as people would.

    >>> plainly("Invalid value for '--swing': '66%' is not a valid float range.")
    "Invalid value for '--swing': '66%' is not a number."
    """
    for kind, meant in (("float", "number"), ("integer", "whole number"), ("int", "whole number")):
        for typed in (f"valid {kind} range", f"valid {kind}"):
            message = message.replace(f"is not a {typed}", f"is not a {meant}")
    return message


class UsageError(AudiokitError):
    """The command line asks for something that makes no sense (status 2)."""

    status = 2


class ParameterError(UsageError):
    """A value is outside what a function or option accepts (status 2)."""


class InputError(AudiokitError):
    """An input is missing, unreadable or of the wrong kind, or an output is in the way (status 3)."""

    status = 3


class DamagedError(AudiokitError):
    """Data is cut short, does not match its manifest, or holds NaN or infinity (status 4)."""

    status = 4


class ModelError(AudiokitError):
    """A model is unknown, absent, or its checkpoint does not fit (status 5)."""

    status = 5


def check_version(found: object, newest: int, named: str, newer: type[AudiokitError]) -> None:
    """Refuse a record of a later version than this release reads.

    Args:
        found: what the record says.
        newest: the latest version that is read.
        named: file and what it is, for the error: "song.chunks: chunk set".
        newer: error for what a later release wrote.

    Raises:
        DamagedError: the record says no version.

    >>> check_version(3, 2, "x.json: plan", InputError)
    Traceback (most recent call last):
    audiokit.errors.InputError: x.json: plan version 3, but this audiokit reads up to 2
    """
    if not isinstance(found, int) or isinstance(found, bool):
        raise DamagedError(f"{named} without a version, so nobody knows how to read it")
    if found > newest:
        raise newer(f"{named} version {found}, but this audiokit reads up to {newest}", hint="update audiokit")


class MissingExtraError(AudiokitError):
    """An optional package is needed; the hint is the exact install command (status 6)."""

    status = 6

    @classmethod
    def of(cls, extra: str, purpose: str) -> MissingExtraError:
        """Name the extra that brings what `purpose` needs.

        >>> MissingExtraError.of("remote", "s3://x").hint
        "pip install 'audiokit[remote]'"
        """
        return cls(f"{purpose} needs the optional extra {extra!r}", hint=f"pip install 'audiokit[{extra}]'")


class BatchError(AudiokitError):
    """Some files of a batch failed; the others are done (status 7)."""

    status = 7
