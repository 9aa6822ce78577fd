"""Wave-U-Net: one-dimensional U-Nets without padding that separate instruments, or map spectrogram columns.

Keys, sizes and sinc filters are those of the f90/Wave-U-Net-Pytorch release, so its checkpoints load unchanged.

Reference: Stoller, Ewert and Dixon (2018), Wave-U-Net: a multi-scale neural network for end-to-end audio source
separation.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from audiokit.models.folder.graph import MAIN, Graph, Port, sizes_of
from audiokit.models.separation.wave_layers import ConvLayer, DownBlock, UpBlock, WaveUnetConfig


class SingleWaveUnet(nn.Module):
    """One U-Net: (B, num_inputs, input_size) to (B, outputs, output_size)."""

    def __init__(self, config: WaveUnetConfig, outputs: int) -> None:
        super().__init__()
        widths = list(config.num_channels)
        ins = [config.num_inputs, *widths[1:-1]]
        k, kind = config.kernel_size, config.conv_type
        self.downsampling_blocks = nn.ModuleList(
            DownBlock(ins[i], widths[i], widths[i + 1], config) for i in range(len(widths) - 1)
        )
        self.upsampling_blocks = nn.ModuleList(
            UpBlock(widths[i + 1], widths[i], widths[i], config) for i in reversed(range(len(widths) - 1))
        )
        bottom = widths[-1] if len(widths) > 1 else config.num_inputs
        self.bottlenecks = nn.ModuleList(
            ConvLayer(bottom if d == 0 else widths[-1], widths[-1], k, kind) for d in range(config.depth)
        )
        self.output_conv = nn.Conv1d(widths[0], outputs, 1)
        self.set_output_size(config.target_output_size)

    def set_output_size(self, target: int) -> None:
        """Choose the shortest input whose output has at least `target` samples."""
        low, high = 0, 1
        while self._sizes(high)[1] < target:
            low, high = high, 2 * high
        while high - low > 1:  # the output grows with the bottom: bisect
            middle = (low + high) // 2
            low, high = (low, middle) if self._sizes(middle)[1] >= target else (middle, high)
        self.input_size, self.output_size = self._sizes(high)

    def _sizes(self, bottom: int) -> tuple[int, int]:
        size = bottom
        for block in self.upsampling_blocks:
            size = block.output_size(size) if size > 0 else 0  # type: ignore[operator]
        if size <= 0:
            return 0, 0
        output, size = size, bottom
        for conv in self.bottlenecks:
            size = conv.input_size(size)  # type: ignore[operator]
        for block in reversed(list(self.downsampling_blocks)):
            size = block.input_size(size)  # type: ignore[operator]
        return size, output

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, num_inputs, T) to (B, outputs, T'), T the input size or any length of the same step."""
        shortcuts = []
        for block in self.downsampling_blocks:
            x, shortcut = block(x)
            shortcuts.append(shortcut)
        for conv in self.bottlenecks:
            x = conv(x)
        for block in self.upsampling_blocks:
            x = block(x, shortcuts.pop())
        return self.output_conv(x)


class WaveUnet(nn.Module):
    """Wave-U-Net as released: one network per instrument, or one ("ALL") for all of them.

    Args:
        settings: the fields of `WaveUnetConfig`.

    >>> net = WaveUnet(num_inputs=256, num_outputs=128, num_channels=[8, 16, 24], kernel_size=3, strides=2,
    ...                target_output_size=256, conv_type="normal", separate=False, instruments=["vocal"])
    >>> net.input_size, net.output_size
    (289, 257)
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.config = WaveUnetConfig(**settings)
        names = list(self.config.instruments)
        outputs = self.config.num_outputs
        self.waveunets = nn.ModuleDict(
            {name: SingleWaveUnet(self.config, outputs) for name in names}
            if self.config.separate
            else {"ALL": SingleWaveUnet(self.config, outputs * len(names))}
        )
        first = next(iter(self.waveunets.values()))
        self.input_size: int = first.input_size  # type: ignore[assignment]
        self.output_size: int = first.output_size  # type: ignore[assignment]

    @property
    def settings(self) -> dict[str, Any]:
        """What rebuilds the network."""
        return asdict(self.config)

    def set_output_size(self, target: int) -> None:
        """Work on other lengths: at least `target` samples out."""
        for network in self.waveunets.values():
            network.set_output_size(target)  # type: ignore[operator]
            self.input_size, self.output_size = network.input_size, network.output_size  # type: ignore[assignment]

    def graphs(self) -> dict[str, Graph]:
        """What is exported: one window; the shortest that give something are checked."""
        config, first = self.config, next(iter(self.waveunets.values()))
        lengths = [first._sizes(bottom)[0] for bottom in range(200)]  # type: ignore[operator]
        short = sorted({length for length in lengths if length > 0})[30:]  # filters need room to reflect at edges
        about = f"audio with its surroundings, such as {self.input_size}"
        x = Port(("batch", config.num_inputs, "samples"), about, -1, 1)
        y = {name: Port(("batch", config.num_outputs, f"{name} samples"), "audio") for name in config.instruments}
        sizes = sizes_of("samples", *(short[at] for at in (1, 0, 3)))
        return {MAIN: Graph(lambda x: tuple(self(x).values()), {"audio": x}, y, sizes)}

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Map (B, num_inputs, input_size) to (B, num_outputs, output_size) per instrument."""
        names = list(self.config.instruments)
        if self.config.separate:
            result = {name: self.waveunets[name](x) for name in names}
        else:
            whole = self.waveunets["ALL"](x)
            result = dict(zip(names, torch.split(whole, self.config.num_outputs, dim=1), strict=True))
        if self.config.clamp and not self.training:
            result = {name: y.clamp(-1.0, 1.0) for name, y in result.items()}
        return result


@torch.inference_mode()
def separate(network: WaveUnet, y: Tensor) -> dict[str, Tensor]:
    """Separate a whole signal window by window, as the release does: silence beyond both ends, no overlap needed.

    Args:
        network: in evaluation mode, for waveforms.
        y: audio (C, T) at the network's rate.

    Returns:
        Audio (C, T) per instrument.
    """
    length, size, context = y.shape[-1], network.output_size, (network.input_size - network.output_size) // 2
    count = max(1, -(-length // size))
    padded = functional.pad(y, (context, count * size - length + context))
    parts: dict[str, list[Tensor]] = {}
    for k in range(count):
        window = padded[:, k * size : k * size + network.input_size]
        for name, piece in network(window[None]).items():
            parts.setdefault(name, []).append(piece[0])
    return {name: torch.cat(pieces, dim=-1)[:, :length] for name, pieces in parts.items()}
