"""A score is played block by block: the sum of its notes, of which few are held."""

from types import SimpleNamespace

import numpy as np
import pytest

from audiokit.dsp.effects.effects import fade_in
from audiokit.models.notes import playing
from audiokit.models.notes.making import GAIN, NoteSettings
from audiokit.models.notes.playing import play

RATE = 8000


class Model:
    """Notes of noise, which count how often they are made."""

    name, low, high, has_pitch = "noise", 20, 100, True

    def __init__(self):
        self.made = []

    def render_blocks(self, sound, pitch, velocity, *, held_s, release_s, decay_s, rate, rng):
        self.made.append((pitch, velocity, held_s))
        y = (0.01 * velocity * rng.standard_normal(round((held_s + release_s) * rate))).astype(np.float32)
        yield from np.array_split(y, 3)


def score(*notes):
    made = [SimpleNamespace(start_s=s, end_s=s + d, pitch=p, velocity=v, channel=c) for s, d, p, v, c in notes]
    return SimpleNamespace(notes=made, warnings=[])


def whole(model, notes, settings):
    """All notes added up one after the other."""
    notes = [note for note in notes if note.channel != 9]
    y = np.zeros(round((max(n.end_s for n in notes) + settings.release_s) * RATE) + 2, np.float32)
    for note in notes:
        held = round(max(0.03, note.end_s - note.start_s), 3)
        rng = np.random.default_rng([settings.seed, 2, note.pitch, note.velocity, round(1000 * held)])
        how = {"held_s": held, "release_s": settings.release_s, "decay_s": settings.release_s, "rate": RATE, "rng": rng}
        part = np.concatenate([*model.render_blocks(None, note.pitch, note.velocity, **how)])
        start = round(note.start_s * RATE)
        part = fade_in(part, RATE, min(settings.attack_s, held))[: len(y) - start]
        y[start : start + len(part)] += GAIN * part
    return y


@pytest.mark.parametrize("room", [1 << 24, 20_000])
def test_a_score_is_the_sum_of_its_notes(rng, monkeypatch, room):
    monkeypatch.setattr(playing, "_BLOCK", 5000)
    monkeypatch.setattr(playing, "_LONG", 30_000)
    monkeypatch.setattr(playing, "_KEPT", room)
    drums, drone = (1.0, 1.0, 40, 90, 9), (0.5, 30.0, 30, 60, 0)
    tune = [(k / 3, 0.2 + 0.1 * (k % 4), 60 + k % 5, 40 + 20 * (k % 3), 0) for k in range(120)]
    played = score(drone, drums, *tune)
    settings = NoteSettings(1.0, rate=RATE, seed=3, release_s=0.5, attack_s=0.01)
    model = Model()
    blocks, warnings = play(model, None, played, settings)
    assert not model.made and not warnings
    made = list(blocks)
    assert {len(y) for y in made[:-1]} == {5000}
    y = np.concatenate(made)
    wanted = whole(Model(), sorted(played.notes, key=lambda note: note.start_s), settings)
    np.testing.assert_array_equal(y, wanted)
    different = len({note[1:] for note in [drone, *tune]})
    assert len(model.made) == different if room > 20_000 else different < len(model.made) <= 121


def test_what_has_ended_is_let_go(monkeypatch):
    """Of many notes that follow each other, none is asked for before it sounds."""
    monkeypatch.setattr(playing, "_BLOCK", 8000)
    model = Model()
    settings = NoteSettings(1.0, rate=RATE, seed=3, release_s=0.5)
    blocks, _ = play(model, None, score(*[(float(k), 0.5, 40 + k % 50, 1 + k % 127, 0) for k in range(500)]), settings)
    for count in range(1, 20):
        next(blocks)
        assert len(model.made) == count
