"""Compiled modules of scipy by themselves: a millisecond, where importing the package around them takes a hundred."""

from __future__ import annotations

import sys
from typing import Any


def compiled(name: str) -> Any:
    """Load a compiled module of scipy without the packages it lies in; None where it does not lie there.

    Args:
        name: where scipy has it, such as "scipy.fft._pocketfft.pypocketfft".

    >>> compiled("scipy.fft._pocketfft.pypocketfft").__name__, compiled("scipy.fft.nothing")
    ('scipy.fft._pocketfft.pypocketfft', None)
    """
    if name in sys.modules:
        return sys.modules[name]
    import importlib.machinery
    import importlib.util

    *folders, last = name.split(".")
    package = importlib.util.find_spec(folders[0])
    places = (package.submodule_search_locations if package else None) or []
    found = importlib.machinery.PathFinder.find_spec(last, ["/".join([place, *folders[1:]]) for place in places])
    if found is None or found.origin is None:
        return None
    # Under its own name, so that whoever imports the package later finds it loaded.
    spec = importlib.util.spec_from_file_location(name, found.origin)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return sys.modules.setdefault(name, module)
