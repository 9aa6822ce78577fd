import numpy as np
import pytest
import torch

from audiokit.training.engine.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 8), (5, 40), (40, 5)])
def test_singular_values_come_near_one_and_vectors_stay(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    y = orthogonal(x)
    left, _, right = torch.linalg.svd(x, full_matrices=False)
    turned = left.T @ y @ right.T
    assert torch.allclose(turned, torch.diag(turned.diag()), atol=1e-4)
    assert float(turned.diag().min()) > 0.6 and float(turned.diag().max()) < 1.3


def test_steps_have_the_size_of_adamws_and_the_rest_is_adamw():
    grown = {}
    for name in ("muon", "adamw"):
        torch.manual_seed(0)
        weight, bias = torch.nn.Parameter(torch.randn(6, 4, 3, 3)), torch.nn.Parameter(torch.randn(6))
        before = weight.detach().clone(), bias.detach().clone()
        if name == "muon":
            optimizer = Muon([weight], [bias], lr=1e-2, weight_decay=0.0)
        else:
            optimizer = torch.optim.AdamW([weight, bias], lr=1e-2, weight_decay=0.0)
        for _ in range(3):
            weight.grad, bias.grad = torch.randn(weight.shape), torch.randn(6)
            optimizer.step()
        grown[name] = (weight.detach() - before[0], bias.detach() - before[1])
    np.testing.assert_array_equal(grown["muon"][1].numpy(), grown["adamw"][1].numpy())
    sizes = {name: float(found[0].square().mean().sqrt()) for name, found in grown.items()}
    assert 0.1 < sizes["muon"] / sizes["adamw"] < 1
