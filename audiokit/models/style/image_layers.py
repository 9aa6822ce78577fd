"""Layers that the spectrogram-to-spectrogram networks share."""

from __future__ import annotations

from torch import Tensor, nn

from audiokit.errors import ParameterError
from audiokit.models.folder.graph import MAIN, Graph, Port

NORMS = ("instance", "batch", "none")


def norm_layer(norm: str, channels: int) -> nn.Module:
    """Make a normalisation layer: "instance" (no parameters), "batch" (affine, running statistics) or "none".

    >>> len(list(norm_layer("instance", 8).parameters())), len(list(norm_layer("batch", 8).parameters()))
    (0, 2)
    """
    if norm == "instance":
        return nn.InstanceNorm2d(channels)
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "none":
        return nn.Identity()
    raise ParameterError(f"norm is one of {', '.join(NORMS)}, not {norm!r}")


def has_bias(norm: str) -> bool:
    """Tell whether a convolution before this norm has a bias (a batch norm brings its own)."""
    return norm != "batch"


def init_weights(module: nn.Module, *, std: float = 0.02) -> None:
    """Draw weights as the papers do: convolutions from N(0, std), norms from N(1, std), biases zero."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, std)
            nn.init.zeros_(layer.bias)


def picture_graphs(network: nn.Module, inputs: int, outputs: int, multiple: int) -> dict[str, Graph]:
    """Say how a network from pictures to pictures is exported; rows and frames are multiples of `multiple`."""
    shape = ("rows", "frames")
    seen = Port(("batch", inputs, *shape), "pictures, -1 to 1; the second channel is the height of rows, if any", -1, 1)
    sizes = [
        {"batch": b, "rows": multiple * r, "frames": multiple * n} for b, r, n in ((2, 6, 8), (1, 8, 4), (1, 4, 12))
    ]
    found = Port(("batch", outputs, *shape), "pictures")
    return {MAIN: Graph(network.forward, {"pictures": seen}, {"changed": found}, sizes)}


def drop_instance_statistics(state: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Prepare an official checkpoint for a network: unwrap `module.`, drop statistics of instance norms.

    Releases before 2018 tracked running statistics in instance norms and saved them; they were never meant to be
    used, and today's networks have no place for them.

    Args:
        state: the checkpoint's tensors.
        module: the network they are for.

    Returns:
        The tensors that belong to the network, under its keys.
    """
    wanted = module.state_dict().keys()
    unwrapped = {key.removeprefix("module."): value for key, value in state.items()}
    last = ("running_mean", "running_var", "num_batches_tracked")
    return {key: value for key, value in unwrapped.items() if key in wanted or not key.endswith(last)}
