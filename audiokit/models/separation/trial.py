"""A network that was made elsewhere is tried on noise before its folder is written."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from audiokit.errors import ModelError


def check_runs(run: Callable[[], Tensor], name: str, *, shape: Sequence[int]) -> None:
    """Refuse a network that fails on noise, or makes something else than numbers of it.

    Args:
        run: calls the network.
        name: what it was made from, for messages.
        shape: of what it must give.

    Raises:
        ModelError: it does.

    >>> check_runs(lambda: torch.zeros(2, 3), "a.onnx", shape=(2, 4))
    Traceback (most recent call last):
    audiokit.errors.ModelError: a.onnx: gives (2, 3) where (2, 4) is wanted
    """
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            y = run()
    except Exception as error:  # whatever fails inside a network that does not fit its settings
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{name}: does not run with these settings ({reason[:200]})") from None
    if tuple(y.shape) != tuple(shape):
        raise ModelError(f"{name}: gives {tuple(y.shape)} where {tuple(shape)} is wanted")
    if not y.isfinite().all():
        raise ModelError(f"{name}: makes NaN or infinity of noise", hint="get it again, or an earlier checkpoint of it")
