"""What notebooks show: a player and a picture of a sound, of each part, and what a chunk set is."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile as sf

import audiokit
from audiokit.engine.parts import Parts
from audiokit.engine.shown import SECONDS
from audiokit.engine.sound import Sound
from tests import signals


def heard(html):
    """The audio of every player."""
    found = re.findall(r'<audio[^>]*src="data:audio/\w+;base64,([^"]*)"', html)
    return [sf.read(io.BytesIO(base64.b64decode(data))) for data in found]


def test_a_sound_is_heard_as_it_is(rng):
    y = signals.plucks(rng, 1.0, 22_050, channels=2)
    [(played, rate)] = heard(Sound.of(y, 22_050)._repr_html_())
    assert rate == 22_050 and np.abs(played.T - y).max() < 1e-4


def test_only_the_beginning_of_a_long_one_is_made():
    pulled = []

    def blocks():
        for _ in range(100):
            pulled.append(1)
            yield np.zeros((1, 8000 * 10), np.float32)

    html = Sound.of(np.zeros((1, 8), np.float32), 8000).derive(blocks, length=None)._repr_html_()
    [(played, rate)] = heard(html)
    assert len(played) / rate == SECONDS and "the beginning" in html and len(pulled) == SECONDS // 10 + 1


@pytest.mark.parametrize("name", ["<b>.wav", "a & b"])
def test_parts_have_a_player_each_and_names_are_text(name):
    mix = Sound.of(np.ones((1, 800), np.float32) / 2, 8000)
    parts = Parts.together(mix, [name, "rest"], lambda: ({name: b, "rest": 0 * b} for b in mix.blocks()))
    html = parts._repr_html_()
    assert len(heard(html)) == 2 and f"<b>{name}</b>" not in html


def test_chunks_say_what_they_are(tmp_path, rng):
    audiokit.write(tmp_path / "a.wav", signals.plucks(rng, 1.0, 22_050), 22_050)
    html = audiokit.spectro(tmp_path / "a.wav", kind="mel")._repr_html_()
    assert "<td>mel</td>" in html and "22050 Hz" in html and "spectro" in html
