"""Demucs through its own package (extra `demucs`): the same promises as every other engine.

References:
    Rouard, Massa and Défossez (2023), Hybrid transformers for music source separation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from audiokit.dsp.separation.separate import separate_windows
from audiokit.errors import MissingExtraError, ModelError
from audiokit.models.folder.checkpoint import pick_device
from audiokit.models.separation.engine import Engine

#: Seconds that go through the network's own windows together, and what is seen and faded on either side.
_CORE_S, _CONTEXT_S, _FADE_S = 60, 8, 1


def demucs_engine(name: str, device: str) -> Engine:
    """Make an engine of one of Demucs' models.

    Args:
        name: as Demucs names it, such as htdemucs or htdemucs_ft.
        device: auto, cpu, cuda or mps.

    Raises:
        MissingExtraError: the package is not installed.
        ModelError: the model is unknown, or its weights cannot be fetched.
    """
    try:
        from demucs.apply import apply_model
        from demucs.pretrained import get_model
    except ImportError:
        raise MissingExtraError.of("demucs", "--engine demucs") from None
    try:
        net = get_model(name)
    except Exception as error:  # Demucs raises its own error, torch.hub's, or urllib's
        raise ModelError(
            f"--engine demucs: {name} cannot be loaded ({str(error).splitlines()[0] if str(error) else error!r})",
            hint="Demucs fetches its weights on first use: run it once where there is a network, and copy the folder "
            "~/.cache/torch/hub/checkpoints",
        ) from None
    where = pick_device(device)
    net.eval()
    stems, rate = tuple(net.sources), int(net.samplerate)

    def run(blocks: Iterable[np.ndarray], wanted: Sequence[str]) -> Iterator[np.ndarray]:
        chosen = [stems.index(stem) for stem in wanted]
        return separate_windows(
            blocks,
            lambda y: _estimate(apply_model, net, y, where)[chosen],
            core=_CORE_S * rate,
            context=_CONTEXT_S * rate,
            fade=_FADE_S * rate,
        )

    return Engine(stems, rate, run, complete=False)


def _estimate(apply_model: Any, net: Any, y: np.ndarray, device: str) -> np.ndarray:
    """Separate pairs of channels (2 * B, n): (S, 2 * B, n), at the level the network was trained on."""
    import torch

    x = torch.from_numpy(np.ascontiguousarray(y)).reshape(-1, 2, y.shape[1])
    middle = x.mean(dim=1)  # Demucs goes by its mean and spread; channels that cancel out leave none
    mean, spread = middle.mean(), torch.maximum(middle.std(correction=int(middle.numel() > 1)), 0.1 * x.std()) + 1e-8
    with torch.inference_mode():
        found = apply_model(net, (x - mean) / spread, device=device, shifts=0, overlap=0.25, progress=False)
    found = found.cpu() * spread + mean
    return np.ascontiguousarray(found.transpose(0, 1).reshape(found.shape[1], -1, y.shape[1]).numpy())
