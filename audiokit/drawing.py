"""Sounds drawn out of noise by a model that takes no wishes (`train gan`): what `generate` does with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiokit.dsp.spectrum.style import StyleFrontend, resolved
from audiokit.errors import ModelError, UsageError

if TYPE_CHECKING:
    from audiokit.generation_output import Output
    from audiokit.generation_run import Request

KIND = "draw"
#: Options of `generate` that ask for a certain note.
_WISHES = ("pitch", "velocity", "family", "source", "qualities", "instrument", "like", "latent", "interpolate")


def draws(model: str) -> bool:
    """Tell whether a model draws sounds by itself (ModelError if there is none of that name)."""
    from audiokit.models.folder.checkpoint import find, read_card

    return read_card(find(model)).get("kind") == KIND


def draw(model: str, *, count: int = 1, seed: int = 0, device: str = "cpu") -> tuple[list[np.ndarray], int]:
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
    import torch

    from audiokit.models.folder.checkpoint import load

    network, card = load(model, kind=KIND, device=device)
    frontend = StyleFrontend.from_dict(card.get("frontend", {}))
    size = getattr(network, "noise", None)
    if size is None:
        raise ModelError(f"{model}: {card['architecture']} does not draw sounds")
    place = next(network.parameters()).device
    sounds = []
    for n in range(count):
        noise = np.random.default_rng([seed, n]).standard_normal((1, size)).astype(np.float32)
        with torch.inference_mode():
            picture = network(torch.from_numpy(noise).to(place)).cpu().numpy()[0, 0]
        sounds.append(to_audio(picture, frontend))
    return sounds, frontend.transform.rate


def to_audio(picture: np.ndarray, frontend: StyleFrontend) -> np.ndarray:
    """Turn a drawn picture (bins, N) into audio (1, T) with a peak of 0.9; a picture says nothing about level."""
    from audiokit.models.vocoders.engines import to_audio as invert

    t = resolved(frontend, 1.0)
    silent = np.full((t.bins - len(picture), picture.shape[1]), t.silence, np.float32)
    y = invert(np.concatenate([picture, silent])[None], t)
    return y * np.float32(0.9 / max(1e-9, float(np.abs(y).max())))


def write_drawn(
    request: Request, model: str, settings: dict[str, Any], form: str, out: str, output: Output, *, device: str
) -> None:
    """Write drawn sounds to a file or a folder.

    Raises:
        UsageError: a wish that such a model cannot fulfil, or several sounds for one file.
    """
    wishes = [name for name in _WISHES if getattr(request, name) not in (None, "")]
    if wishes or form not in ("file", "folder"):
        what = f"--{wishes[0]}" if wishes else f"--{form}"
        raise UsageError(
            f"{model}: draws sounds by itself; {what} means nothing to it", hint="ask for --count and --seed"
        )
    if form == "file" and request.count > 1:
        raise UsageError(f"{request.count} sounds do not fit into the one file {out}", hint="give a folder: -o drawn/")
    sounds, rate = draw(model, count=request.count, seed=settings["seed"], device=device)
    for n, y in enumerate(sounds):
        target = out if form == "file" else str(Path(out) / f"{n:03d}.wav")
        warnings = output.write_audio(target, y[0], rate)
        record = {"name": f"{n:03d}", "output": target, "seconds": round(y.shape[1] / rate, 4), "rate": rate}
        output.tell({**record, "seed": settings["seed"], "model": model, "warnings": warnings})
