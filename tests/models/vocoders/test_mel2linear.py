"""The mel inverter: blocks equal the whole, it fits its bands, and training improves on the smooth start."""

import json

import numpy as np
import pytest
import torch

from audiokit.dsp.spectrum.choice import make_transform
from audiokit.dsp.spectrum.mel import mel_to_linear
from audiokit.dsp.spectrum.presets import find_preset
from audiokit.dsp.spectrum.stft import stft
from audiokit.errors import ModelError
from audiokit.io.audio import read, write
from audiokit.models.folder.checkpoint import save
from audiokit.models.folder.runtime import TorchNetwork, open_network
from audiokit.models.vocoders.engines import Inversion, choose_engine, fitting_model
from audiokit.models.vocoders.mel2linear import Mel2Linear
from audiokit.models.vocoders.mel_linear import NetworkLinear, linear_magnitude
from audiokit.training.engine.options import RunOptions
from audiokit.training.sound.mel2linear import Mel2LinearRecipe, Mel2LinearSettings, load_sounds, train_mel2linear
from tests.signals import plucks

FRONT_END = {"kind": "mel", "n_fft": 512, "hop": 128, "n_mels": 40}


@pytest.fixture
def transform():
    return make_transform(FRONT_END, 16_000)


def network_of(transform, **sizes):
    settings = {k: v for k, v in transform.front_end.items() if k not in ("hop", "window")}
    settings.update({"width": 24, "depth": 2, **sizes})
    network = Mel2Linear(**settings).eval()
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return network, settings


def bands(transform, y):
    S = stft(y, **transform.framing)
    return np.abs(S), (transform.filters @ np.abs(S) ** transform.power).astype(np.float32)


def test_blocks_equal_the_whole(transform, rng):
    network, _ = network_of(transform)
    _, mel = bands(transform, plucks(rng, 1.5, 16_000, channels=2))
    whole = linear_magnitude(mel, TorchNetwork(network, {}), transform)
    stream = NetworkLinear(transform, TorchNetwork(network, {}))
    parts = [stream.push(block) for block in np.split(mel, [3, 4, 60, 61, 150], axis=2)]
    np.testing.assert_allclose(np.concatenate([*parts, stream.finish()], axis=2), whole, rtol=1e-3, atol=1e-3)


def test_an_untrained_network_starts_at_the_smooth_spectrum(transform):
    settings = {k: v for k, v in transform.front_end.items() if k not in ("hop", "window")}
    network = Mel2Linear(**settings, width=8, depth=1)
    flat = torch.from_numpy(transform.filters.sum(axis=1) * 4.0)[None, :, None].expand(1, -1, 5)
    magnitude = network(flat.contiguous()).detach().exp()
    torch.testing.assert_close(magnitude, torch.full_like(magnitude, 2.0), rtol=1e-3, atol=1e-3)


def test_the_answer_fits_the_bands(transform, rng):
    network, _ = network_of(transform)
    _, mel = bands(transform, plucks(rng, 1.0, 16_000))

    def misfit(iterations):
        found = linear_magnitude(mel, TorchNetwork(network, {}), transform, iterations=iterations)
        return np.linalg.norm(transform.filters @ found**transform.power - mel) / np.linalg.norm(mel)

    assert misfit(20) < 0.1
    assert misfit(20) < 0.2 * misfit(0)


def test_training_learns_and_the_model_loads(tmp_path, transform, rng):
    for name, seconds in (("sounds/a", 4.0), ("sounds/b", 4.0), ("held/c", 2.0)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / f"{name}.wav", plucks(rng, seconds, 16_000), 16_000)
    held = load_sounds([tmp_path / "held/c.wav"], 16_000)
    sizes = Mel2LinearSettings(width=32, depth=2, batch=4, frames=32, learning_rate=4e-3)
    with torch.no_grad():
        y = torch.from_numpy(held[0][None].astype(np.float32) / 32768)
        before = float(Mel2LinearRecipe(held, held, transform, sizes).losses(y)[0])
    run = RunOptions(str(tmp_path / "run"), steps=60, average=0.9, device="cpu", quiet=True)
    values = train_mel2linear([str(tmp_path / "sounds")], [str(tmp_path / "held")], transform, sizes, run=run)
    assert values["held_out_log_distance"] < 0.85 * before
    card = json.loads((tmp_path / "run" / "model" / "model.json").read_text())
    assert card["frontend"] == transform.front_end
    engine = choose_engine(transform, 1, Inversion(model=str(tmp_path / "run" / "model"), iterations=1))
    y = held[0][None].astype(np.float32) / 32768
    truth, mel = bands(transform, y)
    found = np.concatenate([engine.push(mel), engine.finish(y.shape[1])], axis=1)
    assert found.shape == y.shape
    assert np.linalg.norm(bands(transform, found)[0] - truth) < 0.6 * np.linalg.norm(truth)
    assert list((tmp_path / "run").glob("step-*.wav"))


def test_a_model_of_other_bands_is_refused(tmp_path, transform):
    network, settings = network_of(transform)
    card = {"architecture": "mel2linear", "settings": settings, "kind": "mel2linear", "frontend": transform.front_end}
    save(tmp_path / "model", network, card)
    other = make_transform({"kind": "mel", "n_fft": 512, "hop": 128, "n_mels": 64}, 16_000)
    with pytest.raises(ModelError, match="n_mels 40"):
        choose_engine(other, 1, Inversion(model=str(tmp_path / "model")))
    assert fitting_model(other) is None


@pytest.mark.parametrize("preset", ["melgan", "cyclegan-music"])
def test_shipped_networks_beat_the_classical_solve_on_unknown_voices(shared, preset):
    transform = find_preset(preset).transform(preset)
    y, _ = read(shared / "audio/speech/denoiser/debug/clean/p287_001.wav", rate=transform.rate, mono=True)
    y = y[:, : 2 * transform.rate]
    truth, mel = bands(transform, y)
    network = open_network(fitting_model(transform), kind="mel2linear")
    found = {"network": linear_magnitude(mel, network, transform)}
    solved = mel_to_linear(mel, transform.filters)
    found["solve"] = solved if transform.power == 1 else np.sqrt(solved)
    floor = 1e-3 * truth.max()
    distance = {k: np.abs(np.log((m + floor) / (truth + floor))).mean() for k, m in found.items()}
    relative = {k: np.linalg.norm(m - truth) for k, m in found.items()}
    assert distance["network"] < 0.95 * distance["solve"]
    assert relative["network"] < 0.95 * relative["solve"]
