"""Channels are averaged to the same samples, whether they come as fractions or as whole numbers."""

import numpy as np
import pytest

from audiokit.engine.sound import Sound, write
from audiokit.io import means


@pytest.mark.parametrize("rate", [None, 22_050])
def test_files_of_whole_numbers(tmp_path, rng, monkeypatch, rate):
    y = rng.uniform(-1, 1, (2, 300_001)).astype(np.float32)
    y[:, :3] = [[-1, 1, -1], [-1, -1, 32_767 / 32_768]]
    write(tmp_path / "a.wav", y, 44_100, subtype="PCM_16")
    write(tmp_path / "b.wav", Sound.open(tmp_path / "a.wav").samples, 44_100, subtype="FLOAT")
    wanted = Sound.open(tmp_path / "b.wav").at(rate, mono=True).samples
    assert wanted.shape[0] == 1
    used = []
    real = means.averaged_numbers
    monkeypatch.setattr(means, "averaged_numbers", lambda block: used.append(block.shape[1]) or real(block))
    np.testing.assert_array_equal(Sound.open(tmp_path / "a.wav").at(rate, mono=True).samples, wanted)
    assert sum(used) == 300_001 and max(used) <= 65_536


@pytest.mark.parametrize("channels", [1, 3])
def test_other_files(tmp_path, rng, channels):
    y = rng.uniform(-1, 1, (channels, 1000)).astype(np.float32)
    write(tmp_path / "a.wav", y, 44_100, subtype="PCM_16")
    sound = Sound.open(tmp_path / "a.wav")
    np.testing.assert_array_equal(sound.at(mono=True).samples[0], sound.samples.mean(axis=0, dtype=np.float32))
