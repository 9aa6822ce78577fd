"""The pix2pix generator: a U-Net whose every level is a block around the next one.

Key names and layer positions are those of the authors' release, so their checkpoints load unchanged.

References:
    Isola, Zhu, Zhou and Efros (2017), Image-to-image translation with conditional adversarial networks, 3.2.1;
    Ronneberger, Fischer and Brox (2015), U-Net.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from audiokit.errors import ParameterError
from audiokit.models.folder.graph import Graph
from audiokit.models.style.image_layers import has_bias, norm_layer, picture_graphs


@dataclass(frozen=True)
class Pix2PixUnetConfig:
    """Settings of the generator.

    Attributes:
        input_nc, output_nc: channels in and out.
        num_downs: levels; H and W are multiples of 2 ** num_downs.
        ngf: channels of the first level, doubled down to 8 * ngf.
        norm: instance, batch or none.
        dropout: drop half of the features of the middle levels while training.
        output: "tanh" as published, or "residual": the first input channels plus what the network adds.
    """

    input_nc: int = 1
    output_nc: int = 1
    num_downs: int = 7
    ngf: int = 64
    norm: str = "batch"
    dropout: bool = False
    output: str = "tanh"

    def __post_init__(self) -> None:
        if self.num_downs < 5:
            raise ParameterError(f"num_downs is at least 5, not {self.num_downs}")
        if self.output not in ("tanh", "residual"):
            raise ParameterError(f"output is tanh or residual, not {self.output!r}")


class SkipBlock(nn.Module):
    """One level: go down, through the next level, up again; the input is joined to the result.

    Args:
        outer: channels that come in and go out (without the joined input).
        inner: channels handed to the next level.
        config: the network's settings.
        submodule: the next level, None at the bottom.
        input_nc: channels that come in, where they differ from `outer` (the first level).
        dropout: drop half of the features on the way up.
    """

    def __init__(
        self,
        outer: int,
        inner: int,
        config: Pix2PixUnetConfig,
        *,
        submodule: nn.Module | None = None,
        input_nc: int | None = None,
        dropout: bool = False,
    ) -> None:
        super().__init__()
        self.outermost = input_nc is not None
        bias = has_bias(config.norm)
        down = nn.Conv2d(input_nc or outer, inner, 4, stride=2, padding=1, bias=bias)
        if submodule is None:
            up = nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1, bias=bias)
            layers = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, norm_layer(config.norm, outer)]
        elif self.outermost:
            up = nn.ConvTranspose2d(2 * inner, outer, 4, stride=2, padding=1)
            layers = [down, submodule, nn.ReLU(), up, nn.Tanh() if config.output == "tanh" else nn.Identity()]
        else:
            up = nn.ConvTranspose2d(2 * inner, outer, 4, stride=2, padding=1, bias=bias)
            way_down = [nn.LeakyReLU(0.2), down, norm_layer(config.norm, inner)]
            layers = [*way_down, submodule, nn.ReLU(), up, norm_layer(config.norm, outer)]
            layers += [nn.Dropout(0.5)] if dropout else []
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in, H, W) to (B, out, H, W), twice as many channels unless it is the first level."""
        y = self.model(x)
        return y if self.outermost else torch.cat([x, y], dim=1)


class Pix2PixUnet(nn.Module):
    """Map spectrograms (B, input_nc, H, W) to (B, output_nc, H, W); H, W multiples of 2 ** num_downs.

    >>> sum(p.numel() for p in Pix2PixUnet(input_nc=3, output_nc=3, num_downs=8).parameters())
    54413955
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.config = config = Pix2PixUnetConfig(**settings)
        self.settings = asdict(config)
        c = config.ngf
        block = SkipBlock(8 * c, 8 * c, config)  # the bottom: (B, 8c, H / 2**(num_downs - 1), ...)
        for _ in range(config.num_downs - 5):
            block = SkipBlock(8 * c, 8 * c, config, submodule=block, dropout=config.dropout)
        for width in (4 * c, 2 * c, c):
            block = SkipBlock(width, 2 * width, config, submodule=block)
        self.model = SkipBlock(config.output_nc, c, config, submodule=block, input_nc=config.input_nc)

    @property
    def multiple(self) -> int:
        """H and W must be multiples of this."""
        return 2**self.config.num_downs

    def graphs(self) -> dict[str, Graph]:
        """What is exported: the whole network."""
        return picture_graphs(self, self.config.input_nc, self.config.output_nc, self.multiple)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, input_nc, H, W) to (B, output_nc, H, W)."""
        y = self.model(x)
        return y if self.config.output == "tanh" else x[:, : self.config.output_nc] + y
