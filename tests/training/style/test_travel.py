"""TraVeLGAN: its losses do what they are for, it learns, resumes to the same bits, and stylize takes its model."""

import json

import numpy as np
import pytest
import torch

from audiokit.dsp.spectrum.style import standard_frontend
from audiokit.errors import ParameterError
from audiokit.io.audio import read, write
from audiokit.models.folder.checkpoint import load
from audiokit.models.style.travel_networks import TravelGenerator, fold_rows
from audiokit.training.engine.loop import Every, fit
from audiokit.training.style.data import open_tracks
from audiokit.training.style.travel import (
    Travel,
    TravelSettings,
    cut_slices,
    hinge,
    join_slices,
    margin_loss,
    slice_weight,
    travel_loss,
)
from tests.signals import plucks

FRONTEND = standard_frontend(preset="linear-music", frames=16)
SMALL = {"ngf": 4, "blocks": 1, "ndf": 4, "batch": 2, "rate": 3e-3}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Side b is side a through a low-pass, other pieces; the last piece is on both sides, held out."""
    root = tmp_path_factory.mktemp("sides")
    rng = np.random.default_rng(3)
    for k in range(5):
        y = plucks(rng, 3.0)
        spectrum = np.fft.rfft(y, axis=1)
        dull = np.fft.irfft(spectrum * np.exp(-np.linspace(0, 12, spectrum.shape[1])), n=y.shape[1])
        for side, sound in (("a", y), ("b", dull.astype(np.float32))):
            if k == 4 or (k % 2 == 0) == (side == "a"):
                write(root / ("held" if k == 4 else "") / side / f"{k}.wav", sound, 22050, subtype="FLOAT")
    return root


def recipe(folders, tmp_path, **settings):
    sides = ("a", "b", "held/a", "held/b")
    a, b, held_a, held_b = (open_tracks(folders / side, FRONTEND, cache=tmp_path / "cache") for side in sides)
    settings = TravelSettings(**{**SMALL, **settings})
    return Travel(a, b, frontend=FRONTEND, settings=settings, held=(held_a, held_b), paired=True)


def train(made, folder, steps):
    return fit(made, folder=folder, steps=steps, every=Every(100, log=10), average=0.8, quiet=True)


def mean_spectrum(picture):
    """Levels of 32 bands (32,) of a picture (1, 1, rows, frames)."""
    return picture.mean(-1).flatten().unflatten(0, (32, -1)).mean(1)


def test_unpaired_training_takes_the_spectrum_of_the_other_side(folders, tmp_path):
    made = recipe(folders, tmp_path, rate=1e-3, travel=1.0, contrast=1.0, identity=2.0)
    fit(made, folder=tmp_path / "run", steps=100, every=Every(100, log=10), average=0.8, quiet=True)
    x, y = (torch.from_numpy(side[0].cut(0, 64))[None, None] for side in made.held)
    with torch.no_grad():
        out = torch.cat([made.answer(x[..., k : k + 16]) for k in range(0, 64, 16)], dim=-1)
    before, after = ((mean_spectrum(z) - mean_spectrum(y)).abs().mean() for z in (x, out))
    assert after < 0.75 * before
    # and it is still the same piece: what rose and fell in the input does so in the answer
    assert np.corrcoef(x.numpy().ravel(), out.numpy().ravel())[0, 1] > 0.8
    losses = json.loads((tmp_path / "run/metrics.jsonl").read_text().splitlines()[0])["loss"]
    assert set(losses) == {"adversarial", "travel", "contrast", "identity", "critic"}


def test_resumed_run_has_the_same_bits_and_the_model_is_whole(folders, tmp_path):
    train(recipe(folders, tmp_path), tmp_path / "whole", 3)
    for steps in (2, 3):
        train(recipe(folders, tmp_path), tmp_path / "parts", steps)
    whole, parts = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("whole", "parts"))
    for name, weights in whole["modules"].items():
        assert all(torch.equal(value, parts["modules"][name][key]) for key, value in weights.items())
    network, card = load(str(tmp_path / "whole"), kind="stylize")
    assert isinstance(network, TravelGenerator) and card["architecture"] == "travel-generator"
    y, info = read(tmp_path / "whole/samples/00000003-G-0.wav")
    assert info.rate == 22050 and np.abs(y).max() > 0.01


def test_every_loss_reaches_what_it_is_meant_for(folders, tmp_path):
    for settings in ({"travel": 0.0, "contrast": 0.0, "identity": 0.0}, {"contrast": 0.0, "identity": 0.0}):
        made = recipe(folders, tmp_path, **settings)
        before = {name: [p.clone() for p in network.parameters()] for name, network in made.modules().items()}
        made.step(np.random.default_rng(0), 0)
        moved = {
            name: any(not torch.equal(p, q) for p, q in zip(network.parameters(), before[name], strict=True))
            for name, network in made.modules().items()
        }
        assert moved == {"G": True, "D": True, "S": "travel" not in settings}


def test_travel_loss_sees_differences_only(rng):
    x = torch.from_numpy(rng.standard_normal((5, 16)).astype(np.float32))
    assert float(travel_loss(x, x + 3.0)) < 1e-5
    turned = x[:, torch.from_numpy(rng.permutation(16))]
    assert float(travel_loss(x, turned)) > 0.3
    assert float(travel_loss(x, 2 * x)) > 0.3  # the same directions, other lengths


def test_margin_wants_slices_apart():
    together, apart = torch.zeros(4, 8), 10 * torch.eye(8)[:4]
    assert float(margin_loss(together, 2.0)) == pytest.approx(2.0, abs=1e-5)
    assert float(margin_loss(apart, 2.0)) == 0.0


def test_hinge_is_content_beyond_one():
    assert float(hinge(torch.tensor([1.5]), torch.tensor([-1.5]))) == 0.0
    assert float(hinge(torch.tensor([0.0]), torch.tensor([0.0]))) == 2.0


def test_slices_join_to_what_they_were_cut_from(rng):
    x = torch.from_numpy(rng.standard_normal((2, 1, 5, 32)).astype(np.float32))
    slices = cut_slices(x, 16)
    assert slices.shape == (6, 1, 5, 16) and torch.equal(slices[4], x[1, :, :, 8:24])
    assert torch.allclose(join_slices(slices, slice_weight(16)), x, atol=1e-5)


def test_folding_keeps_every_row_in_its_place(rng):
    x = torch.from_numpy(rng.uniform(-1, 1, (2, 1, 64, 12)).astype(np.float32))
    folded = fold_rows(x, 8)
    assert torch.equal(folded[:, 3, 2], x[:, 0, 19])
    network = TravelGenerator(rows=64, ngf=4, blocks=1)
    torch.nn.init.zeros_(network.net.model[-2].weight)  # nothing is added: the input comes back
    assert torch.allclose(network(x), x)


def test_refusals(folders, tmp_path):
    with pytest.raises(ParameterError, match="multiple of 32"):
        TravelGenerator(rows=100)
    with pytest.raises(ParameterError, match="multiple of 4"):
        a = open_tracks(folders / "a", FRONTEND, cache=tmp_path)
        Travel(a, a, frontend=standard_frontend(preset="linear-music", frames=18), settings=TravelSettings())
