"""The three networks of TraVeLGAN for spectrograms: generator, critic and siamese network.

A linear spectrum has many rows and its neighbours say much the same, so rows are folded: each group of them becomes
the channels of one place, and a channel more tells how high the place is. All networks take any number of frames.

References:
    Amodio and Krishnaswamy (2019), TraVeLGAN: image-to-image translation by transformation vector learning.
    Pasini (2019), MelGAN-VC: voice conversion and audio style transfer on arbitrarily long samples using
    spectrograms.
    Miyato et al. (2018), Spectral normalization for generative adversarial networks.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from audiokit.errors import ParameterError
from audiokit.models.folder.graph import MAIN, Graph, Port, sizes_of
from audiokit.models.style.image_layers import init_weights, norm_layer
from audiokit.models.style.resnet_generator import ResnetGenerator


@dataclass(frozen=True)
class TravelGeneratorConfig:
    """Settings of the generator.

    Attributes:
        rows: of the picture; a multiple of 4 * fold.
        fold: rows that become the channels of one place.
        ngf, blocks: width and residual blocks, as in `audiokit.models.style.resnet_generator`.
        norm: instance, batch or none; an instance norm looks at nothing beyond the slice.
        output: "residual", the input plus what the network adds, or "tanh".
    """

    rows: int = 1024
    fold: int = 8
    ngf: int = 16
    blocks: int = 5
    norm: str = "instance"
    output: str = "residual"

    def __post_init__(self) -> None:
        if self.rows % (4 * self.fold):
            raise ParameterError(f"rows must be a multiple of {4 * self.fold}, not {self.rows}")


def fold_rows(x: Tensor, fold: int) -> Tensor:
    """Turn pictures (B, 1, rows, N) to (B, fold + 1, rows / fold, N); the last channel is the height, -1 to 1.

    >>> fold_rows(torch.zeros(2, 1, 32, 5), 8).shape
    torch.Size([2, 9, 4, 5])
    """
    places = x[:, 0].unflatten(1, (-1, fold)).transpose(1, 2)
    height = torch.linspace(-1, 1, places.shape[2], dtype=x.dtype, device=x.device)
    return torch.cat([places, height[None, None, :, None].expand(x.shape[0], 1, -1, x.shape[3])], dim=1)


class TravelGenerator(nn.Module):
    """Map pictures (B, 1, rows, N) in -1..1 to the same shape; N is a multiple of 4.

    What falls below -1, which is silence, is -1, as it is in true pictures: the critic must not know a made one by
    its floor.

    >>> TravelGenerator(rows=64, ngf=4, blocks=1)(torch.zeros(2, 1, 64, 24)).shape
    torch.Size([2, 1, 64, 24])
    """

    #: N must be a multiple of this; rows are as the settings say.
    multiple = 4

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.config = config = TravelGeneratorConfig(**settings)
        self.settings = asdict(config)
        self.net = ResnetGenerator(
            input_nc=config.fold + 1,
            output_nc=config.fold,
            ngf=config.ngf,
            n_blocks=config.blocks,
            norm=config.norm,
            output=config.output,
        )
        init_weights(self.net)
        if config.output == "residual":  # begin by changing next to nothing
            last = self.net.model[-2]
            assert isinstance(last, nn.Conv2d)
            nn.init.normal_(last.weight, 0.0, 1e-3)

    def graphs(self) -> dict[str, Graph]:
        """What is exported: the whole network."""
        pictures = Port(("batch", 1, self.config.rows, "frames"), "pictures, -1 to 1", -1, 1)
        return {MAIN: Graph(self.forward, {"pictures": pictures}, {"changed": pictures}, sizes_of("frames", 24, 8, 40))}

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 1, rows, N) to (B, 1, rows, N)."""
        y = self.net(fold_rows(x, self.config.fold))  # (B, fold, rows / fold, N)
        return y.transpose(1, 2).flatten(1, 2)[:, None].clamp(-1, 1)


class Critic(nn.Module):
    """Judge pictures (B, 1, rows, N) patch by patch: logits (B, 1, rows / (8 fold), N / 8), nearly.

    Spectral norm keeps the verdict smooth.

    >>> Critic(ndf=4)(torch.zeros(2, 1, 256, 64)).shape
    torch.Size([2, 1, 3, 7])
    """

    def __init__(self, *, fold: int = 8, ndf: int = 32) -> None:
        super().__init__()
        self.fold = fold
        layers: list[nn.Module] = []
        for before, after in pairwise((fold + 1, ndf, 2 * ndf, 4 * ndf)):
            layers += [spectral_norm(nn.Conv2d(before, after, 4, 2, 1)), nn.LeakyReLU(0.2)]
        self.model = nn.Sequential(*layers, spectral_norm(nn.Conv2d(4 * ndf, 1, 4, 1, 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 1, rows, N) to logits (B, 1, h, w)."""
        return self.model(fold_rows(x, self.fold))


class Siamese(nn.Module):
    """Place slices (B, 1, rows, N) in a space where their differences mean something: (B, size).

    >>> Siamese(ndf=4, size=3)(torch.zeros(2, 1, 256, 24)).shape
    torch.Size([2, 3])
    """

    def __init__(self, *, fold: int = 8, ndf: int = 32, size: int = 128) -> None:
        super().__init__()
        self.fold = fold
        layers: list[nn.Module] = []
        for k, (before, after) in enumerate(pairwise((fold + 1, ndf, 2 * ndf, 4 * ndf))):
            layers += [nn.Conv2d(before, after, 4, 2, 1)]
            layers += [norm_layer("instance", after)] * (k > 0)
            layers += [nn.LeakyReLU(0.2)]
        # Eight bands apart: which notes sound is what a slice is told by.
        self.model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d((8, 1)), nn.Flatten(), nn.Linear(32 * ndf, size))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 1, rows, N) to (B, size)."""
        return self.model(fold_rows(x, self.fold))
