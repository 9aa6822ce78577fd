"""`train vocal-cyclegan`: gradients reach the generators, training refines, and the result sings."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from audiokit.dsp.voice.vocal_mel import HOP, RATE, SILENCE_DB, from_mel, level_gain, to_mel
from audiokit.errors import InputError, ParameterError
from audiokit.io.audio import read, write
from audiokit.stages.sing import stage
from audiokit.stages.sing.network import speak
from audiokit.training.sound import vocal_cyclegan
from audiokit.training.sound.settings import VocalRun, VocalSettings
from audiokit.training.sound.vocal_cyclegan import PRESETS, VocalCycleGanRecipe, Weights, train_vocal_cyclegan
from audiokit.training.sound.voices import Voices, load_voices
from tests.signals import noise, plucks, talk
from tests.sung import sing


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("voices")
    rng = np.random.default_rng(0)
    for k in range(3):
        write(root / f"speech/{k}.wav", talk(rng, pitch_hz=110 + 20 * k, syllables=10)[0], 22_050)
        sung = np.tile(talk(rng, pitch_hz=200 + 20 * k, syllables=8)[0], (1, 2))
        write(root / f"vocals/{k}.wav", sung, 22_050)
        write(root / f"band/{k}.flac", plucks(rng, sung.shape[1] / 22_050), 22_050)
    return root


@pytest.fixture(scope="module")
def voices(folders):
    cache = folders / "cache"
    return load_voices(folders / "speech", cache=cache, paired=False), load_voices(
        folders / "vocals", backing=folders / "band", cache=cache
    )


def _recipe(voices, monkeypatch=None, **options):
    vocal_cyclegan.SIZES["mini"] = {
        "vocal_channels": (16, 16, 16), "speech_channels": (16, 16, 16), "hidden": 16, "features": 252,
    }  # fmt: skip
    return VocalCycleGanRecipe(*voices, size="mini", batch=2, **options)


def test_mel_and_back_keeps_the_sound(rng):
    y, _ = talk(rng, rate=RATE)
    mel = to_mel(y[0])
    assert mel.shape == (128, 1 + y.shape[1] // HOP) and mel.min() >= SILENCE_DB
    again = to_mel(from_mel(mel, length=y.shape[1], iterations=8))
    heard = mel > mel.max() - 40
    assert np.abs(again - mel)[heard].mean() < 2.5
    kept = from_mel(mel, length=y.shape[1], source=y[0], iterations=0)
    assert np.corrcoef(kept, y[0])[0, 1] > 0.98


def test_level_is_brought_to_one_value(rng):
    y, _ = talk(rng)
    assert level_gain(10 * y[0]) * 10 == pytest.approx(level_gain(y[0]), rel=1e-5)
    assert level_gain(np.zeros(4096, np.float32)) == 1.0


def test_backings_find_their_vocals_and_copies_are_close(voices):
    (_, _), (train, judge) = voices
    assert len(train.mels) == len(judge.mels) == 3
    assert all(b.max() > -20 and b.shape == m.shape for m, b in zip(train.mels, train.backings, strict=True))
    difference = [np.abs(c - m)[m > -20].mean() for m, c in zip(train.mels, train.copies, strict=True)]
    assert 0.1 < max(difference) < 12


def test_adversarial_loss_reaches_the_singing_generator(voices):
    recipe = _recipe(voices, weights=Weights(0.0, 0.0, 0.0, 1.0), learning_rate=1e-2)
    before = [p.detach().clone() for p in recipe.gan.generator_vocal.parameters()]
    losses = recipe.step(np.random.default_rng(0), 0)
    after = list(recipe.gan.generator_vocal.parameters())
    assert float(losses["adversarial"]) > 0
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_judge_of_singing_hears_the_accompaniment(voices):
    recipe = _recipe(voices)
    recipe.judge_vocal.eval()
    vocal, backing, _ = recipe.vocals[0].draw(np.random.default_rng(1), 2)
    with torch.no_grad():
        with_band = recipe.judge_vocal(recipe._seen(vocal, backing))
        without = recipe.judge_vocal(recipe._seen(vocal, torch.full_like(backing, SILENCE_DB)))
    assert float((with_band - without).abs().max()) > 1e-4


def test_refining_learns_to_undo_a_known_fault(voices):
    """Copies that are 6 dB too quiet above row 40: after a few steps part of it is put back."""
    speech, (train, judge) = voices
    tilt = np.zeros((128, 1), np.float32)
    tilt[40:] = 6.0
    spoilt = [Voices(v.mels, v.backings, [np.maximum(m - tilt, SILENCE_DB) for m in v.mels]) for v in (train, judge)]
    recipe = _recipe((speech, tuple(spoilt)), weights=Weights(0.0, 0.0, 1.0, 0.0), learning_rate=5e-3)
    first = recipe.step(np.random.default_rng(0), 0)["paired"]
    for k in range(1, 25):
        last = recipe.step(np.random.default_rng(k), k)["paired"]
    assert float(last) < 0.7 * float(first)


def test_training_writes_a_model_that_sings_and_speaks(folders, tmp_path, monkeypatch, cli, rng):
    _recipe_sizes = {"vocal_channels": (16, 16, 16), "speech_channels": (16, 16, 16), "hidden": 16, "features": 252}
    monkeypatch.setitem(vocal_cyclegan.SIZES, "mini", _recipe_sizes)
    run = tmp_path / "run"
    values = train_vocal_cyclegan(
        folders / "speech", folders / "vocals", folders / "band", settings=VocalSettings(size="mini", batch=2),
        run=VocalRun(str(run), steps=2, validate_every=2, quiet=True, device="cpu", licence="CC0-1.0"),
    )  # fmt: skip
    assert values["step"] == 2 and np.isfinite(values["paired_db"])
    card = json.loads((run / "model.json").read_text())
    assert card["kind"] == "sing" and card["licence"] == "CC0-1.0"
    assert len(list((run / "samples").glob("*.wav"))) == 4
    speech, backing = talk(rng, rate=22_050)[0], plucks(rng, 6.0)
    refined = sing(speech, 22_050, backing, 22_050, engine="both", model=str(run))
    plain = sing(speech, 22_050, backing, 22_050)
    assert refined.plan is not None and refined.vocal.shape == plain.vocal.shape
    assert np.abs(np.corrcoef(refined.vocal[0], plain.vocal[0])[0, 1]) > 0.9  # two steps change next to nothing
    mapped = sing(speech, 22_050, backing, 22_050, engine="gan", model=str(run))
    assert mapped.plan is None and mapped.vocal.shape[1] == backing.shape[1] and np.isfinite(mapped.vocal).all()
    assert np.abs(mapped.vocal[0, speech.shape[1] + 4000 :]).max() < 1e-3
    write(tmp_path / "voice.wav", speech, 22_050)
    cli("sing", "voice.wav", "--reverse", "--model", "run", "-o", "said.wav")
    said, info = read(tmp_path / "said.wav")
    assert said.shape == speech.shape and info.rate == 22_050
    np.testing.assert_allclose(
        said, speak(speech, 22_050, stage.singing(stage.sing.bind({"reverse": True, "model": str(run)}))), atol=2e-4
    )


def test_study_of_the_published_weights_is_kept():
    assert (PRESETS["reference"].cycle, PRESETS["reference"].identity) == (1e-3, 1e-5)
    assert PRESETS["reference"].paired == 0 and PRESETS["reference"].unit_db == 1
    assert set(PRESETS) == {"default", "reference", "silence", "tones", "copy"}


def test_wrong_data_and_options_are_refused(folders, tmp_path, rng):
    write(tmp_path / "short/a.wav", noise(rng, 1.0), 22_050)
    with pytest.raises(InputError, match="under 5 s"):
        load_voices(tmp_path / "short", cache=tmp_path, paired=False)
    with pytest.raises(InputError, match="named like"):
        load_voices(folders / "vocals", backing=tmp_path / "short", cache=tmp_path, paired=False)
    with pytest.raises(ParameterError, match="preset"):
        train_vocal_cyclegan(
            folders / "speech",
            folders / "vocals",
            settings=VocalSettings(preset="x"),
            run=VocalRun(str(tmp_path / "r")),
        )
