"""Find and load style models: model folders, and the authors' own checkpoint files and folders as they are.

A transfer has two directions. "ab" is the way there: the model folder itself, `*_net_G_A.pth`, or `gen_j.pth.tar`.
"ba" is the way back: the folder G_B inside it, `*_net_G_B.pth`, or `gen_p.pth.tar`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiokit.dsp.spectrum.style import StyleFrontend, standard_frontend
from audiokit.errors import ModelError, ParameterError
from audiokit.models.folder.checkpoint import (
    CARD,
    build,
    find_for,
    load_weights,
    pick_device,
    read_card,
    read_state_dict,
)
from audiokit.models.folder.recognise import not_a
from audiokit.models.folder.runtime import Network, TorchNetwork, open_network

if TYPE_CHECKING:
    from torch import Tensor

DIRECTIONS = ("ab", "ba")
#: File names of other projects per direction, best first.
_FILES = {
    "ab": ("latest_net_G_A.pth", "*_net_G_A.pth", "latest_net_G.pth", "*_net_G.pth", "gen_j.pth.tar"),
    "ba": ("latest_net_G_B.pth", "*_net_G_B.pth", "gen_p.pth.tar"),
}
_CHECKPOINTS = (".pth", ".pt", ".tar", ".bin")


def load_style_model(
    spec: str, *, direction: str = "ab", preset: str = "cyclegan-music", device: str = "cpu"
) -> tuple[Callable[[np.ndarray], np.ndarray], StyleFrontend, dict[str, Any]]:
    """Load a generator with what it sees.

    Args:
        spec: shipped name, model folder, folder of official checkpoints, or a checkpoint file.
        direction: "ab" or "ba".
        preset: front-end of a checkpoint that says nothing about it.
        device: auto, cpu, cuda or mps.

    Returns:
        Function from pictures (1, 1, bins, N) to pictures, its front-end, its card.

    Raises:
        ModelError: there is no such model or direction, or it is no generator.
        ParameterError: the direction is unknown.
    """
    if direction not in DIRECTIONS:
        raise ParameterError(f"direction is one of {', '.join(DIRECTIONS)}, not {direction!r}")
    path = Path(spec)
    file = path if path.is_file() and path.name != CARD else _official_file(path, direction)
    if file is not None:
        module, card = import_generator(file, preset=preset)
        network: Network = TorchNetwork(module.eval().to(pick_device(device)), card, name=spec)
    else:
        network = open_network(_folder(spec, direction), kind="stylize", device=device)
    frontend = StyleFrontend.from_dict(network.card.get("frontend", {}))
    return SeenNetwork(network, frontend), frontend, network.card


class SeenNetwork:
    """A generator that is told the height of the rows, if its front-end says so."""

    def __init__(self, network: Network, frontend: StyleFrontend) -> None:
        self.network, self.frontend = network, frontend

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Map pictures (B, 1, bins, N) to pictures."""
        if self.frontend.position:
            rows = np.linspace(-1, 1, x.shape[2], dtype=np.float32)[:, None]
            x = np.concatenate([x, np.broadcast_to(rows, x.shape)], axis=1)
        return self.network.run(x)[0]


def seen(x: Tensor, frontend: StyleFrontend) -> Tensor:
    """Add the position channel to tensors (B, 1, bins, N) if the model has one, in training: (B, 1 or 2, bins, N)."""
    if not frontend.position:
        return x
    import torch

    rows = torch.linspace(-1, 1, x.shape[2], dtype=x.dtype, device=x.device)
    return torch.cat([x, rows[None, None, :, None].expand(x.shape[0], 1, -1, x.shape[3])], dim=1)


def _official_file(path: Path, direction: str) -> Path | None:
    """Find an official checkpoint inside a folder that is no model folder."""
    if not path.is_dir() or (path / CARD).exists():
        return None
    for pattern in _FILES[direction]:
        found = sorted(path.glob(pattern))
        if found:
            return found[-1]
    return None


def _folder(spec: str, direction: str) -> str:
    folder = find_for(spec, "stylize")
    if direction == "ab":
        return str(folder)
    back = folder / "G_B"
    if not (back / CARD).exists():
        labels = read_card(folder).get("labels", {})
        raise ModelError(
            f"{spec}: knows only the way from {labels.get('from', 'a')} to {labels.get('to', 'b')}",
            hint="leave out --direction ba, or train both ways with: audiokit train cyclegan",
        )
    return str(back)


def import_generator(
    source: str | Path, *, preset: str = "cyclegan-music", frames: int = 256, direction: str = "ab"
) -> Any:
    """Read a CycleGAN or pix2pix generator of the authors' code or of projects built on it.

    Args:
        source: checkpoint file, or a folder of them.
        preset: the front-end that it was trained on.
        frames: frames that it saw at once.
        direction: which of a folder's, "ab" or "ba".

    Returns:
        The network with its weights, and its card.

    Raises:
        ModelError: it is no such generator, or takes pictures of several channels.
    """
    from audiokit.models.style.image_layers import drop_instance_statistics

    path = Path(source)
    if path.is_dir():
        file = _official_file(path, direction)
        if file is None:
            raise ModelError(f"{source}: holds no *_net_G*.pth", hint="give the checkpoint file itself")
        path = file
    state = read_state_dict(path)
    if frames < 4 or frames % 4:
        raise ParameterError(f"frames is a multiple of 4, not {frames}")
    architecture, settings = infer_generator(state, name=str(path))
    if settings["input_nc"] != 1 or settings["output_nc"] != 1:
        raise ModelError(
            f"{path}: works on pictures of {settings['input_nc']} channels, not on spectrograms of one",
            hint="train it on one-channel spectrograms",
        )
    network = build(architecture, settings)
    load_weights(network, drop_instance_statistics(state, network), name=str(path))
    card = {
        "kind": "stylize",
        "architecture": architecture,
        "settings": settings,
        "frontend": standard_frontend(preset=preset, frames=frames).to_dict(),
        "labels": {"from": "a", "to": "b"} if direction == "ab" else {"from": "b", "to": "a"},
        "licence": "that of the checkpoint's author",
        "source": path.name,
    }
    return network.eval(), card


def infer_generator(state: dict[str, Tensor], *, name: str) -> tuple[str, dict[str, Any]]:
    """Read the architecture of a generator off its keys and shapes.

    Args:
        state: its tensors under the authors' keys.
        name: of the file, for errors.

    Returns:
        Name in the registry, and the settings.

    Raises:
        ModelError: the keys belong to something else.
    """
    state = {key.removeprefix("module."): value for key, value in state.items()}
    if "model.1.weight" in state and any(key.startswith("model.10.conv_block") for key in state):
        return "resnet-generator", _infer_resnet(state)
    if "model.model.0.weight" in state and "model.model.1.model.1.weight" in state:
        return "pix2pix-unet", _infer_unet(state)
    raise not_a(
        "a CycleGAN or pix2pix generator", name=name, expected="model.1.weight or model.model.0.weight", keys=state
    )


def _infer_resnet(state: dict[str, Tensor]) -> dict[str, Any]:
    first = state["model.1.weight"]
    blocks = {int(m[1]) for key in state if (m := re.match(r"model\.(\d+)\.conv_block\.", key))}
    last = max(int(m[1]) for key in state if (m := re.match(r"model\.(\d+)\.weight", key)))
    batch = "model.2.weight" in state
    return {
        "input_nc": first.shape[1],
        "output_nc": state[f"model.{last}.weight"].shape[0],
        "ngf": first.shape[0],
        "n_blocks": len(blocks),
        "norm": "batch" if batch else "instance",
        # Dropout sits between the two convolutions of a block and moves the second one on.
        "dropout": "model.10.conv_block.6.weight" in state if not batch else "model.10.conv_block.7.weight" in state,
        "output": "tanh",
    }


def _infer_unet(state: dict[str, Tensor]) -> dict[str, Any]:
    first = state["model.model.0.weight"]
    nested = max(len(re.findall(r"\.model(?=\.)", key)) for key in state)
    return {
        "input_nc": first.shape[1],
        "output_nc": state["model.model.3.weight"].shape[1],
        "num_downs": nested,
        "ngf": first.shape[0],
        "norm": "batch" if "model.model.1.model.2.weight" in state else "instance",
        "output": "tanh",
    }
