"""Beat lists in files: text that other tools read (`time position` per line), or JSON."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from audiokit.errors import DamagedError, InputError
from audiokit.io.files import atomic_file


def read_beat_list(path: str | os.PathLike[str]) -> tuple[list[float], list[int]]:
    """Read beat times in seconds and, where the file tells, their places in the bar.

    Text has one beat per line: the time, and perhaps the position (1 is a downbeat) after a tab, comma or spaces; lines
    that begin with # are skipped. JSON is what `write_beat_list` writes, or a plain list of times.

    Returns:
        Times, and positions (none, or one per beat).

    Raises:
        InputError: no such file, or fewer than two beats.
        DamagedError: something in it is no time, or times do not rise.

    >>> path = getfixture("tmp_path") / "b.txt"
    >>> _ = path.write_text("0.5 1\\n1.0 2\\n")
    >>> read_beat_list(path)
    ([0.5, 1.0], [1, 2])
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a list of beats ({error})") from error
    rows = _json_rows(path, text) if text.lstrip().startswith(("{", "[")) else _text_rows(path, text)
    times = [row[0] for row in rows]
    if len(times) < 2:
        raise InputError(f"{path}: {len(times)} beats, but at least two are needed")
    for number, (a, b) in enumerate(pairwise(times), start=2):
        if not a < b:
            raise DamagedError(f"{path}: beat {number} at {b:g} s does not come after {a:g} s")
    positions = [int(row[1]) for row in rows if len(row) > 1]
    return times, positions if len(positions) == len(times) else []


def _text_rows(path: str | os.PathLike[str], text: str) -> list[list[float]]:
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.replace(",", " ").replace(";", " ").split()
        if not fields or fields[0].startswith("#"):
            continue
        try:
            row = [float(field) for field in fields[:2]]
        except ValueError as error:
            raise DamagedError(f"{path}: line {number} is no beat: {line.strip()[:40]!r}") from error
        if not all(math.isfinite(value) for value in row):
            raise DamagedError(f"{path}: line {number} is no beat: {line.strip()[:40]!r}")
        rows.append(row)
    return rows


def _json_rows(path: str | os.PathLike[str], text: str) -> list[list[float]]:
    try:
        data = json.loads(text)
        if isinstance(data, dict):
            data = data.get("result", data)
            times, positions = data["times_s"], data.get("positions")
        else:
            times, positions = data, None
        if positions:
            return [[float(t), float(p)] for t, p in zip(times, positions, strict=True)]
        return [[float(t)] for t in times]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{path}: not a list of beats", hint="JSON needs a list times_s of seconds") from error


def write_beat_list(
    path: str | os.PathLike[str],
    times: Sequence[float],
    positions: Sequence[int],
    *,
    more: dict[str, Any] | None = None,
    force: bool = False,
) -> None:
    """Write beats as text, or as JSON (with `more` beside them) when the path ends in .json."""
    with atomic_file(path, force=force) as temporary:
        if str(path).lower().endswith(".json"):
            data = {"times_s": [round(t, 5) for t in times], "positions": list(positions), **(more or {})}
            temporary.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        else:
            lines = (f"{t:.4f}\t{p}\n" for t, p in zip(times, positions, strict=True))
            temporary.write_text("".join(lines), encoding="utf-8")
