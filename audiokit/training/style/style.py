"""What the style recipes share: networks by name, the position channel, samples to hear, and the model card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from audiokit.dsp.spectrum.style import StyleFrontend
from audiokit.errors import ParameterError
from audiokit.models.style.image_layers import init_weights
from audiokit.training.style.data import Track

#: Name on the command line -> architecture in the registry.
GENERATORS = {"resnet": "resnet-generator", "unet": "pix2pix-unet"}


def make_generator(name: str, frontend: StyleFrontend, settings: dict[str, Any]) -> tuple[nn.Module, str]:
    """Build a generator for a front-end, weights drawn as the papers do.

    Args:
        name: resnet or unet.
        frontend: gives the input channels; the picture must suit the network's strides.
        settings: of the network, without its channels.

    Returns:
        The network, and its architecture's name.

    Raises:
        ParameterError: the name is unknown or the picture's size does not suit.
    """
    from audiokit.models.folder.checkpoint import build

    if name not in GENERATORS:
        raise ParameterError(f"the generator is {' or '.join(GENERATORS)}, not {name!r}")
    channels = {"input_nc": 1 + frontend.position, "output_nc": 1}
    network = build(GENERATORS[name], {**settings, **channels})
    multiple = int(network.multiple)  # type: ignore[arg-type]
    if frontend.bins % multiple or frontend.frames % multiple:
        raise ParameterError(
            f"the {name} generator needs rows and frames in multiples of {multiple},"
            f" not {frontend.bins} and {frontend.frames}"
        )
    init_weights(network)
    return network, GENERATORS[name]


def copy_weights(model: str, network: nn.Module) -> None:
    """Start a network from the weights of a model of the same shape (ModelError if it is not)."""
    from audiokit.models.folder.checkpoint import load, load_weights

    trained, _ = load(model, kind="stylize")
    load_weights(network, trained.state_dict(), name=model)


def as_batch(pictures: np.ndarray, device: torch.device) -> Tensor:
    """Move pictures (B, 1, bins, N) to the device."""
    return torch.from_numpy(np.ascontiguousarray(pictures, np.float32)).to(device)


def write_samples(
    folder: Path,
    step: int,
    generator: Callable[[Tensor], Tensor],
    tracks: Sequence[Track],
    frontend: StyleFrontend,
    *,
    name: str,
    frames: int = 256,
) -> None:
    """Write what a generator makes of the beginning of some tracks, as .wav and as a picture.

    Args:
        folder: run folder; files go to samples/.
        step: part of the file names.
        generator: maps (B, 1, bins, N) to the same shape.
        tracks: sounds that were kept out of training, if any were.
        frontend: the model's.
        name: of the direction, part of the file names.
        frames: length of a sample.
    """
    from audiokit.io.audio import write
    from audiokit.models.style.inference import Slider
    from audiokit.training.style.listen import audible, draw_pair

    def answer(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return generator(torch.from_numpy(x)).float().cpu().numpy()

    samples = folder / "samples"
    samples.mkdir(parents=True, exist_ok=True)
    for k, track in enumerate(tracks):
        before = track.cut(0, min(frames, max(track.frames, frontend.frames)))
        slider = Slider(answer, before.shape[1], frontend)
        after = np.concatenate([slider.push(before), slider.finish()], axis=1)
        stem = samples / f"{step:08d}-{name}-{k}"
        sound = audible(track, after, frontend)
        if sound is not None:
            write(stem.with_suffix(".wav"), *sound, force=True)
        draw_pair(stem.with_suffix(".png"), before, after, frontend)


def save_model(
    folder: Path, network: nn.Module, architecture: str, frontend: StyleFrontend, card: dict[str, Any]
) -> None:
    """Write a generator as a model folder, beside the run's other files.

    Args:
        folder: gets model.json and weights.safetensors, each replaced whole.
        network: the generator.
        architecture: its name in the registry.
        frontend: the model's.
        card: labels, licence, training data and what else is known.
    """
    import tempfile

    from audiokit.models.folder.checkpoint import save

    folder.mkdir(parents=True, exist_ok=True)
    fields = {
        "kind": "stylize",
        "architecture": architecture,
        "settings": network.settings,
        "frontend": frontend.to_dict(),
        **card,
    }
    with tempfile.TemporaryDirectory(dir=folder, prefix=".model-") as temporary:
        save(Path(temporary) / "model", network, fields)
        for name in ("weights.safetensors", "model.json"):  # the card last: its presence means a whole model
            (Path(temporary) / "model" / name).replace(folder / name)


def generator_settings(settings: Any) -> dict[str, Any]:
    """Pick the network's settings out of a recipe's options."""
    common = {"ngf": settings.ngf, "norm": settings.norm, "output": settings.output}
    if settings.generator == "unet":
        return {**common, "num_downs": 7}
    return {**common, "n_blocks": settings.blocks}


@torch.no_grad()
def paired_distance(
    answer: Any, held: tuple[Sequence[Track], Sequence[Track]], frontend: StyleFrontend, device: torch.device
) -> dict[str, float]:
    """Measure on held-out pairs, in dB: answer to truth, and input to truth for comparison.

    Returns:
        {"distance_db", "input_distance_db"}, empty without pairs.
    """
    distances, before = [], []
    for a, b in zip(*held, strict=True):
        count = min(a.frames, b.frames) // frontend.frames
        for k in range(min(count, 3)):
            x, y = (side.cut(k * frontend.frames, frontend.frames)[None, None] for side in (a, b))
            out = answer(as_batch(x, device)).float().cpu().numpy()
            distances.append(np.abs(out - y).mean() / frontend.transform.slope)
            before.append(np.abs(x - y).mean() / frontend.transform.slope)
    if not distances:
        return {}
    return {"distance_db": float(np.mean(distances)), "input_distance_db": float(np.mean(before))}
