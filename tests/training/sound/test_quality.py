"""The loss that follows PESQ: the same scores as the measure, and gradients that can be followed."""

import numpy as np
import pytest
import torch

from audiokit import denoise
from audiokit.errors import ParameterError
from audiokit.training.sound.denoiser import EnhancementLoss
from audiokit.training.sound.quality import BINS, SLOPES, THRESHOLDS_DB, QualityLoss
from tests.signals import noise, syllables


def test_bands_cover_the_spectrum_once():
    assert sum(BINS) == 256 and len(BINS) == len(SLOPES) == len(THRESHOLDS_DB) == 49
    loss = QualityLoss()
    assert ((loss.bands > 0).sum(0) == 1)[1:256].all() and float(loss.bands[:, 0].sum()) == 0
    assert list(SLOPES) == sorted(SLOPES)


def test_it_follows_pesq(rng):
    """Over mixtures, denoised ones among them, ranks are those of the real measure, and so are the numbers."""
    pesq = pytest.importorskip("pesq")
    stats = pytest.importorskip("scipy.stats")
    loss = QualityLoss()
    real, ours = [], []
    for colour in (1, 8):
        clean = syllables(rng, seconds=3, rate=16_000)
        hiss = noise(rng, 3, 16_000)[0]
        hiss = np.convolve(hiss, np.ones(colour) / colour, "same").astype(np.float32)[None]
        hiss *= np.sqrt(np.mean(clean**2) / np.mean(hiss**2))
        for share in (0.01, 0.03, 0.1, 0.3, 0.8):
            noisy = clean + np.float32(share) * hiss
            for y in (noisy, denoise(noisy, rate=16_000, engine="wiener", content="speech")):
                real.append(pesq.pesq(16_000, clean[0], y[0], "wb"))
                ours.append(float(loss.scores(torch.from_numpy(y), torch.from_numpy(clean))))
    assert max(real) - min(real) > 1.5
    assert stats.spearmanr(real, ours).statistic > 0.97
    assert np.abs(np.subtract(real, ours)).mean() < 0.15


def test_level_costs_nothing_and_the_best_is_best(rng):
    clean = torch.from_numpy(syllables(rng, seconds=2, rate=16_000))
    loss = QualityLoss()
    assert float(loss(clean, clean)) == pytest.approx(0, abs=1e-3)
    noisy = clean + 0.05 * torch.from_numpy(noise(rng, 2, 16_000))
    assert float(loss(0.1 * noisy, clean)) == pytest.approx(float(loss(noisy, clean)), abs=1e-3)
    assert float(loss(noisy, clean)) > 0.3


def test_following_its_gradient_helps(rng):
    clean = torch.from_numpy(syllables(rng, seconds=1, rate=16_000))
    y = (clean + 0.1 * torch.from_numpy(noise(rng, 1, 16_000))).requires_grad_()
    loss = QualityLoss()
    before = loss(y, clean)
    (gradient,) = torch.autograd.grad(before, y)
    after = loss(y.detach() - 0.002 * gradient / gradient.square().mean().sqrt(), clean)
    assert torch.isfinite(gradient).all() and float(after) < float(before.detach()) - 0.005


@pytest.mark.parametrize("wanted", ["silence", "speech"])
def test_gradients_are_finite_in_silence(rng, wanted):
    clean = torch.from_numpy(syllables(rng, seconds=1, rate=16_000)) * (wanted == "speech")
    estimate = torch.zeros_like(clean, requires_grad=True)
    QualityLoss()(estimate, clean).backward()
    assert torch.isfinite(estimate.grad).all()


def test_what_is_missing_counts_as_much_as_asked(rng):
    clean = torch.from_numpy(syllables(rng, seconds=1, rate=16_000))
    noisy = clean + 0.1 * torch.from_numpy(noise(rng, 1, 16_000))
    plain, asked = EnhancementLoss(), EnhancementLoss(perceptual=2)
    a, b = (loss(loss.spectrum(noisy), loss.spectrum(clean), clean) for loss in (plain, asked))
    assert "missing" not in a
    assert float(b["loss"] - a["loss"]) == pytest.approx(2 * float(b["missing"]), rel=1e-3)


def test_the_ratio_counts_as_much_as_asked(rng):
    clean = torch.from_numpy(syllables(rng, seconds=1, rate=16_000))
    noisy = clean + 0.1 * torch.from_numpy(noise(rng, 1, 16_000))
    plain, asked = EnhancementLoss(), EnhancementLoss(ratio=3)
    a, b = (loss(loss.spectrum(noisy), loss.spectrum(clean), clean) for loss in (plain, asked))
    assert float(a["loss"] - b["loss"]) == pytest.approx(2 * float(a["si_snr_db"]) / 10, rel=1e-3)


def test_other_rates_are_refused():
    with pytest.raises(ParameterError, match="16000 Hz"):
        EnhancementLoss(rate=8000, n_fft=256, hop=128, perceptual=1)
