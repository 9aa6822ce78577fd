"""What is measured of the recording that gives the style: once, however many sounds it is given to."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from audiokit.engine.sound import Sound

T = TypeVar("T")
#: Recordings that are remembered.
_MOST = 2
_known: dict[Hashable, Any] = {}


def once(style: Any, measure: Callable[[Sound], T], *about: Hashable) -> T:
    """Measure a recording, or give what was measured of it before with the same settings.

    Args:
        style: a path, or a sound.
        measure: what to do with it.
        about: what else the measurement depends on, its name among it.

    Raises:
        InputError: the recording cannot be read.
    """
    sound = Sound.open(style)
    changed = os.stat(sound.name).st_mtime_ns if os.path.isfile(sound.name) else id(sound)
    key = (sound.name, changed, *about)
    if key not in _known:
        made = measure(sound)
        while len(_known) >= _MOST:
            del _known[next(iter(_known))]
        _known[key] = made
    found: T = _known[key]
    return found
