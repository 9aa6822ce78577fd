"""An optimiser for networks of small matrices: momentum made orthogonal, beside AdamW for all that is no matrix.

A matrix is moved as far along the directions that its gradients seldom show as along those that they always show. A
step costs a few products of matrices more than AdamW's and gets further where steps are few.

References:
    Jordan et al. (2024), Muon: an optimizer for hidden layers in neural networks (the method and the coefficients);
    Liu et al. (2025), Muon is scalable for LLM training (steps as large as AdamW's, so that its rates fit).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import torch
from torch import Tensor, nn

# Of the polynomial that pushes singular values towards 1, and how often it is applied.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_TURNS = 5
# The root mean square of AdamW's steps, by experience, in units of the rate.
_SIZE = 0.2


def orthogonal(matrix: Tensor) -> Tensor:
    """Bring the singular values of a matrix (M, N) near 1, to about 0.7 to 1.2; its singular vectors stay.

    >>> y = orthogonal(torch.tensor([[3.0, 0.0], [0.0, -0.2]]))
    >>> [round(float(v)) for v in y.diag()], float(y[0, 1])
    ([1, -1], 0.0)
    """
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (torch.linalg.matrix_norm(x) + 1e-7)
    for _ in range(_TURNS):
        squared = x @ x.T
        x = a * x + (b * squared + c * squared @ squared) @ x
    return x.T if tall else x


def parted(network: nn.Module, *, plain: Collection[str]) -> tuple[list[Tensor], list[Tensor]]:
    """Part the weights of a network into the matrices that Muon turns, and all others.

    Args:
        network: whose weights; several dimensions after the first count as one.
        plain: beginnings of the names of matrices that are left to AdamW.

    >>> network = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 1))
    >>> [[tuple(weight.shape) for weight in part] for part in parted(network, plain=["1."])]
    [[(8, 4)], [(8,), (1, 8), (1,)]]
    """
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for key, weight in network.named_parameters():
        (matrices if weight.ndim > 1 and not key.startswith(tuple(plain)) else others).append(weight)
    return matrices, others


class Muon(torch.optim.AdamW):
    """AdamW for `others`; for `matrices`, momentum that is made orthogonal.

    Args:
        matrices: weights of two dimensions or more; all but the first are taken together.
        others: first and last layers, gains and biases.
        lr: rate of both.
        weight_decay: of both.
        momentum: of the matrices.
    """

    def __init__(
        self,
        matrices: Iterable[Tensor],
        others: Iterable[Tensor],
        *,
        lr: float,
        weight_decay: float = 1e-3,
        momentum: float = 0.95,
    ) -> None:
        super().__init__([{"params": list(others)}], lr=lr, weight_decay=weight_decay)
        self.add_param_group({"params": list(matrices), "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Take one step."""
        groups = self.param_groups
        for group in groups:
            if "momentum" in group:
                self._turn(group)
        self.param_groups = [group for group in groups if "momentum" not in group]
        try:
            return super().step(closure)
        finally:
            self.param_groups = groups

    def _turn(self, group: dict[str, Any]) -> None:
        rate, momentum = group["lr"], group["momentum"]
        for weight in group["params"]:
            if weight.grad is None:
                continue
            state = self.state[weight]
            if not state:  # the parent looks for a count of steps in every state that it reads
                state.update(step=torch.zeros(()), mean=torch.zeros_like(weight))
            mean = state["mean"]
            mean.lerp_(weight.grad, 1 - momentum)
            ahead = weight.grad.lerp(mean, momentum).flatten(1)
            step = orthogonal(ahead) * (_SIZE * max(ahead.shape) ** 0.5)
            weight.mul_(1 - rate * group["weight_decay"]).add_(step.view_as(weight), alpha=-rate)
