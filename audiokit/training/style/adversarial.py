"""Adversarial losses on the logits of a discriminator.

References:
    Goodfellow et al. (2014), Generative adversarial nets; Mao et al. (2017), Least squares GAN.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from audiokit.errors import ParameterError

LOSSES = ("lsgan", "vanilla")


def gan_loss(logits: Tensor, real: bool, *, kind: str = "lsgan") -> Tensor:
    """Measure how far logits are from calling their input real (or fake).

    Args:
        logits: any shape.
        real: what they should say.
        kind: "lsgan" (mean square to 1 or 0) or "vanilla" (binary cross-entropy).

    Returns:
        Scalar.

    >>> float(gan_loss(torch.tensor([1.0, 0.0]), True))
    0.5
    """
    target = torch.full_like(logits, 1.0 if real else 0.0)
    if kind == "lsgan":
        return functional.mse_loss(logits, target)
    if kind == "vanilla":
        return functional.binary_cross_entropy_with_logits(logits, target)
    raise ParameterError(f"the adversarial loss is one of {', '.join(LOSSES)}, not {kind!r}")


def discriminator_loss(
    network: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, *, kind: str = "lsgan"
) -> Tensor:
    """Average the losses on real pictures and on fakes (no gradient reaches what made the fakes)."""
    return 0.5 * (gan_loss(network(real), True, kind=kind) + gan_loss(network(fake.detach()), False, kind=kind))


def freeze(modules: list[nn.Module], frozen: bool) -> None:
    """Keep gradients out of networks that only judge in this half of a step."""
    for module in modules:
        for parameter in module.parameters():
            parameter.requires_grad_(not frozen)
