"""PatchGAN discriminators: every output value judges one patch of a spectrogram (70x70 with three layers).

Key names and layer positions are those of the authors' release.

References:
    Isola, Zhu, Zhou and Efros (2017), Image-to-image translation with conditional adversarial networks, 3.2.2.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from audiokit.models.style.image_layers import has_bias, norm_layer


@dataclass(frozen=True)
class PatchGanConfig:
    """Settings of the discriminator.

    Attributes:
        input_nc: channels in; 2 when it judges pairs.
        ndf: channels of the first layer.
        n_layers: strided layers; 3 see 70x70 patches, 0 looks at single pixels (1x1 convolutions).
        norm: instance, batch or none.
    """

    input_nc: int = 1
    ndf: int = 64
    n_layers: int = 3
    norm: str = "instance"


class PatchGan(nn.Module):
    """Judge spectrograms (B, input_nc, H, W) patch by patch.

    >>> import torch
    >>> PatchGan(ndf=4)(torch.zeros(1, 1, 128, 256)).shape
    torch.Size([1, 1, 14, 30])
    """

    #: Why `models export --onnx` refuses it.
    not_exported = "it judges while others are trained, and no command runs it"

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.config = config = PatchGanConfig(**settings)
        self.settings = asdict(config)
        if config.n_layers == 0:
            self.net = _pixel_layers(config)
            return
        bias = has_bias(config.norm)
        widths = [config.ndf * min(2**i, 8) for i in range(config.n_layers + 1)]
        layers: list[nn.Module] = [
            nn.Conv2d(config.input_nc, widths[0], 4, stride=2, padding=1),  # (B, ndf, H/2, W/2)
            nn.LeakyReLU(0.2, inplace=True),
        ]
        for i in range(1, config.n_layers + 1):
            stride = 2 if i < config.n_layers else 1
            layers += [
                nn.Conv2d(widths[i - 1], widths[i], 4, stride=stride, padding=1, bias=bias),
                norm_layer(config.norm, widths[i]),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        self.model = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, input_nc, H, W) to logits (B, 1, h, w), one per patch."""
        return self.features(x)[-1]

    def features(self, x: Tensor) -> list[Tensor]:
        """Map (B, input_nc, H, W) to what every stage makes of it: after each activation, and the logits."""
        found = []
        for layer in self.net if self.config.n_layers == 0 else self.model:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                found.append(x)
        return [*found, x]


def _pixel_layers(config: PatchGanConfig) -> nn.Sequential:
    bias = has_bias(config.norm)
    return nn.Sequential(
        nn.Conv2d(config.input_nc, config.ndf, 1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(config.ndf, 2 * config.ndf, 1, bias=bias),
        norm_layer(config.norm, 2 * config.ndf),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(2 * config.ndf, 1, 1, bias=bias),
    )
