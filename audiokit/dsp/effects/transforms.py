"""Find audiomentations' transforms by name, and import only those that are asked for.

Importing audiomentations imports all its forty transforms, scipy.signal, scipy.stats and a part of librosa: more than
half a second of processor time, more than many files take to vary.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from importlib.util import find_spec
from types import ModuleType

import numpy as np

_PACKAGE = "audiomentations"


def find_transform(name: str) -> type | None:
    """Find a transform of audiomentations.

    >>> find_transform("Gain").__module__, find_transform("Sparkle")
    ('audiomentations.augmentations.gain', None)
    """
    kind = _alone(name)
    if kind is None:
        kind = getattr(importlib.import_module(_PACKAGE), name, None)
    base = _module("core.transforms_interface").BaseWaveformTransform
    return kind if inspect.isclass(kind) and issubclass(kind, base) else None


def rms(samples: np.ndarray) -> float:
    """Root mean square of audio, to the bit as audiomentations measures it: recorded levels are compared with it."""
    return _module("core.utils").calculate_rms(samples)


def _alone(name: str) -> type | None:
    """Look for a transform in the file that is named after it; None where it needs the whole package."""
    where = _folder("augmentations")
    files = [found.name for found in pkgutil.iter_modules(where) if found.name.replace("_", "") == name.lower()]
    if _PACKAGE in sys.modules or not files:
        return None
    try:
        return getattr(_module(f"augmentations.{files[0]}"), name, None)
    except ImportError:
        return None


def _module(name: str) -> ModuleType:
    """Import a module of the package without what the package itself imports."""
    if _PACKAGE in sys.modules:
        return importlib.import_module(f"{_PACKAGE}.{name}")
    package = ModuleType(_PACKAGE)
    package.__path__ = _folder()
    sys.modules[_PACKAGE] = package
    try:
        return importlib.import_module(f"{_PACKAGE}.{name}")
    finally:
        # Whoever imports the package later gets all of it; modules that are there already are used again.
        del sys.modules[_PACKAGE]


def _folder(inner: str = "") -> list[str]:
    spec = find_spec("audiomentations")
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError(f"{_PACKAGE} is not installed")
    return [f"{place}/{inner}" if inner else place for place in spec.submodule_search_locations]
