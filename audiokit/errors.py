"""Errors that users see: one sentence, a way out, and an exit status.

Library code raises these and never prints or exits; `audiokit.cli` alone turns them into
`audiokit: message`, `hint: ...` and the status below. Any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations


class AudiokitError(Exception):
    """Carry one sentence for the user, an optional way out, and the exit status.

    Args:
        message: what happened, with the file and the numbers.
        hint: what to do about it, without the leading "hint:".

    >>> error = InputError("take2.wav: no such file", hint="check the path")
    >>> str(error), error.hint, error.status
    ('take2.wav: no such file', 'check the path', 3)
    """

    status = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def __reduce__(self) -> tuple:
        """Keep the hint when the error crosses a process boundary."""
        return (_rebuild, (type(self), str(self), self.hint, self.__dict__.copy()))


def _rebuild(kind: type[AudiokitError], message: str, hint: str | None, state: dict) -> AudiokitError:
    error = kind(message, hint=hint)
    error.__dict__.update(state)
    return error


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
