"""Settings of networks come from files that people and other programs write: what each may be is checked first."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

from audiokit.errors import ParameterError

#: Stems become parts of file names.
_NOT_IN_NAMES = set('/\\:*?"<>|')


def check_fields(config: Any, *, zero: Collection[str] = ()) -> None:
    """Refuse settings that are of another type than their field, and counts and sizes below 1.

    Args:
        config: a dataclass instance, whose fields are int, float, bool, str, sequences of them or None.
        zero: fields that may be 0.

    Raises:
        ParameterError: naming the first that does not fit.

    >>> from audiokit.models.separation.spleeter_unet import SpleeterUnetConfig
    >>> SpleeterUnetConfig(hop="5")
    Traceback (most recent call last):
    audiokit.errors.ParameterError: hop must be a whole number of at least 1, not '5'
    """
    for field in fields(config):
        value, kinds = getattr(config, field.name), str(field.type)
        least = 0 if field.name in zero else 1
        if not any(_fits(value, kind.strip(), least) for kind in kinds.split("|")):
            raise ParameterError(f"{field.name} must be {_told(kinds, least)}, not {value!r}")


def check_stem(name: object) -> None:
    """Refuse what cannot name a stem and its files (ParameterError).

    >>> check_stem("../x")
    Traceback (most recent call last):
    audiokit.errors.ParameterError: '../x' cannot be the name of a stem
    """
    if not isinstance(name, str) or not name.strip(" .") or _NOT_IN_NAMES & set(name) or not name.isprintable():
        raise ParameterError(f"{name!r} cannot be the name of a stem")


def _fits(value: Any, kind: str, least: int) -> bool:
    if kind.startswith("Sequence["):
        inner = kind.removeprefix("Sequence[").removesuffix("]")
        return isinstance(value, Sequence) and not isinstance(value, str) and all(_fits(x, inner, least) for x in value)
    if kind == "None":
        return value is None
    if kind in ("bool", "str"):
        return isinstance(value, bool if kind == "bool" else str)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) and value >= least if kind == "int" else math.isfinite(value)


def _told(kinds: str, least: int) -> str:
    first = kinds.split("|")[0].strip()
    inner = first.removeprefix("Sequence[").removesuffix("]")
    one = {"int": f"whole number of at least {least}", "float": "number", "bool": "true or false", "str": "name"}[inner]
    if inner != first:
        return f"a list, each a {one}"
    return one if inner == "bool" else f"a {one}"
