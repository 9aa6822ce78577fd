"""Sounds drawn out of noise by a model that takes no wishes (`train gan`): what `generate` does with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from audiokit.dsp.spectrum.style import StyleFrontend, resolved
from audiokit.errors import ModelError

KIND = "draw"


def draws(model: str) -> bool:
    """Tell whether a model draws sounds by itself (ModelError if there is none of that name)."""
    from audiokit.models.folder.checkpoint import find, read_card

    return read_card(find(model)).get("kind") == KIND


def draw(model: str, *, count: int = 1, seed: int = 0, device: str = "auto") -> tuple[list[np.ndarray], int]:
    """Draw sounds; the n-th is the same whatever the count.

    Args:
        model: folder that `train gan` made.
        count: how many.
        seed: of the noise.
        device: where the network runs.

    Returns:
        Sounds (1, T), float32, and their sample rate.

    Raises:
        ModelError: there is no such model.
    """
    one, rate = drawing(model, seed=seed, device=device)
    return [one(number) for number in range(count)], rate


def drawing(model: str, *, seed: int = 0, device: str = "auto") -> tuple[Callable[[int], np.ndarray], int]:
    """Load a model that draws sounds.

    Args:
        model, seed, device: as for `draw`.

    Returns:
        What draws the n-th sound (1, T), float32; and their sample rate.

    Raises:
        ModelError: there is no such model.
    """
    import torch

    from audiokit.models.folder.checkpoint import load, pick_device

    network, card = load(model, kind=KIND, device=pick_device(device))
    frontend = StyleFrontend.from_dict(card.get("frontend", {}))
    size = getattr(network, "noise", None)
    if size is None:
        raise ModelError(f"{model}: {card['architecture']} does not draw sounds")
    place = next(network.parameters()).device

    def one(number: int) -> np.ndarray:
        noise = np.random.default_rng([seed, number]).standard_normal((1, size)).astype(np.float32)
        with torch.inference_mode():
            picture = network(torch.from_numpy(noise).to(place)).cpu().numpy()[0, 0]
        return to_audio(picture, frontend)

    return one, frontend.transform.rate


def to_audio(picture: np.ndarray, frontend: StyleFrontend) -> np.ndarray:
    """Turn a drawn picture (bins, N) into audio (1, T) with a peak of 0.9; a picture says nothing about level."""
    from audiokit.models.vocoders.engines import to_audio as invert

    t = resolved(frontend, 1.0)
    silent = np.full((t.bins - len(picture), picture.shape[1]), t.silence, np.float32)
    y = invert(np.concatenate([picture, silent])[None], t)
    return y * np.float32(0.9 / max(1e-9, float(np.abs(y).max())))
