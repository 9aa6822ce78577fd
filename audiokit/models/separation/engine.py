"""What an engine of separation offers; the classical ones, trained networks and Demucs all look like this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Engine:
    """A way to separate pairs of channels at one rate.

    Attributes:
        stems: names.
        rate: Hz; 0 for any.
        run: (blocks (2 * B, n), stems wanted) -> stems (S, 2 * B, n), no delay, same length.
        complete: all stems together are the mix.
        pairs_only: works on one pair of channels and returns both, as Spleeter does.
    """

    stems: tuple[str, ...]
    rate: int
    run: Callable[[Iterable[np.ndarray], Sequence[str]], Iterator[np.ndarray]]
    complete: bool
    pairs_only: bool = False
