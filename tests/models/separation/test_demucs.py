"""Demucs through its own package: a stand-in for the package here, since it is no dependency."""

import sys
import types

import numpy as np
import pytest
import torch

from audiokit.errors import MissingExtraError
from audiokit.stages.split import split
from tests.signals import noise

RATE = 44_100


def fake_demucs(monkeypatch):
    """Stand in for the demucs package: four stems, each a fixed share of what comes in."""

    class Net:
        sources, samplerate = ("drums", "bass", "other", "vocals"), RATE

        def eval(self):
            return self

    def apply_model(net, mix, *, device, shifts, overlap, progress):
        assert shifts == 0  # a random shift would give other bytes every time
        assert float(mix.mean(dim=1).std()) == pytest.approx(1, abs=0.02)  # the level it was trained at
        return mix[:, None] * torch.tensor([0.1, 0.2, 0.3, 0.4])[None, :, None, None]

    apply, pretrained = types.ModuleType("demucs.apply"), types.ModuleType("demucs.pretrained")
    apply.apply_model, pretrained.get_model = apply_model, lambda name: Net()
    for name, module in {
        "demucs": types.ModuleType("demucs"),
        "demucs.apply": apply,
        "demucs.pretrained": pretrained,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)


def test_demucs_through_its_package(rng, monkeypatch):
    fake_demucs(monkeypatch)
    y = noise(rng, 0.5, RATE, 0.05, 3)
    found = split(y, RATE, engine="demucs", stems=["vocals", "bass"], residual=True)
    assert list(found) == ["vocals", "bass", "residual"]
    np.testing.assert_allclose(found["vocals"], 0.4 * y, atol=2e-3)
    np.testing.assert_allclose(sum(found.values()), y, atol=1e-6)


def test_demucs_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "demucs.apply", None)
    with pytest.raises(MissingExtraError) as caught:
        split(np.zeros((2, 10), np.float32), RATE, engine="demucs")
    assert caught.value.hint == "pip install 'audiokit[demucs]'" and caught.value.status == 6
