"""The losses that listen: what is louder, what is masked, what no one would hear, and what is left of the words."""

import pytest
import torch

from audiokit.training.sound.hearing import IntelligibilityLoss, LoudnessLoss
from tests.signals import noise, syllables


@pytest.fixture
def spectra(rng):
    window = torch.hann_window(512).sqrt()

    def transform(y):
        return torch.stft(torch.from_numpy(y), 512, 256, 512, window, return_complex=True)

    clean = syllables(rng, seconds=2)
    return transform(clean), transform(noise(rng, 2, 16_000))


def test_more_noise_costs_more_and_level_costs_nothing(spectra):
    clean, hiss = spectra
    loss = LoudnessLoss()
    values = [float(loss(clean + share * hiss, clean)) for share in (0, 0.03, 0.3, 1)]
    assert values[0] < 1e-5 and values == sorted(values) and values[-1] > values[1] > 0
    assert float(loss(0.1 * clean, clean)) == pytest.approx(0, abs=1e-3)


def test_what_is_added_costs_more_than_what_is_missing(spectra):
    clean, _ = spectra
    loss = LoudnessLoss()
    high = torch.arange(257)[None, :, None] > 128
    added, missing = clean.clone(), torch.where(high, clean * 0.1, clean)
    added = torch.where(high, clean * 10, clean)
    assert float(loss(added, clean)) > float(loss(missing, clean)) > 0


def test_gradients_are_finite_in_silence(spectra):
    clean, _ = spectra
    estimate = torch.zeros_like(clean, requires_grad=True)
    LoudnessLoss()(estimate, clean).backward()
    assert torch.isfinite(torch.view_as_real(estimate.grad)).all()


def test_it_follows_pesq(spectra, rng):
    pesq = pytest.importorskip("pesq")
    clean = syllables(rng, seconds=3)
    hiss = noise(rng, 3, 16_000)
    window = torch.hann_window(512).sqrt()
    heard, lost = [], []
    for share in (0.01, 0.05, 0.2, 0.6):
        y = clean + share * hiss
        spectrum = [torch.stft(torch.from_numpy(x), 512, 256, 512, window, return_complex=True) for x in (y, clean)]
        lost.append(float(LoudnessLoss()(*spectrum)))
        heard.append(pesq.pesq(16_000, clean[0], y[0], "wb"))
    assert heard == sorted(heard, reverse=True) and lost == sorted(lost)


def test_the_loss_of_words_follows_stoi(spectra):
    pystoi = pytest.importorskip("pystoi")
    clean, hiss = spectra
    window = torch.hann_window(512).sqrt()
    audio = [torch.istft(x, 512, 256, 512, window)[0].numpy() for x in (clean, hiss)]
    shares = (0.03, 0.1, 0.3, 1, 3)
    lost = [float(IntelligibilityLoss()(clean + share * hiss, clean)) for share in shares]
    wanted = [1 - pystoi.stoi(audio[0], audio[0] + share * audio[1], 16_000) for share in shares]
    # Other frames than the measure's (16 ms apart for 12.8 ms, and 16 kHz for 10 kHz), the same formula.
    assert lost == pytest.approx(wanted, abs=0.04)
    assert lost == sorted(lost) and lost[-1] > 10 * lost[0]


def test_words_are_as_clear_at_any_level_and_through_any_equaliser(spectra):
    clean, hiss = spectra
    loss = IntelligibilityLoss()
    noisy = clean + 0.3 * hiss
    assert float(loss(0.1 * noisy, clean)) == pytest.approx(float(loss(noisy, clean)), rel=1e-3)
    bright = torch.linspace(0.5, 2, 257)[None, :, None]
    assert float(loss(bright * clean, clean)) < 0.002


def test_silence_has_no_words_and_finite_gradients(spectra):
    clean, _ = spectra
    estimate = torch.zeros_like(clean, requires_grad=True)
    IntelligibilityLoss()(estimate, clean).backward()
    assert torch.isfinite(torch.view_as_real(estimate.grad)).all()
    assert float(IntelligibilityLoss()(clean, torch.zeros_like(clean))) == 0
