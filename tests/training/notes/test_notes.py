"""Note training: sets are read and described, losses fall, runs resume, and what is trained plays."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from audiokit.dsp.notes.time_grid import FLOOR_DB, HELD_S
from audiokit.errors import InputError, ParameterError
from audiokit.models.notes.making import NoteSettings, draw_sounds, make_note
from audiokit.models.notes.notes import Wish, load
from audiokit.models.notes.scale import MIDDLE_DB, SPAN_DB
from audiokit.training.engine.options import RunOptions
from audiokit.training.notes.classifier import NoteClassifierRecipe, NoteClassifierSettings, classify, picture
from audiokit.training.notes.decoder import NoteDecoderRecipe, NoteDecoderSettings, dull, shorten
from audiokit.training.notes.notes import describe_notes, find_notes, hold_out, load_sounds, qualities_of
from audiokit.training.notes.pictures import pictures
from audiokit.training.notes.run import train_notes
from tests.note_sets import RATE, synthetic_note, write_set


@pytest.fixture(scope="module")
def note_folder(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("notes") / "set")


@pytest.fixture(scope="module")
def described(note_folder):
    return describe_notes(find_notes([str(note_folder)]))


def run_options(out, **changes):
    values = {"out": str(out), "steps": 4, "validate_every": 2, "device": "cpu", "quiet": True, "average": 0.9}
    return RunOptions(**{**values, **changes})


def test_a_set_is_described_and_labelled(described):
    assert described.levels.shape == (20, 101, 88)
    assert [one["name"] for one in described.instruments] == ["guitar_acoustic_000", "organ_electronic_000"]
    guitar, organ = described.instruments
    assert "percussive" in guitar["qualities"]
    assert "percussive" not in organ["qualities"]
    assert (guitar["low"], guitar["high"]) == (48, 68)
    held = described.levels[described.instrument == 1][:, 0, 40].astype(float) * SPAN_DB + MIDDLE_DB
    assert held.max() > -25


def test_descriptions_are_kept(note_folder, tmp_path):
    notes = find_notes([str(note_folder)])[:4]
    first = describe_notes(notes, tmp_path)
    (cache,) = tmp_path.glob("descriptions-*.npz")
    before = cache.stat().st_mtime_ns
    again = describe_notes(notes, tmp_path)
    assert (first.levels == again.levels).all()
    assert cache.stat().st_mtime_ns == before


def test_held_out_pairs_are_whole_and_never_extremes():
    owner = np.repeat([0, 1], 60)
    pitch = np.tile(np.repeat(np.arange(30, 50), 3), 2)
    out = hold_out(owner, pitch, seed=1)
    assert 0.1 < out.mean() < 0.2
    for i in (0, 1):
        for p in np.unique(pitch):
            assert len(set(out[(owner == i) & (pitch == p)])) == 1
    assert not out[(pitch == 30) | (pitch == 49)].any()


def test_unknown_families_are_refused(tmp_path):
    from audiokit.io.audio import write

    write(tmp_path / "thing_060.wav", synthetic_note(60, 100, bright=True), RATE)
    with pytest.raises(InputError, match="family of instrument 'thing'"):
        find_notes([str(tmp_path)])


def test_the_decoder_learns_and_tells_its_instruments_apart(described):
    torch.set_num_threads(1)
    recipe = NoteDecoderRecipe(described, NoteDecoderSettings(4, 32, 2, 16, batch=8, rate=3e-3))
    first = recipe.validate(None, 0)
    for step in range(60):
        recipe.network.train()
        recipe.step(np.random.default_rng([0, step]), step)
    recipe.network.eval()
    last = recipe.validate(None, 60)
    assert last["held_out"] < 0.6 * first["held_out"]
    gap = (recipe.network.centres[0] - recipe.network.centres[1]).abs().max()
    assert gap > 2 * recipe.network.scatter.mean()


def test_shortened_and_dulled_notes_look_like_recordings(rng):
    levels = np.tile(np.linspace(1, -1.5, 88, dtype=np.float32), (101, 1))
    short = levels.copy()
    seen = shorten(short, 1.0)
    held = int(np.searchsorted(HELD_S, 1.0)) - 1
    assert seen <= 1.0
    assert (short[:, : held + 1] == levels[:, : held + 1]).all()
    assert short[0, held + 10] < short[0, held]
    dark = levels.copy()
    dull(dark, 60, 5000)
    assert np.allclose(dark[30], (FLOOR_DB - MIDDLE_DB) / SPAN_DB)
    assert (dark[5] == levels[5]).all()


@pytest.mark.parametrize("architecture", ["comb", "autoencoder", "gan", "cgan"])
def test_every_architecture_trains_and_plays(note_folder, tmp_path, architecture):
    sizes = {"latent": 4, "width": 16 if architecture == "comb" else 4, "batch": 2}
    values = train_notes([str(note_folder)], architecture=architecture, sizes=sizes, run=run_options(tmp_path / "run"))
    assert np.isfinite(list(values.values())).all()
    model = load(str(tmp_path / "run"))
    sound = draw_sounds(model, Wish("guitar"), 1, 0)[0]
    y, _ = make_note(model, sound, 60, 100, NoteSettings(1.0, rate=16000), key=0)
    assert y.shape == (16000,)
    assert np.isfinite(y).all()
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert any("validation" in line for line in lines)
    if architecture != "comb":
        assert list((tmp_path / "run" / "samples").glob("*.wav"))


def test_an_interrupted_run_goes_on(note_folder, tmp_path):
    sizes = {"latent": 4, "width": 16, "batch": 2}
    train_notes([str(note_folder)], architecture="comb", sizes=sizes, run=run_options(tmp_path, steps=2))
    before = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["modules"]["note_decoder"]
    with pytest.raises(InputError, match="holds a training run"):
        train_notes([str(note_folder)], architecture="comb", sizes=sizes, run=run_options(tmp_path))
    values = train_notes([str(note_folder)], architecture="comb", sizes=sizes, run=run_options(tmp_path, resume=True))
    assert values["step"] == 4
    after = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["modules"]["note_decoder"]
    change = (after["basis.weight"] - before["basis.weight"]).abs().max()
    assert 0 < change < 0.02  # two steps on, not begun anew


def test_unknown_architecture_lists_the_known(note_folder, tmp_path):
    with pytest.raises(ParameterError) as caught:
        train_notes([str(note_folder)], architecture="vae", sizes={}, run=run_options(tmp_path / "x"))
    assert "comb, autoencoder, gan, cgan" in caught.value.hint


def test_effects_are_labelled_with_their_amount(note_folder):
    sounds = load_sounds(find_notes([str(note_folder)])[:6])
    _, plain = sounds.batch(np.arange(6))
    _, processed = sounds.batch(np.arange(6), np.random.default_rng(0), processed=1.0)
    assert not plain[:, -10:].any()
    amounts = processed[:, -10:]
    assert ((amounts > 0).sum(1) == 1).all()
    assert set(np.flatnonzero(amounts.sum(0).numpy())) <= {2, 8}


def test_pictures_do_not_depend_on_level():
    y = synthetic_note(60, 100, bright=True)[None]
    a, b = pictures(y), pictures(0.1 * y)
    assert a.shape == (1, 16, 64, 32)
    assert (a - b).abs().max() < 1e-3


def test_the_classifier_learns_to_tell_two_families():
    torch.set_num_threads(1)
    pitches = range(40, 80, 2)
    notes = [(synthetic_note(p, 100, bright=b), 3 if b else 6) for p in pitches for b in (True, False)]
    x = np.stack([picture(y) for y, _ in notes])
    family = np.array([f for _, f in notes])
    held_out = np.zeros(len(x), bool)
    held_out[::5] = True
    recipe = NoteClassifierRecipe(x, family, held_out, NoteClassifierSettings(4, 16, 5e-3))
    for step in range(40):
        recipe.network.train()
        recipe.step(np.random.default_rng(step), step)
    assert (classify(recipe.network.eval(), x[held_out]) == family[held_out]).mean() > 0.9


def test_qualities_come_from_the_envelope():
    steady = np.full((2, 89, 88), -2.0)
    steady[:, 0, :72] = 0.5
    assert "percussive" not in qualities_of(steady)
    slow = steady.copy()
    slow[:, 0, :45] = np.linspace(-1.5, 0.4, 45)
    assert "nonlinear_env" in qualities_of(slow)
