"""The CycleGAN generator: a convolutional ResNet that maps one spectrogram to another of the same size.

Key names and layer positions are those of the authors' release, so their checkpoints load unchanged.

References:
    Zhu, Park, Isola and Efros (2017), Unpaired image-to-image translation using cycle-consistent adversarial
    networks, section 7.2; Johnson, Alahi and Fei-Fei (2016), Perceptual losses for real-time style transfer.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from audiokit.errors import ParameterError
from audiokit.models.folder.graph import Graph
from audiokit.models.style.image_layers import has_bias, norm_layer, picture_graphs


@dataclass(frozen=True)
class ResnetGeneratorConfig:
    """Settings of the generator.

    Attributes:
        input_nc, output_nc: channels in and out.
        ngf: channels of the first layer.
        n_blocks: residual blocks.
        norm: instance, batch or none.
        dropout: drop half of the features inside residual blocks while training.
        output: "tanh" as published, or "residual": the output is the first input channels plus what the network
            adds, without bound, so that an untrained network changes nothing much.
    """

    input_nc: int = 1
    output_nc: int = 1
    ngf: int = 64
    n_blocks: int = 9
    norm: str = "instance"
    dropout: bool = False
    output: str = "tanh"

    def __post_init__(self) -> None:
        if self.output not in ("tanh", "residual"):
            raise ParameterError(f"output is tanh or residual, not {self.output!r}")


class ResnetBlock(nn.Module):
    """Two 3x3 convolutions whose result is added to the input."""

    def __init__(self, channels: int, config: ResnetGeneratorConfig) -> None:
        super().__init__()
        bias = has_bias(config.norm)
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            norm_layer(config.norm, channels),
            nn.ReLU(inplace=True),
            *([nn.Dropout(0.5)] if config.dropout else []),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            norm_layer(config.norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, c, H, W) to the same shape."""
        return x + self.conv_block(x)


class ResnetGenerator(nn.Module):
    """Map spectrograms (B, input_nc, H, W) to (B, output_nc, H, W); H and W are multiples of 4.

    >>> sum(p.numel() for p in ResnetGenerator().parameters())
    11365633
    """

    #: H and W must be multiples of this.
    multiple = 4

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.config = config = ResnetGeneratorConfig(**settings)
        self.settings = asdict(config)
        c, bias = config.ngf, has_bias(config.norm)
        last = nn.Conv2d(c, config.output_nc, 7)
        self.model = nn.Sequential(
            nn.ReflectionPad2d(3),
            nn.Conv2d(config.input_nc, c, 7, bias=bias),  # (B, c, H, W)
            norm_layer(config.norm, c),
            nn.ReLU(inplace=True),
            nn.Conv2d(c, 2 * c, 3, stride=2, padding=1, bias=bias),  # (B, 2c, H/2, W/2)
            norm_layer(config.norm, 2 * c),
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * c, 4 * c, 3, stride=2, padding=1, bias=bias),  # (B, 4c, H/4, W/4)
            norm_layer(config.norm, 4 * c),
            nn.ReLU(inplace=True),
            *(ResnetBlock(4 * c, config) for _ in range(config.n_blocks)),
            nn.ConvTranspose2d(4 * c, 2 * c, 3, stride=2, padding=1, output_padding=1, bias=bias),
            norm_layer(config.norm, 2 * c),  # (B, 2c, H/2, W/2)
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(2 * c, c, 3, stride=2, padding=1, output_padding=1, bias=bias),
            norm_layer(config.norm, c),  # (B, c, H, W)
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(3),
            last,  # (B, output_nc, H, W)
            nn.Tanh() if config.output == "tanh" else nn.Identity(),
        )

    def graphs(self) -> dict[str, Graph]:
        """What is exported: the whole network."""
        return picture_graphs(self, self.config.input_nc, self.config.output_nc, self.multiple)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, input_nc, H, W) to (B, output_nc, H, W)."""
        y = self.model(x)
        return y if self.config.output == "tanh" else x[:, : self.config.output_nc] + y
