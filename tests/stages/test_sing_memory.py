"""`audiokit sing` of what does not fit in memory: parts taken from temporary files make the same, in as little room."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.dsp.loudness.loudness import measure
from audiokit.dsp.spectrum.samples import Samples
from audiokit.engine import spool
from audiokit.stages.sing import network, stage
from audiokit.stages.sing.levels import Sung
from audiokit.stages.sing.melody import looped
from tests.signals import plucks, syllables
from tests.sung import sing

RATE = 16_000


@pytest.mark.parametrize(
    "options",
    [{"fit": "loop"}, {"harmony": ("third",), "balance": "9"}, {"balance": "reference", "range_": "C5-C6"}],
)
def test_sounds_in_files_are_sung_to_the_same_samples(options, rng, monkeypatch):
    speech, backing = syllables(rng, 12.0, RATE), 0.3 * plucks(rng, 10.0, 22_050, 2)
    held = sing(speech, RATE, backing, 22_050, quality="fast", **options)
    monkeypatch.setattr(spool, "_IN_MEMORY", 0)
    streamed = sing(_filed(speech), RATE, _filed(backing), 22_050, quality="fast", **options)
    assert isinstance(held.backing, np.ndarray) and isinstance(streamed.backing, spool.Spool)
    np.testing.assert_allclose(streamed.vocal[:, :], held.vocal, atol=1e-6)
    np.testing.assert_allclose(streamed.mix(), held.mix(), atol=1e-6)
    assert streamed.plan.notes == held.plan.notes and streamed.warnings == held.warnings


def _filed(y: np.ndarray) -> spool.Spool:
    return spool.Spool.of(np.array_split(y, 9, axis=1), channels=len(y))


def test_no_more_than_three_quarters_of_a_minute_is_read_at_once(rng, monkeypatch):
    monkeypatch.setattr(spool, "_IN_MEMORY", 0)
    speech, backing = syllables(rng, 60.0, RATE), np.tile(0.3 * plucks(rng, 10.0, RATE, 2), (1, 5))
    read: list[int] = []
    real = spool.Spool._read
    monkeypatch.setattr(spool.Spool, "_read", lambda self, a, b: read.append(b - a) or real(self, a, b))
    made = sing(_filed(speech), RATE, _filed(backing), RATE, quality="fast", fit="loop", harmony=("octave",))
    assert made.backing.shape[1] > 60 * RATE and all(block.shape[0] == 2 for block in made.mixed())
    assert isinstance(made.vocal, spool.Spool) and isinstance(made.backing, spool.Spool)
    assert max(read) < 45 * RATE


@pytest.mark.parametrize("how", ["gan", "loop", "both", "reverse"])
def test_the_network_hears_sounds_in_files_part_by_part(how, rng, monkeypatch):
    voice, backing = syllables(rng, 3.0 if how == "loop" else 6.5, 44_100), 0.3 * plucks(rng, 7.0, 44_100, 2)
    values = {"quality": "fast", "reverse": how == "reverse", "fit": "loop" if how == "loop" else "phrase"}
    settings = stage.singing(stage.sing.bind({"over": None if how == "reverse" else "-", **values}))

    def made(y: Samples, z: Samples) -> Samples:
        if how == "reverse":
            return network.speak(y, 44_100, settings)
        if how == "both":
            return network.refine(Sung(y, 44_100, z, None), settings).vocal
        return network.sing_with_network(y, 44_100, z, 44_100, settings).vocal

    held = made(voice, backing)
    read: list[int] = []
    real = spool.Spool._read
    monkeypatch.setattr(spool, "_IN_MEMORY", 0)
    monkeypatch.setattr(network, "_HELD", 0)
    monkeypatch.setattr(spool.Spool, "_read", lambda self, a, b: read.append(b - a) or real(self, a, b))
    streamed = made(_filed(voice), _filed(backing))
    assert isinstance(held, np.ndarray) and isinstance(streamed, spool.Spool)
    assert len(read) > 4 and max(read) <= 1 << 18 < held.shape[1]
    np.testing.assert_allclose(streamed[:, :], held, atol=1e-5)


def test_a_backing_goes_round_as_if_it_were_laid_end_to_end(rng):
    y = rng.standard_normal((2, 600_000)).astype(np.float32)
    a, b, fade, length = 1000, 590_000, 300, 1_500_000
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    turn = y[:, a:b].copy()
    turn[:, -fade:] = turn[:, -fade:] * (1 - ramp) + y[:, a - fade : a] * ramp
    first = np.concatenate([y[:, :a], turn], axis=1)
    wanted = np.concatenate([first, turn, y[:, a:b]], axis=1)[:, :length]
    np.testing.assert_array_equal(np.concatenate(list(looped(y, a, b, fade, length)), axis=1), wanted)


def test_loudness_counts_only_where_there_is_sound(rng):
    from audiokit.stages.sing.levels import _active, _loudness

    y = 0.2 * plucks(rng, 4.0, RATE, 1)
    gaps = np.concatenate([y, np.zeros((1, 10 * RATE), np.float32), y], axis=1)
    loud = _loudness(gaps, _active(gaps, RATE), RATE)
    assert loud == pytest.approx(measure(np.concatenate([y, y], axis=1), RATE).integrated_lufs, abs=0.3)
    silent = Sung(np.zeros((1, RATE), np.float32), RATE, y[:, :RATE], None)
    assert _loudness(silent.vocal, _active(silent.vocal, RATE), RATE) is None
