"""Whether this process may talk on standard error while it works; each job says so when it begins."""

from __future__ import annotations

_quiet = True


def be_quiet(quiet: bool) -> None:
    """Say nothing (Python callers hear nothing unless they ask), or talk, as commands do without --quiet."""
    global _quiet
    _quiet = quiet


def quiet() -> bool:
    """Whether nothing may be said."""
    return _quiet
