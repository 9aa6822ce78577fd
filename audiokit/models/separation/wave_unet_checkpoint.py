"""Checkpoints of the f90/Wave-U-Net-Pytorch release: read unchanged, their settings found from their weights."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from audiokit.errors import ModelError
from audiokit.models.folder.checkpoint import load_weights, read_state_dict
from audiokit.models.separation.wave_layers import sinc_filter
from audiokit.models.separation.wave_unet import WaveUnet


def import_wave_unet(
    source: str, *, target_output_size: int = 88_200, instruments: str = "", strides: int = 0
) -> tuple[WaveUnet, dict[str, Any]]:
    """Read a released checkpoint; its settings are found from its weights.

    Args:
        source: checkpoint file.
        target_output_size: samples per window.
        instruments: names of the outputs of one joint network, separated by commas (kept apart, names are in the keys).
        strides: factor between levels, needed where it was learned; fixed filters say it themselves.

    Returns:
        The network in evaluation mode, and its card.

    Raises:
        ModelError: not a Wave-U-Net.
    """
    state = read_state_dict(source)
    try:
        settings = _settings_of(state, instruments, strides)
    except (KeyError, IndexError, ValueError) as error:
        raise ModelError(f"{source}: not a Wave-U-Net checkpoint ({error})") from None
    network = WaveUnet(**settings, target_output_size=target_output_size)
    load_weights(network, state, name=str(source))
    card = {
        "architecture": "wave-unet",
        "settings": network.settings,
        "kind": "split",
        "labels": list(network.config.instruments),
        "frontend": {"rate": 44_100, "channels": network.config.num_inputs},
    }
    return network.eval(), card


def _settings_of(state: dict[str, Tensor], instruments: str, strides: int) -> dict[str, Any]:
    names = list(dict.fromkeys(key.split(".")[1] for key in state if key.startswith("waveunets.")))
    first = {k.split(".", 2)[2]: v for k, v in state.items() if k.startswith(f"waveunets.{names[0]}.")}
    levels = 1 + max(int(k.split(".")[1]) for k in first if k.startswith("downsampling_blocks."))
    down = [first[f"downsampling_blocks.{i}.pre_shortcut_convs.0.filter.weight"] for i in range(levels)]
    channels = [len(weight) for weight in down] + [len(first["bottlenecks.0.filter.weight"])]
    fixed = "downsampling_blocks.0.downconv.filter" in first
    joint = names == ["ALL"]
    labels = [part.strip() for part in instruments.split(",") if part.strip()] if joint else names
    outputs = len(first["output_conv.weight"])
    labels = labels or [f"output{k + 1}" for k in range(max(1, outputs // down[0].shape[1]))]
    if fixed:
        taps = first["downsampling_blocks.0.downconv.filter"][0, 0]
        errors = {s: float((sinc_filter(len(taps), 0.5 / s) - taps).abs().max()) for s in (2, 3, 4, 8)}
        strides = min(errors, key=lambda s: errors[s])
    elif not strides:
        raise ValueError("its factor between levels was learned: add --set strides=N")
    norm = "downsampling_blocks.0.pre_shortcut_convs.0.norm."
    return {
        "num_inputs": down[0].shape[1],
        "num_channels": channels,
        "num_outputs": outputs // (len(labels) if joint else 1),
        "instruments": labels,
        "kernel_size": down[0].shape[2],
        "conv_type": "bn" if norm + "running_mean" in first else "gn" if norm + "weight" in first else "normal",
        "res": "fixed" if fixed else "learned",
        "separate": not joint,
        "strides": strides,
        "depth": sum(1 for k in first if k.startswith("bottlenecks.") and k.endswith("filter.weight")),
    }
