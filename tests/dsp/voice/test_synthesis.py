"""A voice put together part by part is the voice put together at once, but for the noise of breath."""

import numpy as np
import pytest

from audiokit.dsp.voice import synthesis
from audiokit.dsp.voice.synthesis import synthesise_in_parts
from audiokit.dsp.voice.world import synthesise_voice


def voice(rate, seconds=45, breath=False):
    """Frames of a vibrato, which may stop for breath every seven seconds: pitch, envelopes, aperiodicity."""
    t = np.arange(round(seconds * 200)) / 200
    f0 = 180 * 2 ** (0.03 * np.sin(2 * np.pi * 5.3 * t) + 0.2 * np.sin(0.4 * t))
    f0[(t % 7 > 6.8) & breath] = 0.0
    n_fft = 1024 if rate < 24_000 else 2048
    hz = np.linspace(0, rate / 2, n_fft // 2 + 1)
    envelope = np.outer(0.5 + 0.4 * np.sin(t), 1e-3 / (1 + (hz / 700) ** 8)).astype(np.float32)
    envelope[f0 == 0] *= 1e-4
    return f0, envelope, np.full((len(t), max(1, int(min(15_000, rate / 2 - 3000) / 3000))), -60.0, np.float32)


def in_db(signal, noise):
    return 10 * np.log10((signal.astype(np.float64) ** 2).sum() / (noise.astype(np.float64) ** 2).sum())


@pytest.mark.parametrize("rate", [22_050, 44_100, 44_101])
def test_pulses_go_on_where_they_were(rate):
    frames = voice(rate)
    parts = list(synthesise_in_parts(lambda a, b: tuple(x[a:b] for x in frames), len(frames[0]), rate))
    made, whole = np.concatenate(parts), synthesise_voice(*frames, rate)
    assert [len(part) for part in parts[:-1]] == [10 * rate] * 3 and made.shape == whole.shape
    np.testing.assert_array_equal(made[: 10 * rate], whole[: 10 * rate])
    for k in range(1, 4):
        here = slice(k * 10 * rate, (k + 1) * 10 * rate)
        assert in_db(whole[here], made[here] - whole[here]) > 45


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_no_join_is_heard(rate, monkeypatch):
    """Where frames and samples meet, WORLD rounds the ends of a pitch as it happens, but no part jumps."""
    alike = []
    real = synthesis.crossfade

    def crossed(old, new, rise):
        alike.append(in_db(old, new - old))
        return real(old, new, rise)

    monkeypatch.setattr(synthesis, "crossfade", crossed)
    frames = voice(rate, breath=True)
    made = np.concatenate([*synthesise_in_parts(lambda a, b: tuple(x[a:b] for x in frames), len(frames[0]), rate)])
    assert len(made) == 45 * rate and len(alike) == 3 and min(alike) > 40


def test_a_short_voice_is_one_part():
    frames = [x[:3999] for x in voice(16_000, 20)]
    (made,) = synthesise_in_parts(lambda a, b: tuple(x[a:b] for x in frames), 3999, 16_000)
    np.testing.assert_array_equal(made, synthesise_voice(*frames, 16_000))
