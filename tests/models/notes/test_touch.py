"""What a velocity does to the levels of a note, and to the notes of the shipped model."""

from __future__ import annotations

import runpy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from audiokit import write
from audiokit.dsp.notes.bands import N_BANDS
from audiokit.dsp.notes.notes import N_GROUPS, N_HALVES
from audiokit.models.notes import touch
from audiokit.models.notes.decoder import CHANNELS, FRAMES
from audiokit.models.notes.making import NoteSettings, make_note
from audiokit.models.notes.notes import Wish, between, load

SETTINGS = NoteSettings(seconds=1.0, rate=16000)


def octaves(y):
    power = np.abs(np.fft.rfft(y[:8000])) ** 2
    return np.log2(power @ np.arange(len(power)) / power.sum())


def move(model, sound, key):
    soft, loud = (octaves(make_note(model, sound, key, v, SETTINGS, key=0)[0]) for v in (30, 120))
    return loud - soft


@pytest.fixture
def row(rng):
    return np.concatenate([3 * np.arange(6.0), rng.normal(0, 2, touch.N_TOUCH - 7), [0.5]])


def test_nothing_is_said_at_the_neutral_velocity(rng, row):
    levels = rng.normal(0, 0.3, (CHANNELS, FRAMES)).astype(np.float32)
    assert touch.with_touch(levels, row, 60, touch.NEUTRAL) is levels
    near = touch.with_touch(levels, row, 60, touch.NEUTRAL - 0.01)
    assert np.abs(near - levels).max() < 1e-2


def test_colour_changes_and_loudness_stays(row):
    levels = np.full((CHANNELS, FRAMES), -1.0, np.float32)
    before = levels.copy()
    loud = touch.with_touch(levels, row, 84, 127)
    assert np.array_equal(levels, before)
    assert loud[8, 30] > loud[0, 30]
    assert np.abs(touch._power_db(loud, 84) - touch._power_db(levels, 84)).max() < 1e-3
    assert loud.shape == (N_GROUPS + N_BANDS + N_HALVES, FRAMES)


def test_a_harder_start_is_shorter():
    levels = np.tile(np.linspace(-3, 1, FRAMES, dtype=np.float32), (CHANNELS, 1))
    row = np.concatenate([np.zeros(touch.N_TOUCH - 1), [1.0]])
    soft, loud = (touch.with_touch(levels, row, 60, v) for v in (40, 127))
    assert (soft[0, 2:30] < levels[0, 2:30]).all() and (levels[0, 2:30] < loud[0, 2:30]).all()
    assert np.diff(soft[0, : len(touch.HELD_S)]).min() >= 0


@pytest.mark.parametrize("family", ["keyboard", "mallet", "guitar", "brass", "reed", "string"])
def test_shipped_sounds_brighten_with_the_velocity(family):
    model = load("notes")
    sounds = [model.draw(Wish(family), np.random.default_rng([3, n])) for n in range(4)]
    assert np.median([move(model, sound, 57) for sound in sounds]) > 0.15


@pytest.mark.parametrize("family", ["keyboard", "mallet", "guitar", "brass", "reed", "string", "bass"])
def test_harder_notes_are_ranked_brighter(family):
    model = load("notes")
    ranks = []
    for n in range(4):
        sound = model.draw(Wish(family), np.random.default_rng([5, n]))
        heard = [octaves(make_note(model, sound, 57, v, SETTINGS, key=0)[0]) for v in (20, 45, 70, 95, 120)]
        ranks.append(np.corrcoef(np.argsort(np.argsort(heard)), np.arange(5))[0, 1])
    assert np.median(ranks) >= 0.8


def test_only_the_loudness_is_the_decoders(rng):
    levels, other = (rng.normal(0, 0.3, (CHANNELS, FRAMES)).astype(np.float32) for _ in range(2))
    made = touch.with_loudness(levels, other, 60)
    held = len(touch.HELD_S)
    assert np.abs(touch._power_db(made[:, :held], 60) - touch._power_db(other[:, :held], 60)).max() < 1e-3
    shift = made - levels
    assert np.abs(shift - shift[:1]).max() < 1e-5


def test_organs_stay_as_they_are():
    model = load("notes")
    sounds = [model.draw(Wish("organ"), np.random.default_rng([3, n])) for n in range(3)]
    assert np.median([abs(move(model, sound, 57)) for sound in sounds]) < 0.1


def test_between_two_sounds_and_along_velocities_nothing_jumps():
    model = load("notes")
    a, b = (model.draw(Wish(instrument=name, variety=0.0), np.random.default_rng(0)) for name in ("cello", "marimba"))
    path = [model._describe(between(a, b, share).latent, 60, 30)[0] for share in np.linspace(0, 1, 201)]
    steps = np.array([np.abs(y - x)[:20, :40].max() for x, y in pairwise(path)])
    assert steps.max() < 0.15  # 4.5 dB in the two-hundredth part of the way from a cello to a marimba
    levels = [model._describe(a.latent, 60, v)[0] for v in range(1, 128)]
    assert max(np.abs(y - x)[:20, :40].max() for x, y in pairwise(levels)) < 0.1


@pytest.mark.parametrize("family", ["keyboard", "mallet", "bass"])
def test_notes_start_silently_and_at_once(family):
    model = load("notes")
    for seed in range(4):
        sound = model.draw(Wish(family), np.random.default_rng([4, seed]))
        y = make_note(model, sound, 60, 120, SETTINGS, key=0)[0]
        assert y[0] == 0
        assert np.abs(y[:320]).max() > 0.1 * np.abs(y).max()


def test_the_recipe_reads_layers_and_measures_how_far_the_centroid_moves(tmp_path):
    recipe = runpy.run_path(str(Path(__file__).parents[3] / "examples" / "notes-from-soundfont" / "velocity.py"))
    t = np.arange(16000) / 16000
    for layer, second in (("pp", 0.0), ("ff", 1.0)):  # from one partial to two alike: from f to 1.5 f
        y = np.exp(-2 * t) * (np.sin(2 * np.pi * 220 * t) + second * np.sin(2 * np.pi * 440 * t))
        path = tmp_path / "piano" / f"piano_057_A3_A3-{layer}.wav"
        write(path, 0.3 * y.astype(np.float32)[None], 16000)
    notes = recipe["layered"]([str(tmp_path)], "")
    assert sorted(n["velocity"] for n in notes) == [24, 112]
    own, near = recipe["sums_of"](recipe["by_key"](notes))
    assert abs(own["keyboard"].octaves() - np.log2(1.5) * 90 / 88) < 0.02
    row = recipe["solve"](own["keyboard"], near["keyboard"])
    assert row.shape == (touch.N_TOUCH,)
    assert row[1] > row[0] + 3  # dB by which the second partial gains on the first
    assert recipe["layered"]([str(tmp_path)], "piano") == []


def test_layers_of_an_sfz_instrument_become_named_notes(tmp_path):
    recipes = Path(__file__).parents[3] / "examples" / "notes-from-soundfont"
    layers, velocity = (runpy.run_path(str(recipes / name)) for name in ("layers.py", "velocity.py"))
    t = np.arange(8000) / 16000
    for name in ("soft", "hard", "hard2", "noise"):
        write(tmp_path / "samples" / f"{name}.wav", 0.5 * np.sin(2 * np.pi * 220 * t).astype(np.float32)[None], 16000)
    (tmp_path / "more.sfz").write_text("<region> lovel=65 sample=hard.wav\n<region> lovel=65 sample=hard2.wav\n")
    (tmp_path / "it.sfz").write_text(
        "#define $TOP 64\n<control>\ndefault_path=samples/\n<global> key=a3 // all\n"
        "<group> hivel=$TOP\n<region> sample=soft.wav\n"
        '<group>\n#include "more.sfz"\n<region> sample=noise.wav\n<region> trigger=release sample=noise.wav lovel=3\n'
    )
    takes = layers["layers"](tmp_path / "it.sfz", "")
    assert {where: [p.stem for p in paths] for where, paths in takes.items()} == {
        (57, 32): ["soft"], (57, 96): ["hard", "hard2"],
    }  # fmt: skip
    sys_argv = ["layers.py", str(tmp_path / "it.sfz"), str(tmp_path / "out"), "my_piano"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", sys_argv)
        layers["main"]()
    notes = velocity["layered"]([str(tmp_path / "out")], "")
    assert sorted((n["family"], n["key"], n["velocity"]) for n in notes) == [
        ("keyboard", 57, 32), ("keyboard", 57, 96), ("keyboard", 57, 96),
    ]  # fmt: skip


def test_what_is_said_of_an_instrument_leans_on_its_kind_then_its_family_then_all():
    recipe = runpy.run_path(str(Path(__file__).parents[3] / "examples" / "notes-from-soundfont" / "velocity.py"))
    own = {family: recipe["Sums"]() for family in ("keyboard", "string")}
    own["keyboard"].slopes.update({"kb_piano": [0.4], "a_epiano": [1.0]})
    own["string"].slopes.update({"an_arco": [0.1]})
    family = np.mean([0.4, 1.0, 0.5])  # and the mean of all three
    assert abs(recipe["leaned"]("grand_piano", "keyboard", own, own) - np.mean([0.4, family])) < 1e-9
    assert abs(recipe["leaned"]("clavinet", "keyboard", own, own) - family) < 1e-9
