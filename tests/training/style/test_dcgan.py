"""The DCGAN learns to give chunks back, resumes to the same bits, and morphs between sounds."""

import json

import numpy as np
import pytest
import torch

from audiokit.dsp.spectrum.style import standard_frontend
from audiokit.errors import InputError, ModelError, ParameterError, UsageError
from audiokit.io.audio import read, write
from audiokit.models.folder.checkpoint import load
from audiokit.models.notes import morphing
from audiokit.models.notes.morphing import between_pictures, morph_latent
from audiokit.models.style.dcgan import Dcgan
from audiokit.training.engine.loop import Every, fit
from audiokit.training.engine.options import RunOptions
from audiokit.training.style.data import open_tracks
from audiokit.training.style.dcgan import DcganRecipe, DcganSettings, train_dcgan
from tests.signals import plucks, sine

SMALL = DcganSettings(latent=8, width=4, frames=16, batch=8, rate=2e-3)
FRONTEND = standard_frontend(frames=16)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(5)
    for k in range(4):
        write(folder / f"{k}.wav", plucks(rng, 3.0), 22_050)
    return folder


def recipe(sounds, **settings):
    tracks = open_tracks(sounds, FRONTEND, cache=sounds / "cache")
    return DcganRecipe(tracks[:3], tracks[3:], FRONTEND, DcganSettings(**{**vars(SMALL), **settings}))


def train(what, folder, steps, **options):
    return fit(what, folder=folder, steps=steps, every=Every(20, log=5), quiet=True, average=0.8, **options)


@pytest.fixture(scope="module")
def trained(sounds, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    return folder, train(recipe(sounds), folder, 60)


def test_it_learns_to_give_unheard_chunks_back(sounds, trained):
    folder, values = trained
    untrained = recipe(sounds).validate(folder / "before", 0) if (folder / "before").mkdir() is None else {}
    assert values["held_out_rebuild_db"] < 0.7 * untrained["held_out_rebuild_db"]
    assert sorted(path.name for path in (folder / "samples").iterdir())[-1] == "00000060.png"
    card = json.loads((folder / "model.json").read_text())
    assert card["kind"] == "morph" and card["architecture"] == "dcgan"


def test_critic_and_generator_pull_apart(sounds, trained):
    folder, _ = trained
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    critic = [line["loss"]["critic"] for line in lines if "loss" in line]
    assert np.mean(critic) < 0.6 * np.log(2)  # it can tell them apart, far better than by tossing a coin
    pure = recipe(sounds, rebuild=0.0)
    before = [p.clone() for p in pure.network.parameters()]
    losses = pure.step(np.random.default_rng(0), 0)
    moved = [not torch.equal(p, q) for p, q in zip(before, pure.network.parameters(), strict=True)]
    count = len(list(pure.network.generator.parameters()))
    assert all(moved[:count]) and not any(moved[count:]) and "rebuild_db" not in losses


def test_resumed_is_uninterrupted(sounds, tmp_path):
    whole = recipe(sounds)
    train(whole, tmp_path / "whole", 6)
    train(recipe(sounds), tmp_path / "parts", 3)
    again = recipe(sounds)
    train(again, tmp_path / "parts", 6)
    for a, b in zip(whole.network.state_dict().values(), again.network.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_projection_beats_the_encoder_alone_and_the_middle_is_between(sounds, trained):
    network, _ = load(str(trained[0]), kind="morph")
    tracks = open_tracks(sounds, FRONTEND, cache=sounds / "cache")
    chunks = np.stack([tracks[3].cut(0, 16), tracks[3].cut(40, 16)])
    errors = [np.abs(network.paint(network.project(chunks, steps=n)) - chunks).mean() for n in (0, 20, 60)]
    assert errors[0] > errors[1] > errors[2]
    a, b = chunks
    same = between_pictures(network, [a, a], np.full(16, 0.5), frames=16, silence=-1.0)
    middle = between_pictures(network, [a, b], np.full(16, 0.5), frames=16, silence=-1.0)
    ends = [between_pictures(network, [a, b], np.full(16, x), frames=16, silence=-1.0) for x in (0.0, 1.0)]
    np.testing.assert_allclose(same, ends[0], atol=1e-5)
    apart = np.abs(ends[0] - ends[1]).mean()
    assert all(0.05 * apart < np.abs(middle - end).mean() < apart for end in ends)


def test_chunks_are_projected_a_few_at_a_time(sounds, trained, monkeypatch):
    network, _ = load(str(trained[0]), kind="morph")
    tracks = open_tracks(sounds, FRONTEND, cache=sounds / "cache")
    pictures = [tracks[0].cut(0, 80), tracks[1].cut(0, 80)]
    how = {"amounts": np.linspace(0, 1, 80), "frames": 16, "silence": -1.0}
    held = []
    real = network.project

    def answer(chunks):
        held.append(len(chunks))
        return real(chunks, steps=0)  # a descent makes 1e-4 of the rounding that differs with the number of chunks

    monkeypatch.setattr(network, "project", answer, raising=False)
    whole = between_pictures(network, pictures, **how)
    held.clear()
    monkeypatch.setattr(morphing, "_CHUNKS", 5)
    np.testing.assert_allclose(between_pictures(network, pictures, **how), whole, atol=1e-5)
    assert held == [5, 5, 5, 5, 2]


def test_morph_from_the_shell(cli, trained, tmp_path):
    write(tmp_path / "a.wav", sine(220, 1.0, 44_100, channels=2), 44_100)
    write(tmp_path / "b.wav", sine(330, 1.2, 44_100), 44_100)
    model = ["--engine", "latent", "--model", trained[0]]
    cli("morph", "a.wav", "b.wav", "-o", "out.wav", *model, "--curve", "0,1")
    y, about = read(tmp_path / "out.wav")
    assert y.shape == (2, round(1.2 * 44_100)) and np.isfinite(y).all() and np.abs(y).max() > 0.01
    assert about.history[-1]["options"]["engine"] == "latent"
    cli("morph", "a.wav", "b.wav", "-o", "a2.wav", *model, "--amount", "0")
    np.testing.assert_allclose(read(tmp_path / "a2.wav")[0], read(tmp_path / "a.wav")[0], atol=1e-6)
    cli("morph", "a.wav", "b.wav", "-o", "x.wav", "--model", trained[0], status=2)
    cli("morph", "a.wav", "b.wav", "-o", "x.wav", "--engine", "latent", "--model", "denoiser", status=5)


def test_train_from_the_shell(cli, sounds, tmp_path):
    tiny = ["--steps", "2", "--width", "2", "--batch", "4", "--frames", "16", "--device", "cpu"]
    cli("train", "dcgan", sounds, "-o", "run", "--held-out", sounds / "0.wav", *tiny, "--json")
    assert (tmp_path / "run/model.json").exists()
    cli("train", "dcgan", sounds, "-o", "run", *tiny, status=3)


@pytest.mark.parametrize(
    ("inputs", "changes", "preset", "error"),
    [(".", {"frames": 20}, "cyclegan-music", ParameterError), (".", {}, "melgan", ModelError),
     ("gone", {}, "cyclegan-music", InputError)],
)  # fmt: skip
def test_what_cannot_be_trained(sounds, tmp_path, inputs, changes, preset, error):
    settings = DcganSettings(**{**vars(SMALL), **changes})
    with pytest.raises(error):
        train_dcgan([str(sounds / inputs)], [], settings, preset=preset, run=RunOptions(str(tmp_path / "x"), steps=2))


def test_what_cannot_be_morphed(trained):
    y, model = sine(220, 0.5, 22_050), str(trained[0])
    with pytest.raises(InputError, match="silent"):
        morph_latent(y, np.zeros_like(y), 22_050, model=model)
    with pytest.raises(InputError, match="empty"):
        morph_latent(y, y[:, :0], 22_050, model=model)
    with pytest.raises(UsageError, match="curve"):
        morph_latent(y, y, 22_050, amount=[(0, 0), (1, 1)])
    with pytest.raises(ParameterError, match="multiples"):
        Dcgan(frames=40)
