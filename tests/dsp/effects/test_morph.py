"""Morphs travel: one tone between two, one level, sharp attacks; and they start and end where they should."""

import numpy as np
import pytest

from audiokit.dsp.effects import choice
from audiokit.dsp.effects.morph import choose_engine, morph, morph_passing
from audiokit.dsp.effects.passing import Passing
from audiokit.dsp.effects.transport import cut_lobes, transport
from audiokit.dsp.effects.warping import warping_path
from audiokit.dsp.voice.world import analyse_voice
from audiokit.errors import InputError, ParameterError
from tests.signals import noise, sine, talk

RATE = 22_050


def note(hz, seconds=1.0, rolloff=1.0):
    """A harmonic note with an attack: (1, T)."""
    t = np.arange(round(seconds * RATE)) / RATE
    sound = sum(np.sin(2 * np.pi * hz * k * t) / k**rolloff for k in range(1, int(8000 / hz)))
    return (0.15 * np.minimum(1, t / 0.02) * np.exp(-t) * sound).astype(np.float32)[None]


def burst(rng, at, seconds=1.0):
    y = np.zeros((1, round(seconds * RATE)), np.float32)
    start = round(at * RATE)
    t = np.arange(y.shape[1] - start) / RATE
    y[0, start:] = 0.3 * rng.standard_normal(len(t)) * np.exp(-t / 0.05)
    return y


def level_db(y):
    return 10 * np.log10(float((y.astype(np.float64) ** 2).mean()))


def strongest(y):
    """(frequency, share of the energy elsewhere in dB) of a steady tone."""
    inner = y[0, RATE // 4 : -RATE // 4]
    power = np.abs(np.fft.rfft(inner * np.blackman(len(inner)), 8 * RATE)) ** 2
    top = int(power.argmax())
    near = slice(max(0, top - 100), top + 101)
    return top / 8, 10 * np.log10((power.sum() - power[near].sum()) / power.sum())


@pytest.mark.parametrize("amount", [0.25, 0.5, 0.75])
def test_a_tone_on_its_way_to_another_is_one_tone(amount):
    y = morph(sine(220, 2, RATE), sine(330, 2, RATE), RATE, amount=amount)
    hz, elsewhere = strongest(y)
    assert 1200 * np.log2(hz / (220 ** (1 - amount) * 330**amount)) == pytest.approx(0, abs=10)
    assert elsewhere < -30
    inner = slice(RATE // 4, -RATE // 4)
    assert level_db(y[:, inner]) == pytest.approx(level_db(sine(220, 2, RATE)[:, inner]), abs=1)


def test_a_cross_fade_is_two_tones():
    """The test above would notice: a fade has as much energy elsewhere."""
    assert strongest(morph(sine(220, 2, RATE), sine(330, 2, RATE), RATE, engine="fade"))[1] > -6


@pytest.mark.parametrize("engine", ["auto", "world", "transport", "fade"])
def test_ends_are_the_sounds_themselves(engine):
    a, b = note(220), note(330, 1.2)
    np.testing.assert_array_equal(morph(a, b, RATE, amount=0, engine=engine), a)
    np.testing.assert_array_equal(morph(a, b, RATE, amount=1.0, engine=engine), b)


@pytest.mark.parametrize("amount", [0.3, 0.5])
def test_notes_meet_at_the_pitch_between(amount):
    a, b = note(220), note(330, rolloff=2)
    assert choose_engine(a, b, RATE) == "world"
    y = morph(a, b, RATE, amount=amount)
    found = analyse_voice(y[0], RATE).median_hz
    assert 1200 * np.log2(found / (220 ** (1 - amount) * 330**amount)) == pytest.approx(0, abs=10)
    assert level_db(y) == pytest.approx(level_db(a), abs=2)


def test_voices_of_the_same_words_align(rng):
    slow, quick = (talk(np.random.default_rng(1), rate=RATE, pitch_hz=hz)[0] for hz in (120, 180))
    quick = quick[:, : round(quick.shape[1] * 0.9)]
    y = morph(slow, quick, RATE, align=True)
    assert slow.shape[1] * 0.9 < y.shape[1] < slow.shape[1]
    assert 130 < analyse_voice(y[0], RATE).median_hz < 165


def test_a_curve_turns_one_sound_into_the_other(rng):
    a, b = sine(220, 2, RATE), sine(880, 2, RATE)
    y = morph(a, b, RATE, amount=[(0, 0), (0.2, 0), (0.8, 1), (1, 1)])
    np.testing.assert_allclose(y[:, : RATE // 4], a[:, : RATE // 4], atol=1e-3)
    for at, hz in ((0.2, 220), (1.0, 440), (1.8, 880)):
        piece = y[0, round(at * RATE) - 1024 : round(at * RATE) + 1024]
        power = np.abs(np.fft.rfft(piece * np.hanning(2048), 16 * 2048))
        assert power.argmax() * RATE / (16 * 2048) == pytest.approx(hz, rel=0.06)


def test_attacks_stay_sharp(rng):
    a, b = burst(rng, 0.4), burst(rng, 0.4)
    y = morph(a, b, RATE, engine="transport")
    start = round(0.4 * RATE)
    before = float((y[:, : start - 220] ** 2).sum())  # all but the last 10 ms before the attack
    assert before < 0.03 * float((y**2).sum())
    assert level_db(y) == pytest.approx(level_db(a), abs=1)


def steepness(y):
    """Highest rise of the 5 ms level within 2.5 ms, as a share of the level that the attack reaches in 50 ms."""
    power = np.convolve(y[0].astype(np.float64) ** 2, np.ones(RATE // 200))
    level = np.sqrt(np.maximum(power, 0))
    rise = level[RATE // 400 :] - level[: -(RATE // 400)]
    at = int(rise[: RATE // 2].argmax())
    return rise[at] / level[at : at + RATE // 20].max()


@pytest.mark.parametrize("engine", ["world", "transport"])
def test_notes_keep_their_attacks(engine):
    a, b = note(220), note(330, rolloff=2)
    y = morph(a, b, RATE, engine=engine)
    assert steepness(y) > 0.85 * np.sqrt(steepness(a) * steepness(b))


def levels_db(y, frame=RATE // 5):
    count = y.shape[1] // frame
    return 10 * np.log10((y[0, : count * frame].reshape(count, frame).astype(np.float64) ** 2).mean(1))


@pytest.mark.parametrize("engine", ["world", "transport"])
def test_a_turn_has_no_dip(engine):
    a, b = note(220, 2.0), 2 * note(330, 2.0, rolloff=2)
    y = morph(a, b, RATE, amount=[(0, 0), (1, 1)], engine=engine)
    x = (np.arange(10) + 0.5) / 10
    wanted = 20 * np.log10((1 - x) * 10 ** (levels_db(a) / 20) + x * 10 ** (levels_db(b) / 20))
    assert np.abs(levels_db(y) - wanted).max() < 1
    fade = morph(a, b, RATE, amount=[(0, 0), (1, 1)], engine="fade")
    assert (levels_db(fade) - wanted).min() < -2  # which is how the test would notice


@pytest.mark.parametrize(("engine", "align"), [("world", False), ("world", True), ("transport", False)])
def test_where_the_amount_rests_at_an_end_the_sound_itself_is_heard(engine, align):
    a, b = note(220, 2.0), note(330, 2.0, rolloff=2)
    y = morph(a, b, RATE, amount=[(0, 0), (0.3, 0), (0.7, 1), (1, 1)], engine=engine, align=align)
    assert y.shape == b.shape
    np.testing.assert_array_equal(y[:, : RATE // 2], a[:, : RATE // 2])
    np.testing.assert_array_equal(y[:, -RATE // 2 :], b[:, -RATE // 2 :])
    fade = slice(round(1.4 * RATE), round(1.44 * RATE))
    assert level_db(y[:, fade]) == pytest.approx(level_db(b[:, fade]), abs=2)


def test_a_note_below_every_voice_is_none(shared):
    """WORLD finds no pitch at 46 Hz, only numbers that jump about."""
    from audiokit.io.audio import read

    path = shared / "audio/notes/Discord-SFZ-GM-Bank/gm_acoustic_grand_piano"
    low, high = (
        read(path / f"gm_acoustic_grand_piano_{n}.flac", mono=True)[0][:, :32_000]
        for n in ("030_Fs1_F-1v16", "057_A3_A3v16")
    )
    assert choose_engine(low, low, 16_000) == "transport" and choose_engine(high, high, 16_000) == "world"


def test_chords_are_no_voice():
    """WORLD would take three notes for one; it does not give them back, and that is how they are recognised."""
    chord = sum(note(hz, 1.5) for hz in (110, 277.2, 415.3))
    assert choose_engine(chord, chord, RATE) == "transport"
    assert choose_engine(note(110, 1.5), note(277.2, 1.5), RATE) == "world"


def test_noise_stays_noise_at_its_level(rng):
    a, b = noise(rng, 1, RATE), noise(rng, 1, RATE)
    y = transport(a, b, RATE, np.full(RATE, 0.5))
    assert level_db(y[:, 2000:-2000]) == pytest.approx(level_db(a), abs=1)
    power = np.abs(np.fft.rfft(y[0, 2000:-2000])) ** 2
    flatness = np.exp(np.log(power).mean()) / power.mean()
    assert flatness > 0.35  # white noise has 0.56, tones have 0


def test_stereo_keeps_its_sides(rng):
    a, b = sine(220, 1, RATE, channels=2), sine(330, 1, RATE, channels=2)
    a[1] *= 0.1
    b[1] *= 0.1
    y = transport(a, b, RATE, np.full(RATE, 0.5))
    assert level_db(y[:1]) - level_db(y[1:]) == pytest.approx(20, abs=1)


def test_into_silence_it_fades():
    a = sine(220, 1, RATE)
    y = morph(a, np.zeros_like(a), RATE)
    np.testing.assert_allclose(y[:, 3000:-3000], 0.5 * a[:, 3000:-3000], atol=1e-3)


def test_lengths_without_alignment():
    a, b = note(220, 1.0), note(330, 1.4)
    for engine in ("world", "transport"):
        assert morph(a, b, RATE, engine=engine).shape == b.shape


def test_warping_path_finds_the_stretch():
    frames = np.repeat(np.eye(12), 20, axis=0)
    quick = np.repeat(np.eye(12), 10, axis=0)
    rows, columns = warping_path(frames, quick)
    assert rows[0] == columns[0] == 0 and rows[-1] == 239 and columns[-1] == 119
    assert np.abs(rows / 2 - columns).max() < 12


@pytest.mark.parametrize(
    "wrong",
    [{"amount": 1.5}, {"amount": [(0, 0), (0, 1)]}, {"amount": [(0, 2)]}, {"amount": []}, {"engine": "magic"}],
    ids=str,
)
def test_wrong_values(wrong):
    with pytest.raises(ParameterError):
        morph(sine(220, 0.1), sine(330, 0.1), RATE, **wrong)


def test_nothing_to_morph():
    with pytest.raises(InputError):
        morph(np.zeros((1, 0), np.float32), sine(330, 0.1), RATE)
    with pytest.raises(InputError, match="the first sound has no pitch"):
        morph(np.zeros((1, RATE), np.float32), note(220), RATE, engine="world")
    with pytest.raises(ParameterError, match="channels"):
        morph(sine(220, 0.1, channels=2), sine(330, 0.1), RATE)


def test_sounds_of_two_partials_morph():
    """Harvest finds no pitch in them; the engine that was chosen for their pitch must not fail for want of it."""
    a, b = sine(220, amplitude=0.2) + sine(440, amplitude=0.2), note(247)
    assert choose_engine(a, b, RATE) == "world"
    found, _ = strongest(morph(a, b, RATE, amount=0.5, engine="world"))
    between = (220 * 247) ** 0.5
    assert min(abs(12 * np.log2(found / (k * between))) for k in (1, 2)) < 0.5


@pytest.mark.parametrize("rate", [1, 8, 100])
def test_transport_takes_the_lowest_rates(rng, rate):
    y = (0.1 * rng.standard_normal((1, 500))).astype(np.float32)
    np.testing.assert_allclose(transport(y, y, rate, np.full(500, 0.5)), y, atol=0.05)


CURVES = {
    "half": [(0, 0.5), (1, 0.5)],
    "turn": [(0, 0), (1, 1)],
    "rests": [(0, 0.5), (0.2, 0), (0.5, 0), (0.6, 1), (0.9, 1), (1, 0.7)],
}


@pytest.mark.parametrize(("engine", "curve"), [("transport", "rests"), ("fade", "turn"), ("fade", "half")])
def test_what_passes_by_is_morphed_as_the_whole(rng, engine, curve):
    """Long enough for several blocks, one sound ending before the other; nothing is read long before it is needed."""
    rate, ends, read = 8000, (72_000, 70_001), [0, 0]
    sides = [(0.1 * rng.standard_normal((1, end))).astype(np.float32) for end in ends]

    def pieces(side):
        def blocks():
            for start in range(0, ends[side], 5001):
                read[side] = start
                yield sides[side][:, start : start + 5001]

        return blocks

    how = {"amount": CURVES[curve], "engine": engine, "channels": 1, "length": ends[0]}
    made = morph_passing(pieces(0), pieces(1), rate, **how)
    first = next(made)
    assert max(read) < first.shape[1] + 20_000 and first.shape[1] < ends[0]
    whole = morph(*sides, rate, amount=CURVES[curve], engine=engine)
    np.testing.assert_array_equal(np.concatenate([first, *made], axis=1), whole)


def test_a_step_on_the_way_up_is_no_lobe():
    """Equal neighbours are found in the spectra of sounds of a few samples."""
    lobes = cut_lobes(np.array([0.0, 1, 1, 2, 1, 0.5, 1, 0]), np.ones(8))
    assert lobes.peak.tolist() == [3, 6] and lobes.start.tolist() == [0, 5] and lobes.stop.tolist() == [5, 8]
    assert cut_lobes(np.array([0.0, 1, 1, 2, 1]), np.ones(5)).peak.tolist() == [3]


@pytest.mark.parametrize("rate", [8, 150, 22_150])
def test_alike_moments_meet_at_any_rate(rng, rate):
    """Frames are whole samples apart, and times are counted in what that is in seconds."""
    y = (0.1 * rng.standard_normal((1, 2 * rate))).astype(np.float32)
    np.testing.assert_allclose(morph(y, y, rate, align=True, engine="fade"), y, atol=1e-6)


def test_half_the_rate_decides_where_it_is_sure(monkeypatch):
    from audiokit.dsp.effects import choice

    heard: list[int] = []
    real = choice._harmonicity
    monkeypatch.setattr(choice, "_harmonicity", lambda y, rate, t: heard.append(rate) or real(y, rate, t))
    a = note(220, 1.0)
    assert choose_engine(a, a, 44_100) == "world" and heard == [22_050, 22_050]
    monkeypatch.setattr(
        choice, "_harmonicity", lambda y, rate, t: heard.append(rate) or {22_050: 0.78, 44_100: 0.83}[rate]
    )
    heard.clear()
    assert choose_engine(a, a, 44_100) == "world" and heard == [22_050, 44_100] * 2


@pytest.mark.parametrize(
    ("harmonic", "judged", "engine"),
    [((1, 1, 0), (0, 80), "world"), ((0, 0, 1), (0, 80), "transport"), ((1, 0, 1), (0, 80, 160), "world"),
     ((0, 1, 0), (0, 80, 160), "transport")],
)  # fmt: skip
def test_long_sounds_are_judged_by_parts_of_twenty_seconds(harmonic, judged, engine, monkeypatch):
    """A rate of 10 Hz; every sample is the second it lies in."""
    heard: list[int] = []
    held: list[int] = []

    def is_harmonic(y: np.ndarray, rate: int, tracker: str) -> bool:
        held.append(y.shape[1])
        heard.append(int(y[0, 0]))
        return bool(harmonic[heard[-1] // 80]) if y.shape[1] == 200 else True

    monkeypatch.setattr(choice, "_is_harmonic", is_harmonic)
    long = ((np.arange(k * 100, (k + 1) * 100) // 10)[None].astype(np.float32) for k in range(18))
    short = np.zeros((1, 600), np.float32)
    found = choice.engine_of_passing(Passing(long, 1), Passing([short], 1), 10, lengths=(1800, 600))
    assert found == engine and tuple(heard[: len(judged)]) == judged
    assert held == [200] * len(judged) + ([600] if engine == "world" else [])


def test_voices_are_morphed_part_by_part(rng, monkeypatch):
    """No more than a part is put together at once, and no envelopes are kept; it sounds as if all had been."""
    from functools import partial

    from audiokit.dsp.effects import world_morph
    from audiokit.dsp.voice import synthesis

    rate, made = 16_000, []
    a, b = (np.tile(talk(rng, rate=rate, pitch_hz=hz)[0], (1, 9))[:, : 11 * rate] for hz in (120, 180))
    monkeypatch.setattr(world_morph, "analyse_voice", lambda *y, quality, **how: analyse_voice(*y, **how))
    how = {"points": CURVES["turn"], "align": False, "tracker": "world", "channels": 1}

    def morphed() -> np.ndarray:
        sides = [world_morph.Side(y[0], partial(np.array_split, y, 3, axis=1), y.shape[1]) for y in (a, b)]
        blocks, length = world_morph.morph_by_world(*sides, rate, rate, **how)
        y = np.concatenate(list(blocks()), axis=1)
        assert y.shape == (1, length) == a.shape
        return y

    real = synthesis.synthesise_voice
    monkeypatch.setattr(synthesis, "synthesise_voice", lambda f0, *a, **k: made.append(len(f0)) or real(f0, *a, **k))
    whole = morphed()
    for module in (synthesis, world_morph):
        monkeypatch.setattr(module, "PART", 400)
    monkeypatch.setattr(world_morph, "_KEPT", 0)
    parts = morphed()
    assert made[0] == 2201 and len(made) == 6 and max(made[1:]) < 700
    np.testing.assert_array_equal(parts[:, : round(1.9 * rate)], whole[:, : round(1.9 * rate)])
    loud = levels_db(whole) > -60
    assert np.abs(levels_db(parts) - levels_db(whole))[loud].max() < 0.5


@pytest.mark.parametrize("minutes", [0.5, 3])
def test_alike_moments_of_long_sounds_are_found_in_parts(rng, minutes):
    from audiokit.dsp.effects.alignment import in_step

    rate, read = 4000, []
    y = np.concatenate(
        [noise(rng, minutes * 30, rate), note(220, minutes * 30)[:, : round(minutes * 30 * rate)]], axis=1
    )

    class Filed:
        """Audio that tells how much of it is taken at once."""

        shape = y.shape

        def __getitem__(self, part: tuple[slice, slice]) -> np.ndarray:
            read.append(y[part].shape[1])
            return y[part]

    first, second, length = in_step(Filed(), Filed(), rate, CURVES["half"])
    assert length == y.shape[1] and max(read) <= 256
    for side in (first, second):
        np.testing.assert_array_equal(np.concatenate(list(side()), axis=1), y)
    assert max(read) <= 61 * rate


def test_what_is_steady_is_played_at_a_steady_pace():
    """Three seconds of a tone beside one: all moments are alike, none is waited at."""
    frames = np.ones((300, 8)), np.ones((100, 8))
    rows, columns = warping_path(*frames)
    assert np.abs(rows / 299 - columns / 99).max() < 0.02
    y = morph(sine(220, 3, RATE), sine(220, 1, RATE), RATE, engine="fade", align=True)
    assert y.shape == (1, 2 * RATE)
    assert strongest(y)[1] < -30
