"""Sing arrays as the stage does, with its options by name, and look at more than the vocal."""

from __future__ import annotations

from typing import Any

import numpy as np

from audiokit.stages.sing import stage
from audiokit.stages.sing.levels import Sung
from audiokit.stages.sing.vocal import Given, sing_over


def sing(
    speech: np.ndarray, rate: int, backing: np.ndarray, backing_rate: int, *, given: dict | None = None, **options: Any
) -> Sung:
    """Sing with the defaults of the declaration, and the options given."""
    values = stage.sing.bind({"over": "-", **options})
    return sing_over(speech, rate, backing, backing_rate, how=stage.singing(values), given=Given(**(given or {})))
