"""A trained network as a model folder, inside the folder of the run that made it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from audiokit.models.folder.checkpoint import CARD, WEIGHTS, save


def place_model(folder: Path, network: nn.Module, card: Mapping[str, Any], *, dtype: str = "float32") -> None:
    """Write model.json and weights.safetensors beside the run's other files, each replaced whole.

    Args:
        folder: the run folder.
        network: whose weights are stored.
        card: see `audiokit.models.folder.checkpoint.save`.
        dtype: float32, or float16 for half the size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".model-") as temporary:
        save(Path(temporary) / "model", network, card, dtype=dtype)
        for name in (WEIGHTS, CARD):  # the card last: its presence means a whole model
            (Path(temporary) / "model" / name).replace(folder / name)
