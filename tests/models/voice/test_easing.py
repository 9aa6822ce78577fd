"""How gently a denoiser's gains are applied, and that recordings with little noise are treated more gently."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.models.voice import auto_denoiser
from audiokit.models.voice.auto_denoiser import AutoDenoiser, Denoising
from audiokit.models.voice.easing import Easing

RATE = 16_000


def test_the_power_goes_smoothly_from_loud_noise_to_little() -> None:
    powers = [Easing(mask=0.9, knee=0.4, clean=0.3).at(ratio_db).mask for ratio_db in range(50)]
    assert powers[0] == 0.9 and powers[-1] == 0.3
    steps = np.diff(powers)
    assert (steps <= 0).all() and steps.min() > -0.1


def test_without_a_power_for_little_noise_nothing_changes() -> None:
    easing = Easing(mask=0.9, knee=0.4)
    assert easing.at(40.0) == easing


def test_middling_masks_open_and_deep_ones_stay_deep() -> None:
    loud, quiet = (Easing(mask=0.8, knee=0.4, clean=0.3).at(ratio_db) for ratio_db in (0.0, 40.0))
    mask, one = np.array([0.7, 0.02]), np.ones(2)
    assert quiet.gain(mask, one)[0] > loud.gain(mask, one)[0] > mask[0]
    assert max(quiet.gain(mask, one)[1], loud.gain(mask, one)[1]) <= mask[1]


@pytest.mark.parametrize(("noise_db", "gentle"), [(-10, False), (-45, True)])
def test_the_recording_decides(noise_db: float, gentle: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    used = []

    def ratio_of(y: np.ndarray, *, rate: int) -> float:
        used.append(measure(y, rate=rate))
        return used[-1]

    measure = auto_denoiser.noise_ratio_db
    monkeypatch.setattr(auto_denoiser, "noise_ratio_db", ratio_of)
    rng = np.random.default_rng(3)
    t = np.arange(4 * RATE) / RATE
    syllables = np.maximum(0, np.sin(2 * np.pi * 2 * t)) * np.sin(2 * np.pi * 220 * t) * 0.3
    y = (syllables + 0.2 * 10 ** (noise_db / 20) * rng.standard_normal(t.size)).astype(np.float32)[None]
    denoiser = AutoDenoiser(Denoising(engine="neural", content="speech"), channels=1, rate=RATE)
    done = np.concatenate([denoiser.push(y), denoiser.finish()], axis=1)
    assert done.shape == y.shape
    easing = denoiser._stream._easing  # type: ignore[union-attr]
    assert (easing.mask < 0.5) == gentle and len(used) == 1
