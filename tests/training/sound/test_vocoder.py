"""The vocoder's training: losses that order, discriminators with the official keys, a run that improves and serves."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch

import audiokit
from audiokit.errors import InputError, ParameterError
from audiokit.models.vocoders.base import fold_weight_norm
from audiokit.models.vocoders.wave_discriminators import MelganDiscriminator
from audiokit.training.sound.vocoder import Clips, MelFrames, SpectralLoss, VocoderRecipe
from tests.signals import noise, plucks


def test_mel_frames_are_those_of_spectro(rng):
    y = plucks(rng, seconds=1)
    X, _ = audiokit.spectro(y, 22_050, preset="melgan")
    mel = MelFrames("melgan")(torch.from_numpy(y[None, :, : 256 * 80]))
    assert np.abs(mel[0, :, 4:-4].numpy() - X[0][:, 4:76]).max() < 2e-3


def test_the_spectral_loss_orders_estimates(rng):
    y = torch.from_numpy(plucks(rng, seconds=1)[None])
    hiss = torch.from_numpy(noise(rng)[None])
    values = [float(SpectralLoss()(y + a * hiss, y)) for a in (0, 0.01, 0.3)]
    assert values[0] == 0 and values[0] < values[1] < values[2]


def test_the_melgan_discriminator_is_the_official_one(shared):
    golden = shared / "golden/models/melgan_neurips"
    state = fold_weight_norm(torch.load(golden / "small_netD.pt", weights_only=True))
    network = MelganDiscriminator(scales=2, base=8, layers=2, factor=1)
    own = {key.replace("parametrizations.weight.original0", "weight"): key for key in network.state_dict()}
    own = {short: key for short, key in own.items() if "original1" not in key}
    assert set(own) == set(state)
    plain = MelganDiscriminator(scales=2, base=8, layers=2, factor=1)
    for module in plain.modules():
        if torch.nn.utils.parametrize.is_parametrized(module):
            torch.nn.utils.parametrize.remove_parametrizations(module, "weight")
    plain.load_state_dict(state)
    found = plain(torch.from_numpy(np.load(golden / "small_netD_in.npy")))
    for scale, features in enumerate(found):
        for layer, got in enumerate(features):
            wanted = np.load(golden / f"small_netD_out_scale{scale}_layer{layer}.npy")
            assert np.abs(got.detach().numpy() - wanted).max() < 1e-5


@pytest.mark.parametrize("losses", ["original", "modern"])
@pytest.mark.parametrize("arch", ["melgan", "vocos"])
def test_every_combination_takes_a_step(arch, losses, rng):
    settings = {"channels": 32} if arch == "melgan" else {"dim": 16, "inside": 32, "layers": 1}
    rate = 22_050 if arch == "melgan" else 24_000
    clips = Clips([plucks(rng, seconds=12)[0]], rate=rate, samples=4096)
    recipe = VocoderRecipe(clips, arch=arch, losses=losses, settings=settings, batch=1)
    before = [p.detach().clone() for p in recipe.generator.parameters()]
    logged = recipe.step(np.random.default_rng(0), 0)
    assert all(np.isfinite(float(v)) for v in logged.values()) and "discriminator" in logged
    assert any(not torch.equal(a, b) for a, b in zip(before, recipe.generator.parameters(), strict=True))


def test_training_improves_and_serves_invert(cli, tmp_path, rng):
    audiokit.write(tmp_path / "sounds/a.wav", plucks(rng, seconds=11), 22_050)
    audiokit.write(tmp_path / "held/b.wav", plucks(rng, seconds=1), 22_050)
    small = ["--setting", "dim=24", "--setting", "inside=48", "--setting", "layers=2", "--samples", "4096"]
    options = ["sounds", "--judge", "held", "-o", "run", *small, "--batch", "2", "--warmup", "20", "--average", "0.5"]
    options += ["--learning-rate", "0.003", "--validate-every", "50", "--quiet", "--json"]
    first = json.loads(cli("train", "vocoder", *options, "--steps", "1").stdout)
    last = json.loads(cli("train", "vocoder", *options, "--steps", "21", "--resume").stdout)
    assert last["step"] == 21 and last["mel_l1"] < 0.9 * first["mel_l1"]
    cli("spectro", "held/b.wav", "-o", "b.chunks", "--preset", "vocos")
    cli("invert", "b.chunks", "--vocoder", "run", "-o", "b.wav")
    y, rate = audiokit.read(tmp_path / "b.wav")
    assert rate == 24_000 and y.shape[1] == 24_000 and np.std(y) > 1e-4


def test_too_little_and_unknown_are_refused(rng):
    with pytest.raises(InputError, match="at least 10 s"):
        Clips([np.zeros(1000, np.float32)], rate=22_050, samples=4096)
    clips = Clips([plucks(rng, seconds=12)[0]], rate=22_050, samples=4096)
    with pytest.raises(ParameterError, match="--arch"):
        VocoderRecipe(clips, arch="wavenet")
    with pytest.raises(ParameterError, match="--losses"):
        VocoderRecipe(clips, losses="wishful")


def test_two_processes_of_torchrun_train_as_one(tmp_path, rng):
    """gloo, on the processor: one report and one run folder."""
    audiokit.write(tmp_path / "sounds/a.wav", plucks(rng, seconds=11), 22_050)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    small = ["--setting", "dim=8", "--setting", "inside=16", "--setting", "layers=1", "--samples", "4096", "--json"]
    options = ["sounds", *small, "--batch", "1", "--steps", "2", "--validate-every", "2", "--quiet"]
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "audiokit", "train", "vocoder", *options, "-o", "two"]
    group = [
        subprocess.Popen(
            command, cwd=tmp_path, env={**shared, "RANK": str(k), "LOCAL_RANK": str(k)}, stdout=subprocess.PIPE
        )
        for k in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in group]
    assert [process.returncode for process in group] == [0, 0]
    assert json.loads(said[0])["step"] == 2 and said[1] == b""
    checkpoint = torch.load(tmp_path / "two/checkpoint.pt", weights_only=True)
    assert checkpoint["settings"]["processes"] == 2
    steps = [json.loads(line) for line in (tmp_path / "two/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in steps if "loss" in line] == [2]
