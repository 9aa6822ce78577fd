"""The denoiser's training: mixtures are what they say, the loss falls, the result runs in the command."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from audiokit import denoise, write
from audiokit.errors import InputError
from audiokit.models.voice.easing import Easing
from audiokit.training.sound.denoiser import DenoiserRecipe, EnhancementLoss
from audiokit.training.sound.mixer import Mixer, synthetic_noise
from tests.signals import noise, syllables


@pytest.fixture
def mixer(rng):
    return Mixer([[syllables(rng, seconds=8)[0]], [syllables(rng, seconds=6)[0]]], [[noise(rng, 5, 16_000)[0]]])


def test_examples_are_finite_different_and_repeatable(mixer):
    noisy, clean = mixer.batch(np.random.default_rng(5), 6)
    again, _ = mixer.batch(np.random.default_rng(5), 6)
    assert noisy.shape == clean.shape == (6, 32_000) and noisy.dtype == np.float32
    assert np.isfinite(noisy).all() and np.abs(noisy).max() <= 1.2
    assert np.array_equal(noisy, again)
    assert np.abs(noisy[0] - noisy[1]).max() > 0.01


def test_the_ratio_is_the_one_drawn(rng):
    speech = [[syllables(rng, seconds=12)[0]]]
    ratios = []
    for snr_db in (0.0, 12.0):
        mixer = Mixer(speech, snr_db=(snr_db, snr_db), first_db=None)
        pairs = [mixer.example(np.random.default_rng(seed)) for seed in range(30)]
        ratios.append(np.median([10 * np.log10(np.sum(c**2) / np.sum((n - c) ** 2)) for n, c in pairs]))
    assert ratios[1] - ratios[0] == pytest.approx(12, abs=3)


def test_every_made_up_noise_sounds():
    rng = np.random.default_rng(0)
    made = [synthetic_noise(rng, length=16_000, rate=16_000) for _ in range(30)]
    assert all(y.shape == (16_000,) and np.isfinite(y).all() and np.std(y) > 1e-4 for y in made)


def test_the_loss_prefers_the_better_estimate(rng):
    loss = EnhancementLoss()
    clean = torch.from_numpy(syllables(rng, seconds=1))
    hiss = torch.from_numpy(noise(rng, 1, 16_000))
    values = [float(loss(loss.spectrum(clean + a * hiss), loss.spectrum(clean), clean)["loss"]) for a in (0, 0.1, 1)]
    assert values[0] < values[1] < values[2]


def test_what_is_lost_of_the_words_counts_as_much_as_asked(rng):
    clean = torch.from_numpy(syllables(rng, seconds=1))
    noisy = clean + torch.from_numpy(noise(rng, 1, 16_000))
    plain, asked = EnhancementLoss(), EnhancementLoss(intelligibility=6)
    a, b = (loss(loss.spectrum(noisy), loss.spectrum(clean), clean) for loss in (plain, asked))
    assert float(b["loss"] - a["loss"]) == pytest.approx(6 * float(a["lost"]), rel=1e-3) and float(a["lost"]) > 0.01


def test_too_little_speech_is_refused(rng):
    with pytest.raises(InputError, match="at least 10 s"):
        Mixer([[syllables(rng, seconds=2)[0]]])


def test_training_improves_resumes_and_serves_the_command(cli, tmp_path, rng):
    for name, seconds in (("speech/a", 12), ("held/b", 4)):
        write(tmp_path / f"{name}.wav", syllables(rng, seconds=seconds), 16_000)
    write(tmp_path / "noise/n.wav", noise(rng, 4, 16_000), 16_000)
    options = ["speech", "--noise", "noise", "--judge", "held", "-o", "run", "--batch", "2", "--seconds", "1"]
    options += ["--validate-every", "50", "--average", "0.5", "--quiet", "--json"]
    first = json.loads(cli("train", "denoiser", *options, "--steps", "1").stdout)
    last = json.loads(cli("train", "denoiser", *options, "--steps", "10", "--resume").stdout)
    assert last["step"] == 10 and last["loss"] < first["loss"]
    card = json.loads((tmp_path / "run" / "model.json").read_text())
    assert card["kind"] == "denoise" and card["frontend"]["first_db"] == -12.0
    assert list((tmp_path / "run" / "samples").glob("*.wav"))
    y = syllables(rng, seconds=1)
    result = denoise(y, rate=16_000, model=str(tmp_path / "run"), content="speech")
    assert result.shape == y.shape and np.isfinite(result).all()


def test_a_network_trained_alone_runs_alone(cli, tmp_path, rng):
    write(tmp_path / "speech/a/a.wav", syllables(rng, seconds=12), 16_000)
    options = ["--from", "denoiser", "--alone", "--batch", "1", "--seconds", "1", "--steps", "1", "--quiet"]
    cli("train", "denoiser", "speech", "-o", "run", *options)
    card = json.loads((tmp_path / "run" / "model.json").read_text())
    assert card["frontend"] == {"rate": 16_000, "first_db": None, "spare_clean": True}


@pytest.mark.parametrize("easing", [None, Easing(first=0.7, mask=0.7, knee=0.05), Easing(first=0.3, hears_input=True)])
def test_what_is_trained_is_what_runs(tmp_path, mixer, rng, easing):
    """The gains that the loss judges are those of the command, from the card on."""
    recipe = DenoiserRecipe(mixer, easing=easing)
    recipe.export(tmp_path / "run", {"denoiser": recipe.network.state_dict()})
    assert json.loads((tmp_path / "run/model.json").read_text())["frontend"].get("easing") == (
        None if easing is None else asdict(easing)
    )
    y = syllables(rng, seconds=2, rate=16_000) + noise(rng, seconds=2, rate=16_000, amplitude=0.1)
    y = (y * 10 ** (-26 / 20) / np.sqrt(np.mean(y**2))).astype(np.float32)  # the level that networks work at
    heard, raw = (recipe.loss.spectrum(torch.from_numpy(part)) for part in (mixer.first(y), y))
    recipe.network.eval()
    with torch.no_grad():
        spectrum = recipe.enhance(heard, raw)
    expected = torch.istft(spectrum, 512, 256, window=recipe.loss.window, length=y.shape[1]).numpy()
    result = denoise(y, rate=16_000, model=str(tmp_path / "run"), content="speech")
    inside = slice(2_000, -2_000)  # beyond the ends, one mirrors and the other is silent
    assert np.abs(result - expected)[:, inside].max() < 1e-5 and np.abs(result - y).max() > 0.01
