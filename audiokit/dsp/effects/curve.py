"""Amounts of a morph along time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from audiokit.errors import ParameterError

#: Points (share of the length, amount), with straight lines between.
Curve = Sequence[tuple[float, float]]


def check_amount(amount: float | Curve) -> list[tuple[float, float]]:
    """Turn an amount into points (place, value), places rising from 0 to 1.

    Raises:
        ParameterError: a place or a value is outside 0 to 1, or places do not rise.

    >>> check_amount(0.25), check_amount([(0, 0), (1, 1)])
    ([(0.0, 0.25), (1.0, 0.25)], [(0.0, 0.0), (1.0, 1.0)])
    """
    points = [(0.0, float(amount)), (1.0, float(amount))] if isinstance(amount, int | float) else [
        (float(place), float(value)) for place, value in amount
    ]  # fmt: skip
    if not points or any(not 0 <= number <= 1 for point in points for number in point):
        raise ParameterError(f"amount {amount}: must lie between 0 and 1")
    if any(later[0] <= earlier[0] for earlier, later in pairwise(points)):
        raise ParameterError(f"curve {amount}: its places must rise")
    return points


def curve_values(points: Curve, count: int, at: np.ndarray | None = None) -> np.ndarray:
    """Read a curve at `count` places from its start to its end, or at some of them (n,).

    >>> curve_values([(0, 0), (1, 1)], 5).tolist(), curve_values([(0, 0), (1, 1)], 5, np.array([4, 1])).tolist()
    ([0.0, 0.25, 0.5, 0.75, 1.0], [1.0, 0.25])
    """
    places, values = zip(*points, strict=True)
    at = np.arange(count) if at is None else at
    last = max(1, count - 1)
    return np.interp(np.where(at == last, 1.0, at * (1 / last)), places, values)
