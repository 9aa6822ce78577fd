"""Alike moments meet, also where the amount of a morph changes: nothing is left out, and curves turn where they say."""

import numpy as np
import pytest

from audiokit.dsp.effects.alignment import between, in_step
from audiokit.dsp.effects.curve import curve_values
from audiokit.dsp.effects.morph import morph
from audiokit.dsp.voice.world import analyse_voice
from audiokit.errors import ParameterError
from tests.dsp.effects.test_morph import note

RATE = 8000
SCALE = (220.0, 261.6, 329.6, 392.0, 440.0)
CURVES = {
    "turn": [(0, 0), (1, 1)],
    "back": [(0, 1), (1, 0)],
    "jump": [(0, 0), (0.5, 0), (0.51, 1), (1, 1)],
    "waves": [(0, 0), (0.2, 1), (0.4, 0), (0.6, 1), (0.8, 0), (1, 1)],
}


def melody(seconds, rate=RATE, heights=SCALE):
    """Notes (1, T) of so many seconds each."""
    t = np.arange(round(seconds * rate)) / rate
    fall = np.minimum(1, np.minimum(t, seconds - t) / 0.02) * np.exp(-t / seconds)
    notes = [fall * sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 9)) for hz in heights]
    return (0.2 * np.concatenate(notes)).astype(np.float32)[None]


def loudness(y, hop):
    whole = y.shape[1] // hop * hop
    return y[0, :whole].reshape(-1, hop).std(axis=1)


def played(side):
    return np.concatenate(list(side()), axis=1)


def test_a_curve_plays_both_sounds_to_their_ends():
    """One is three times as long as the other: a time that is drawn between their clocks would turn back."""
    slow, quick = melody(0.9, 22_050), melody(0.3, 22_050)
    y = morph(slow, quick, 22_050, amount=CURVES["turn"], align=True, engine="world")
    # Time goes by at 4.5 - 3 x seconds from start to end, where x rises with it: 3 / ln 3 in all.
    assert y.shape[1] / 22_050 == pytest.approx(3 / np.log(3), abs=0.25)
    pitch = analyse_voice(y[0], 22_050)
    for hz in SCALE:
        assert (np.abs(12 * np.log2(pitch.f0_hz[pitch.voiced] / hz)) < 0.3).sum() * 0.005 > 0.2


@pytest.mark.parametrize("curve", CURVES)
def test_time_goes_by_as_the_amount_says(rng, curve):
    """Whatever the path: each step lasts as long as the amount at its time in the result says."""
    steps = rng.integers(0, 2, (2, 3000)) * np.array([[0.01], [0.03]])
    first_s, second_s = (np.append(0.0, np.cumsum(step)) for step in steps)
    time_s = between(first_s, second_s, CURVES[curve])
    x = curve_values(CURVES[curve], 2, (time_s[1:] + time_s[:-1]) / 2 / time_s[-1])
    assert np.diff(time_s).min() >= 0
    off = np.abs(np.diff(time_s) - (1 - x) * steps[0] - x * steps[1])
    assert off.max() < 0.005 and off.sum() < 0.002 * time_s[-1]


def test_a_curve_turns_at_its_share_of_the_result():
    """Up to half of what is heard it is the first sound, however long the second is; then it is the second."""
    first_s = np.linspace(0, 30, 3001)
    time_s = between(first_s, first_s / 3, CURVES["jump"])
    half = time_s[-1] / 2
    assert np.interp(half, time_s, first_s) == pytest.approx(half, abs=0.02)
    ends = [np.interp(time_s[-1] - at, time_s, first_s / 3) for at in (0.4 * half, 0)]
    assert ends[1] - ends[0] == pytest.approx(0.4 * half, abs=0.02)


@pytest.mark.parametrize(
    "points",
    [[(0, 0.2), (1, 0.2)], [(0, 0.02), (1, 0.02)], [(0, 0.98), (1, 0.98)], *CURVES.values()],
    ids=str,
)
def test_a_rest_in_one_of_two_takes_may_be_missed(rng, points):
    """No moment of the other belongs to it; only silence is played faster than it can be."""
    take = melody(0.5, heights=rng.uniform(200, 800, 40))
    rest = np.zeros((1, 2 * RATE), np.float32)
    rested = np.concatenate([take[:, : 8 * RATE], rest, take[:, 8 * RATE :]], axis=1)
    first, second, length = in_step(take, rested, RATE, points)
    assert take.shape[1] - RATE // 10 < length < rested.shape[1] + RATE // 10
    assert played(first).shape == played(second).shape == (1, length)
    alike = np.corrcoef(loudness(played(first), 800), loudness(played(second), 800))[0, 1]
    assert alike > 0.4


def test_what_the_amount_forbids_is_told_of_the_amount():
    slow, quick = melody(0.9), melody(0.3)
    with pytest.raises(ParameterError, match=r"with this amount or curve: the second would be played 0\.33\d times"):
        in_step(slow, quick, RATE, [(0, 0.01), (1, 0.01)])
    assert in_step(slow, quick, RATE, [(0, 0.5), (1, 0.5)])[2] == 3 * RATE


def test_lengths_out_of_reach_are_told_with_their_ratio():
    """And what is just within reach is played: five seconds of silence beside twenty of music."""
    music, silence = melody(0.5, heights=SCALE * 8), np.zeros((1, 5 * RATE), np.float32)
    assert in_step(silence, music, RATE, [(0, 0.5), (1, 0.5)])[2] == 12.5 * RATE
    with pytest.raises(ParameterError, match=r"too different to be aligned: the first would be played 0\.333 times"):
        in_step(silence[:, : 4 * RATE], music, RATE, [(0, 0.5), (1, 0.5)])


def test_what_is_not_heard_itself_is_not_held():
    """Half a minute of silence comes in blocks, before and after a sound that is moved to its place by two seconds."""
    from audiokit.dsp.effects.passing import Passing
    from audiokit.dsp.effects.world_morph import _resting

    sound = np.arange(70 * RATE, dtype=np.float32)[None]
    rests = np.repeat([False, True, False], (6000, 1000, 6000))
    pieces = list(_resting(Passing([sound], 1), np.arange(13_000) + 400.0, RATE, rests, 65 * RATE))
    moved = np.concatenate(pieces, axis=1)
    assert moved.shape == (1, 65 * RATE) and max(piece.shape[1] for piece in pieces) <= 1 << 16
    np.testing.assert_array_equal(moved[:, 30 * RATE : 35 * RATE], sound[:, 32 * RATE : 37 * RATE])
    assert not moved[:, : 29 * RATE].any() and not moved[:, 36 * RATE :].any()


def test_a_long_song_is_aligned_with_a_faster_one(rng):
    """Coarse steps and rests in which any moment is like any other ask for speeds at which nothing can be played."""
    rate, faster, rests = 4000, 1.04, ((0, 5), (60, 66), (120, 124))
    at = np.cumsum(rng.uniform(0.2, 0.8, 340))
    at = at[[not any(first < second < last for first, last in rests) for second in at]]
    heights = rng.integers(36, 84, len(at))

    def played(speed: float) -> np.ndarray:
        y = np.zeros((1, round(180 / speed * rate)), np.float32)
        for second, height in zip(at[at < 179] / speed, heights, strict=False):
            struck = note(440 * 2 ** ((height - 69) / 12), 0.3)[:, : round(0.15 * rate)]
            first = round(second * rate)
            y[:, first : first + struck.shape[1]] += struck[:, : y.shape[1] - first]
        return y

    first, second, length = in_step(played(1.0), played(faster), rate, [(0.0, 0.5), (1.0, 0.5)])
    whole = length // 200 * 200
    loud = [np.concatenate(list(y()), axis=1)[0, :whole].reshape(-1, 200).std(axis=1) for y in (first, second)]
    assert np.corrcoef(*loud)[0, 1] > 0.8
