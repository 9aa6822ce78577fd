"""MiniRocket against tsai's: kernels, dilations, keys, features; and the gradients that the hard share lacks."""

import json

import numpy as np
import pytest
import torch

from audiokit.errors import ModelError, ParameterError
from audiokit.models.voice.minirocket import MiniRocket, make_kernels, plan_dilations

CASES = ("plus_uni", "plus_multi", "plus_multi12_max9", "plus_lsaz", "plus_kernel7", "plain_uni", "plain_multi")


@pytest.fixture
def golden(shared):
    return shared / "golden/models/minirocket"


@pytest.mark.parametrize("case", CASES)
def test_released_state_gives_released_features(golden, case):
    config = json.loads((golden / "cases.json").read_text())[case]
    network = MiniRocket(**config["config"]).eval()
    assert [[key, list(v.shape)] for key, v in network.state_dict().items()] == [k[:2] for k in config["keys"]]
    network.load_state_dict(torch.load(golden / f"{case}.pt", weights_only=True))
    x = torch.from_numpy(np.load(golden / f"{case}_in.npy"))
    with torch.no_grad():
        features, logits = network.backbone(x).numpy(), network(x).numpy()
    expected = np.load(golden / f"{case}_features.npy")
    wrong = np.abs(features - expected) > 1e-5
    assert wrong.mean() <= 1e-3
    assert np.abs(features - expected).max() <= 2.1 / (x.shape[-1] - 2 * max(config["padding"]) or 1)
    if not wrong.any():
        np.testing.assert_allclose(logits, np.load(golden / f"{case}_logits.npy"), atol=1e-4)


def test_dilations_follow_the_released_rule(golden):
    table = json.loads((golden / "dilations.json").read_text())
    for length, wanted, most, dilations, counts, _ in table["rows"]:
        assert plan_dilations(length, wanted // 84, most) == (dilations, counts)


def test_kernels(golden):
    np.testing.assert_array_equal(make_kernels(9), np.load(golden / "kernels_84x9.npy"))


def test_fit_puts_biases_at_quantiles(rng):
    network = MiniRocket(c_in=1, seq_len=100, num_features=840)
    x = torch.randn(16, 1, 100, generator=torch.Generator().manual_seed(0))
    network.backbone.fit(x, rng=rng)
    shares = network.backbone(x).mean(0)
    assert 0.3 < float(shares.mean()) < 0.7
    assert float(shares.min()) > 0 or float(shares.max()) < 1


def test_soft_share_has_a_gradient_and_the_hard_one_has_none(rng):
    for soft, expected in ((0.0, False), (0.3, True)):
        network = MiniRocket(c_in=6, seq_len=64, num_features=500, soft=soft, random_state=1)
        torch.nn.init.normal_(network.head[2].weight)
        x = torch.randn(8, 6, 64, generator=torch.Generator().manual_seed(1), requires_grad=True)
        network.backbone.fit(x.detach(), rng=rng)
        score = network.eval()(x).sum()
        if expected:
            score.backward()
            assert float(x.grad.abs().sum()) > 0
        else:
            assert not network.backbone(x).requires_grad


def test_soft_share_tends_to_the_hard_one(rng):
    x = torch.randn(8, 3, 64, generator=torch.Generator().manual_seed(2))
    hard, soft = (MiniRocket(c_in=3, seq_len=64, num_features=500, random_state=1, soft=s) for s in (0.0, 1e-5))
    hard.backbone.fit(x, rng=rng)
    soft.load_state_dict(hard.state_dict())
    np.testing.assert_allclose(soft.backbone(x), hard.backbone(x), atol=0.02)


def test_every_channel_is_looked_at():
    network = MiniRocket(c_in=256, seq_len=256, num_features=10_000, random_state=0)
    seen = sum(getattr(network.backbone, f"channel_combinations_{i}").sum((0, 2, 3)) for i in range(20))
    assert bool((seen > 0).all())


def test_wrong_use_is_refused():
    with pytest.raises(ModelError, match="never fitted"):
        MiniRocket(seq_len=64, num_features=500)(torch.zeros(2, 1, 64))
    with pytest.raises(ParameterError, match="shorter"):
        MiniRocket(seq_len=5)
    with pytest.raises(ParameterError, match="fewer"):
        MiniRocket(seq_len=64, num_features=50)
