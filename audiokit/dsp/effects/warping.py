"""Find alike moments of two sounds (dynamic time warping), however long they are: roughly first, then closely."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

#: Gives the power spectra (n, F) of some frames (n,) of a sound.
Spectra = Callable[[np.ndarray], np.ndarray]
#: So many frames are compared each with each; of more, averages are, and then ever finer ones near what was found.
_MOST, _FINER = 3000, 4
#: On either side of what was found, so many frames of one sound are compared with as many of the other.
_REACH = 32
#: Frames that are described, and pairs that are compared, at once.
_AT_ONCE, _PAIRS = 256, 1 << 14
#: What a step aside costs at least: what is steady is as alike at any moment, and rounding alone shall not lead there.
_ASIDE = 1e-3
#: What it costs to be as far from a steady pace as can be: what is steady, or silent, is played at one.
_ASTRAY = 1e-2
#: A path is known to so many frames, by which one sound may lead; as long as it stays within them, so does the pace.
_KNOWN = 1.5
#: Frames of both sounds from one point of a path to the next, but where the pace changes.
_APART = 4


def warping_path(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pair alike frames of two power spectrograms (N, F), (M, F) by dynamic time warping: (rows, columns), rising.

    >>> ramp = np.repeat(np.eye(4), 3, axis=0)
    >>> rows, columns = warping_path(ramp, ramp)
    >>> np.abs(rows - columns).max().item()
    0
    """
    return path_between(a.__getitem__, b.__getitem__, len(a), len(b))


def path_between(a: Spectra, b: Spectra, count: int, other: int) -> tuple[np.ndarray, np.ndarray]:
    """Pair alike frames of two sounds by dynamic time warping.

    Timbre (log spectrum without its level) and the level's rises count.

    Args:
        a, b: give the power spectra of frames at even distances, about 10 ms.
        count, other: how many frames each has.

    Returns:
        Frames of a and of b that belong together (P,), rising.

    References:
        Sakoe and Chiba (1978), Dynamic programming algorithm optimization for spoken word recognition.
        Salvador and Chan (2007), Toward accurate dynamic time warping in linear time and space.

    >>> frames = np.repeat(np.eye(3), 2, axis=0)
    >>> [places.tolist() for places in path_between(frames.__getitem__, frames[::2].__getitem__, 6, 3)]
    [[0, 1, 2, 3, 4, 5], [0, 0, 1, 1, 2, 2]]
    """
    first, second = _features(a, count), _features(b, other)
    stride = max(1, math.ceil(max(count, other) / _MOST))
    parts = _averaged(first, stride), _averaged(second, stride)
    low = np.maximum(0, np.arange(len(parts[0]) + len(parts[1]) - 1) - len(parts[1]) + 1)
    rows, columns = _cheapest(*parts, low, min(map(len, parts)))
    while stride > 1:
        finer = math.ceil(stride / _FINER)
        parts = _averaged(first, finer), _averaged(second, finer)
        low = _around(rows, columns, stride / finer, len(parts[0]), len(parts[1])) - _REACH
        rows, columns = _cheapest(*parts, low, 2 * _REACH + 1)
        stride = finer
    return rows, columns


def steady(rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw a path of whole frames (P,) as few straight lines as it is known to: it goes at a steady pace where it can.

    Args:
        rows, columns: what belongs together, as `path_between` gives it.

    Returns:
        Places in both, rising (P2,), from the same start to the same end.

    >>> rows, columns = steady(np.arange(101), np.arange(101) * 2 // 3)
    >>> np.abs(columns - rows * 66 / 100).max().round(1).item()
    0.0
    """
    if len(rows) < 2:
        return rows.astype(float), columns.astype(float)
    along, lead = (rows + columns).astype(float), (rows - columns).astype(float)
    knots = _corners(along, lead)
    height = _fitted(along, lead, knots)
    at = np.union1d(along[::_APART], along[knots])
    drawn = np.interp(at, along[knots], height)
    places = (at + drawn) / 2, (at - drawn) / 2
    first, second = (np.maximum.accumulate(np.clip(place, 0, place[-1])) for place in places)
    return first, second


def _corners(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Points (K,) between which straight lines miss none of the others by more than is known (Douglas and Peucker)."""
    found, open_ = {0, len(x) - 1}, [(0, len(x) - 1)]
    while open_:
        start, stop = open_.pop()
        if stop - start < 2:
            continue
        slope = (y[stop] - y[start]) / (x[stop] - x[start])
        off = np.abs(y[start : stop + 1] - y[start] - slope * (x[start : stop + 1] - x[start]))
        worst = int(off.argmax())
        if off[worst] > _KNOWN:
            found.add(start + worst)
            open_ += [(start, start + worst), (start + worst, stop)]
    return np.array(sorted(found))


def _fitted(x: np.ndarray, y: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Heights at knots (K,) of the lines with the least squared distance to points (P,); both ends stay where they are.

    A knot on its own is as uncertain as any point; all points between two tell its height together.
    """
    cell = np.clip(np.searchsorted(knots, np.arange(len(x)), side="right") - 1, 0, len(knots) - 2)
    right = (x - x[knots[cell]]) / (x[knots[cell + 1]] - x[knots[cell]])
    left, count = 1 - right, len(knots)
    own = np.bincount(cell, left**2, count) + np.bincount(cell + 1, right**2, count)
    beside = np.bincount(cell, left * right, count)  # of each knot and the next
    wanted = np.bincount(cell, left * y, count) + np.bincount(cell + 1, right * y, count)
    for end, inner, shared in ((0, 1, 0), (count - 1, count - 2, count - 2)):
        own[end], wanted[end] = 1.0, y[knots[end]]
        wanted[inner] -= beside[shared] * wanted[end] * (0 < inner < count - 1)
        beside[shared] = 0.0
    for k in range(1, count):  # such equations are solved from the first to the last and back (Thomas)
        share = beside[k - 1] / own[k - 1]
        own[k] -= share * beside[k - 1]
        wanted[k] -= share * wanted[k - 1]
    height = wanted / own
    for k in range(count - 2, -1, -1):
        height[k] -= beside[k] / own[k] * height[k + 1]
    return height


def _around(rows: np.ndarray, columns: np.ndarray, finer: float, count: int, other: int) -> np.ndarray:
    """Which finer row a path of coarse cells passes on each anti-diagonal of (count, other)."""
    fine = [np.clip((side + 0.5) * finer - 0.5, 0, n - 1) for side, n in ((rows, count), (columns, other))]
    first, second = (np.concatenate([[0.0], side, [n - 1.0]]) for side, n in zip(fine, (count, other), strict=True))
    diagonals = np.arange(count + other - 1)
    row = np.floor(np.interp(diagonals, first + second, first) + 0.5).astype(int)
    return np.minimum.accumulate(row - diagonals) + diagonals  # never more than one further, whatever was rounded


def _cheapest(first: np.ndarray, second: np.ndarray, low: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The way from the first to the last pair of frames (N, D), (M, D) that differ least; steps aside cost more.

    Only `width` rows from `low` (N + M - 1,) on are looked at on each anti-diagonal; `low` rises by 0 or 1.
    """
    diagonals, came = len(low), np.zeros((len(low), width), np.uint8)  # from before in both, in rows, in columns
    before, last = (np.full(width + 4, np.inf) for _ in range(2))  # two cells more on either side
    before[1 - low[0]] = 0.0
    at_once = max(1, _PAIRS // width)
    for start in range(0, diagonals, at_once):
        own = _distances(first, second, low[start : start + at_once], start, width)
        for k, cost in enumerate(own, start):  # cells of one anti-diagonal do not depend on each other
            once, twice = low[k] - low[max(0, k - 1)] + 1, low[k] - low[max(0, k - 2)] + 1
            both, row, column = (
                values[at : at + width] for values, at in ((before, twice), (last, once), (last, once + 1))
            )
            aside = np.minimum(row, column) + (0.3 * cost + _ASIDE)
            came[k] = np.where(both <= aside, 0, np.where(row <= column, 1, 2))
            before, last = last, np.full(width + 4, np.inf)
            last[2:-2] = cost + np.minimum(both, aside)
    rows = np.empty(diagonals, np.int64)
    i, k, steps = len(first) - 1, diagonals - 1, 0
    columns = rows.copy()
    while k >= 0:
        rows[steps], columns[steps], steps = i, k - i, steps + 1
        way = came[k, i - low[k]]
        i, k = i - (way != 2), k - (2 if way == 0 else 1)
    return rows[:steps][::-1], columns[:steps][::-1]


def _distances(first: np.ndarray, second: np.ndarray, low: np.ndarray, start: int, width: int) -> np.ndarray:
    """How far frames of both lie apart on some anti-diagonals (n, width), and from a steady pace; inf outside."""
    i = low[:, None] + np.arange(width)
    j = np.arange(start, start + len(low))[:, None] - i
    outside = (i < 0) | (i >= len(first)) | (j < 0) | (j >= len(second))
    i, j = np.clip(i, 0, len(first) - 1), np.clip(j, 0, len(second) - 1)
    apart = first[i]
    apart -= second[j]
    cost = np.sqrt(np.einsum("nwd,nwd->nw", apart, apart).astype(np.float64))
    cost += _ASTRAY * np.abs(i / max(1, len(first) - 1) - j / max(1, len(second) - 1))
    cost[outside] = np.inf
    return cost


def _averaged(features: np.ndarray, stride: int) -> np.ndarray:
    """Means (ceil(N / stride), D) of so many frames each."""
    if stride == 1:
        return features
    starts = np.arange(0, len(features), stride)
    return np.add.reduceat(features, starts) / np.diff(starts, append=len(features))[:, None].astype(np.float32)


def _features(spectra: Spectra, count: int) -> np.ndarray:
    """Describe frames (N, D), float32, by shape, level and onsets."""
    found, peak = [], 0.0
    for k in range(0, count, _AT_ONCE):
        power = spectra(np.arange(k, min(k + _AT_ONCE, count)))
        peak = max(peak, float(power.max(initial=0.0)))
        bands = np.array_split(power, min(24, power.shape[1]), axis=1)
        found.append(np.stack([band.mean(axis=1) for band in bands], axis=1))
    logs = np.log(np.maximum(np.concatenate(found), peak * 1e-6 + 1e-20)).astype(np.float32)
    level = logs.mean(axis=1, keepdims=True)
    rise = np.maximum(0.0, np.diff(level, axis=0, prepend=level[:1]))
    logs -= level
    logs /= max(1e-6, float(logs.std())) * math.sqrt(logs.shape[1])
    spread = max(1e-6, float(level.std()))
    return np.concatenate([logs, 0.7 * (level - level.mean()) / spread, 2 * rise / spread], axis=1, dtype=np.float32)
