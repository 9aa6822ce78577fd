"""A DCGAN of spectrogram chunks, with an encoder: sounds become points, and what lies between points is a morph.

The generator and the critic are those of the paper at other sizes: strided (transposed) convolutions 4/2/1, batch
norm, ReLU and leaky ReLU. Two things are added. An encoder finds the latent of a chunk, learnt together with the
generator, because a latent that is only searched for by descent seldom gives a sound back. And latents are brought to
one length, so that a point between two of them is as likely as they are.

References:
    Radford, Metz and Chintala (2016), Unsupervised representation learning with deep convolutional generative
    adversarial networks.
    Larsen et al. (2016), Autoencoding beyond pixels using a learned similarity metric (encoder and GAN in one).
    White (2016), Sampling generative networks (latents on a sphere).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from audiokit.errors import ParameterError
from audiokit.models.folder.graph import MAIN, Graph, Port

#: Halvings between a picture and the smallest map.
STEPS = 4


def on_sphere(latent: Tensor) -> Tensor:
    """Bring latents (B, D) to the length of a typical normal draw.

    >>> on_sphere(torch.tensor([[3.0, 4.0]])).norm().item() ** 2
    2.0...
    """
    return latent * torch.rsqrt(latent.square().mean(1, keepdim=True) + 1e-8)


class Generator(nn.Module):
    """From a latent to a picture, in four doublings.

    Args:
        latent: size of the latent.
        width: channels of the last layer but one.
        bins, frames: size of the picture.
    """

    def __init__(self, latent: int, width: int, bins: int, frames: int) -> None:
        super().__init__()
        sizes = [width * 2**k for k in reversed(range(STEPS))]  # 8W, 4W, 2W, W
        self.small = (sizes[0], bins // 2**STEPS, frames // 2**STEPS)
        self.start = nn.Linear(latent, int(np.prod(self.small)), bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(sizes[0]), nn.ReLU()]
        for a, b in pairwise(sizes):
            layers += [nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(width, 1, 4, 2, 1), nn.Tanh())

    def forward(self, latent: Tensor) -> Tensor:
        """(B, D) -> (B, 1, bins, frames), values -1..1."""
        x = self.start(on_sphere(latent)).unflatten(1, self.small)  # (B, 8W, bins/16, frames/16)
        return self.layers(x)


class Viewer(nn.Module):
    """From a picture to a vector, in four halvings: the critic's body, and the encoder's.

    Args:
        outputs: length of the vector.
        width: channels of the first layer.
        bins, frames: size of the picture.
    """

    def __init__(self, outputs: int, width: int, bins: int, frames: int) -> None:
        super().__init__()
        sizes = [width * 2**k for k in range(STEPS)]
        layers: list[nn.Module] = [nn.Conv2d(1, width, 4, 2, 1), nn.LeakyReLU(0.2)]  # no norm on the first, as in 3.
        for a, b in pairwise(sizes):
            layers += [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.end = nn.Linear(sizes[-1] * (bins // 2**STEPS) * (frames // 2**STEPS), outputs)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, 1, bins, frames) -> (B, outputs)."""
        return self.end(self.layers(picture).flatten(1))


class Dcgan(nn.Module):
    """Generator and encoder: what is kept after training.

    Args:
        latent: size of the latent.
        width: channels at the largest size; 128 in the paper.
        bins, frames: size of a chunk, multiples of 16.

    Raises:
        ParameterError: a size is no multiple of 16.
    """

    def __init__(self, latent: int = 100, width: int = 32, bins: int = 128, frames: int = 64) -> None:
        super().__init__()
        if bins % 2**STEPS or frames % 2**STEPS or min(bins, frames, latent, width) < 1:
            raise ParameterError(f"a DCGAN paints rows and frames in multiples of {2**STEPS}, not {bins} x {frames}")
        self.settings = {"latent": latent, "width": width, "bins": bins, "frames": frames}
        self.generator = Generator(latent, width, bins, frames)
        self.encoder = Viewer(latent, width, bins, frames)

    def graphs(self) -> dict[str, Graph]:
        """What is exported: the generator, and the encoder."""
        latents = Port(("batch", self.settings["latent"]), "latents")
        pictures = Port(("batch", 1, self.settings["bins"], self.settings["frames"]), "pictures, -1 to 1", -1, 1)
        sizes = [{"batch": size} for size in (2, 1, 5)]
        return {
            MAIN: Graph(self.forward, {"latents": latents}, {"pictures": pictures}, sizes),
            "encode": Graph(self.encode, {"pictures": pictures}, {"latents": latents}, sizes),
        }

    def forward(self, latent: Tensor) -> Tensor:
        """Latents (B, D) to chunks (B, 1, bins, frames)."""
        return self.generator(latent)

    def encode(self, picture: Tensor) -> Tensor:
        """Chunks (B, 1, bins, frames) to latents (B, D) of one length."""
        return on_sphere(self.encoder(picture))

    def project(self, pictures: np.ndarray, *, steps: int = 100) -> np.ndarray:
        """Find the latents that give chunks back: the encoder's answer, then descent on what is still different.

        Args:
            pictures: chunks (B, bins, frames), float32.
            steps: of Adam.

        Returns:
            Latents (B, D), float32.
        """
        wanted = torch.from_numpy(np.ascontiguousarray(pictures, np.float32))[:, None]
        with torch.no_grad():
            latent = self.encode(wanted)
        latent.requires_grad_(True)
        optimizer = torch.optim.Adam([latent], lr=0.03)
        for _ in range(steps):
            with torch.enable_grad():
                difference = (self.generator(latent) - wanted).abs().mean((1, 2, 3)).sum()
                (latent.grad,) = torch.autograd.grad(difference, latent)
            optimizer.step()
        return on_sphere(latent.detach()).numpy()

    @torch.no_grad()
    def paint(self, latents: np.ndarray) -> np.ndarray:
        """Turn latents (B, D) into chunks (B, bins, frames), float32."""
        return self.generator(torch.from_numpy(np.ascontiguousarray(latents, np.float32)))[:, 0].numpy()
