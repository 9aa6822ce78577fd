"""`audiokit sing`: a vocal that fits its backing, plans that go out and come back, and inputs that cannot be sung."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from audiokit.dsp.voice.backing import hear_music
from audiokit.dsp.voice.melody import is_strong
from audiokit.dsp.voice.plan import SungNote
from audiokit.dsp.voice.singing import HOP_S
from audiokit.dsp.voice.world import analyse_voice
from audiokit.errors import DamagedError, InputError, ParameterError
from audiokit.io.audio import read, write
from audiokit.io.midi import read_midi, write_midi
from audiokit.io.midi_format import Note, Score
from audiokit.io.plan import read_plan, write_plan
from audiokit.stages.sing import stage, vocal
from audiokit.stages.sing.settings import read_range
from tests.signals import noise, talk
from tests.sung import sing

RATE = 22_050
BPM, CHORDS = 110.0, ((9, 0, 4), (5, 9, 0), (0, 4, 7), (7, 11, 2))  # A minor: Am F C G, one bar each


def band(bars: int = 6, rate: int = RATE, channels: int = 2) -> np.ndarray:
    """A backing with a known score: triads on every beat, bass and a click of a kick on downbeats."""
    beat = 60 / BPM
    y = np.zeros(round((bars * 4 * beat + 0.2) * rate))
    rng = np.random.default_rng(0)
    for k in range(bars * 4):
        t = np.arange(round(beat * rate)) / rate
        chord = CHORDS[k // 4 % 4]
        fade = np.exp(-3 * t) * np.minimum(1, t / 0.004)
        sound = sum(
            np.sin(2 * np.pi * h * 440 * 2 ** ((48 + p - 69) / 12) * t) / h**1.5 for p in chord for h in (1, 2, 3)
        )
        bass = np.sin(2 * np.pi * 440 * 2 ** ((36 + chord[0] - 69) / 12) * t)
        kick = np.exp(-60 * t) * np.sin(2 * np.pi * 60 * t) * (3 if k % 4 == 0 else 0.6)
        hat = np.exp(-200 * t) * rng.standard_normal(len(t)) * 0.5
        at = round(k * beat * rate)
        y[at : at + len(t)] += 0.08 * fade * (sound + 1.5 * bass) + 0.1 * (kick + hat)
    return np.tile(y.astype(np.float32), (channels, 1))


@pytest.fixture(scope="module")
def speech():
    return talk(np.random.default_rng(3), syllables=10, pause_after=5)[0]


@pytest.fixture(scope="module")
def backing():
    return band()


@pytest.fixture(scope="module")
def sung(speech, backing):
    return sing(speech, RATE, backing, RATE)


def test_key_tempo_and_chords_of_a_known_score(backing):
    music = hear_music(backing, RATE)
    assert music.bpm == pytest.approx(BPM, rel=0.01) and music.key_name == "A minor"
    assert not music.notes
    right = [music.chord_at(k * 60 / BPM + 0.1) == CHORDS[k // 4 % 4] for k in range(20)]
    assert np.mean(right) > 0.8


def test_vocal_fits_the_backing(sung, backing):
    assert sung.vocal.shape == (1, backing.shape[1]) and sung.vocal.dtype == np.float32
    scale = {9, 11, 0, 2, 4, 5, 7}
    notes = sung.plan.notes
    assert np.mean([n.pitch % 12 in scale for n in notes]) >= 0.95
    strong = [n for n in notes if is_strong(n, sung.plan.music)]
    chord = [n.pitch % 12 in CHORDS[int(n.start_s / (4 * 60 / BPM) + 0.05) % 4] for n in strong]
    assert np.mean(chord) >= 0.7
    grid = np.array([n.start_s for n in notes]) / (30 / BPM)
    assert np.median(np.abs(grid - np.round(grid))) * 30 / BPM < 0.02


def test_sung_pitch_is_the_plans(sung):
    heard = analyse_voice(sung.vocal[0], RATE, quality="best")
    errors: list[float] = []
    for note in sung.plan.notes:
        a, b = round((note.start_s + 0.06) / HOP_S), round((note.end_s - 0.06) / HOP_S)
        f0 = heard.f0_hz[a:b][heard.strong[a:b]]
        errors += (1200 * np.log2(f0 / 440) - 100 * (note.pitch - 69)).tolist()
    assert len(errors) > 200 and np.median(np.abs(errors)) < 15


@pytest.mark.parametrize("balance", [-6.0, 3.0])
def test_balance_is_loudness_over_the_backing(speech, backing, balance):
    from audiokit.dsp.loudness.loudness import measure

    result = sing(speech, RATE, backing, RATE, balance=str(balance))
    over = measure(np.tile(result.vocal, (2, 1)), RATE).integrated_lufs - measure(backing, RATE).integrated_lufs
    assert over == pytest.approx(balance, abs=1.5)


def test_loud_backing_does_not_push_the_vocal_over_full_scale(speech, backing):
    loud = np.tanh(30 * backing) * np.float32(0.95)
    result = sing(speech, RATE, loud, RATE, balance="3", bpm=BPM)
    assert 0.5 < np.abs(result.vocal).max() <= 0.9
    assert any("limited" in warning for warning in result.warnings)
    assert np.abs(result.mix()).max() <= 0.99 + 1e-6


def test_reference_balance_mixes_with_the_published_gains(speech, backing):
    result = sing(speech, RATE, backing, RATE, balance="reference")
    expected = 0.5 * (backing + result.vocal)
    expected *= min(1.0, 0.99 / np.abs(expected).max())
    np.testing.assert_allclose(result.mix(), expected, atol=1e-5)
    assert np.abs(result.vocal).max() == pytest.approx(1.4, rel=0.01)


def test_same_seed_same_bytes_and_seeds_differ(speech, backing):
    a, b = (sing(speech, RATE, backing, RATE, seed=4).vocal for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, sing(speech, RATE, backing, RATE, seed=5).vocal)


def test_harmony_adds_a_voice_a_third_above(speech, backing, sung):
    with_third = sing(speech, RATE, backing, RATE, harmony=("third",))
    note = max(sung.plan.notes, key=lambda n: n.end_s - n.start_s)
    a, b = round((note.start_s + 0.1) * RATE), round((note.end_s - 0.1) * RATE)
    third = {3, 4} & {(p - int(note.pitch)) % 12 for p in sung.plan.music.scale()}
    hz = 440 * 2 ** ((note.pitch + third.pop() - 69) / 12)

    def share(y: np.ndarray) -> float:
        spectrum = np.abs(np.fft.rfft(y[0, a:b] * np.hanning(b - a), 1 << 16))
        bins = np.fft.rfftfreq(1 << 16, 1 / RATE)
        return float(spectrum[np.abs(bins - hz) < 8].max() / spectrum.max())

    assert share(with_third.vocal) > 3 * share(sung.vocal)


def test_midi_melody_is_sung_in_the_speakers_octave(speech, backing):
    beat = 60 / BPM
    score = Score([Note(k * beat, (k + 0.9) * beat, 81 + k % 3) for k in range(2, 10)], tempos=[(0.0, BPM)])
    plan = sing(speech, RATE, backing, RATE, given={"melody": score}).plan
    assert [n.pitch % 12 for n in plan.notes] == [(81 + k % 3) % 12 for k in range(2, 10)]
    assert abs(np.mean([n.pitch for n in plan.notes]) - (69 + 12 * np.log2(130 / 440))) < 12
    np.testing.assert_allclose([n.start_s for n in plan.notes], np.arange(2, 10) * beat, atol=0.002)


def test_hummed_guide_gives_its_notes(speech, backing, rng):
    t = np.arange(round(0.5 * RATE)) / RATE
    tones = [57, 60, 64, 62]
    hum = np.concatenate(
        [
            np.hanning(len(t)) ** 0.2
            * sum(np.sin(2 * np.pi * h * 440 * 2 ** ((p - 69) / 12) * t) / h**2 for h in range(1, 12))
            for p in tones
        ]
    )
    hum = (0.2 * hum + 1e-4 * rng.standard_normal(len(hum))).astype(np.float32)[None]
    plan = sing(speech, RATE, backing, RATE, given={"guide": (hum, RATE)}).plan
    assert [n.pitch % 12 for n in plan.notes] == [p % 12 for p in tones]


@pytest.mark.parametrize("suffix", [".json", ".mid"])
def test_plan_goes_out_and_comes_back(tmp_path, sung, suffix):
    path = tmp_path / f"plan{suffix}"
    write_plan(path, sung.plan)
    back = read_plan(path, syllables=sung.plan.syllables, music=sung.plan.music)
    for a, b in zip(sung.plan.notes, back.notes, strict=True):
        assert (a.pitch, a.syllable) == (b.pitch, b.syllable)
        np.testing.assert_allclose([a.start_s, a.end_s], [b.start_s, b.end_s], atol=2e-3)


def test_edited_plan_is_sung(tmp_path, speech, backing, sung):
    path = tmp_path / "plan.json"
    write_plan(path, sung.plan)
    record = json.loads(path.read_text())
    record["notes"] = record["notes"][:1]
    record["notes"][0] |= {"pitch": 50, "start_s": 2.0, "end_s": 3.0}
    path.write_text(json.dumps(record))
    result = sing(speech, RATE, backing, RATE, given={"plan": path})
    heard = analyse_voice(result.vocal[0], RATE)
    middle = heard.f0_hz[round(2.3 / HOP_S) : round(2.8 / HOP_S)]
    assert abs(69 + 12 * np.log2(np.median(middle[middle > 0]) / 440) - 50) < 0.2
    assert np.abs(result.vocal[0, round(3.2 * RATE) :]).max() == 0


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", DamagedError),
        ("[]", InputError),
        ('{"format": "audiokit.sing-plan", "version": 9}', InputError),
        ('{"format": "audiokit.sing-plan", "version": 1}', DamagedError),
        ('{"format": "audiokit.sing-plan"}', DamagedError),
        ('{"format": "audiokit.sing-plan", "version": 1, "bpm": 1, "music": {"beats_s": ["x"]}}', DamagedError),
    ],
)
def test_damaged_plans_are_refused(tmp_path, sung, text, error):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(error):
        read_plan(tmp_path / "p.json", syllables=sung.plan.syllables, music=sung.plan.music)


def test_plan_for_another_recording_is_refused(tmp_path, speech, backing, sung):
    path = tmp_path / "plan.json"
    write_plan(path, sung.plan)
    with pytest.raises(ParameterError, match="beyond the speech"):
        sing(speech[:, : 2 * RATE], RATE, backing, RATE, given={"plan": path})
    record = json.loads(path.read_text())
    record["syllables"][2]["tail_s"] = float("nan")
    path.write_text(json.dumps(record))
    with pytest.raises(ParameterError, match="syllable 2"):
        sing(speech, RATE, backing, RATE, given={"plan": path})


def test_plan_midi_has_the_bars_of_the_backing(tmp_path, sung):
    write_plan(tmp_path / "p.mid", sung.plan)
    score = read_midi(tmp_path / "p.mid")
    assert score.meters[0][1:] == (4, 4)
    assert np.median([bpm for _, bpm in score.tempos]) == pytest.approx(BPM, rel=0.02)


@pytest.mark.parametrize("sound", ["noise", "silence"])
def test_backing_without_beat_or_key_is_said(speech, rng, sound):
    y = noise(rng, 12.0, channels=1) if sound == "noise" else np.zeros((1, 12 * RATE), np.float32)
    result = sing(speech, RATE, y, RATE)
    assert "no beat" in result.warnings[0] and "--bpm" in result.warnings[0]
    assert "no key" in result.warnings[1] and result.plan.music.key_name == "C major"
    starts = np.array([n.start_s for n in result.plan.notes]) / 0.3
    np.testing.assert_allclose(starts, np.round(starts), atol=1e-6)
    known = sing(speech, RATE, y, RATE, bpm=80, key="F# minor")
    assert known.plan.music.key_name == "F# minor" and known.plan.music.bpm == 80


@pytest.mark.parametrize("bad", [np.zeros((1, RATE), np.float32), np.full((1, 100), 0.1, np.float32)])
def test_speech_without_a_voice_is_refused(backing, bad):
    with pytest.raises(InputError, match="no voiced speech"):
        sing(bad, RATE, backing, RATE)


def test_noise_is_no_speech(backing, rng):
    with pytest.raises(InputError, match="no voiced speech"):
        sing(noise(rng, 2.0), RATE, backing, RATE)


def test_long_speech_and_fit(speech):
    short = band(bars=2)
    phrase = sing(speech, RATE, short, RATE)
    assert any("of 2 phrases" in w for w in phrase.warnings)
    assert phrase.vocal.shape[1] == short.shape[1]
    looped = sing(speech, RATE, short, RATE, fit="loop")
    assert looped.vocal.shape[1] == looped.backing.shape[1] > short.shape[1]
    assert {n.syllable for n in looped.plan.notes} == set(range(10))


@pytest.mark.parametrize("bars", [1, 2])
def test_short_backing_is_looped_in_whole_bars(speech, bars):
    short = band(bars=bars)
    looped = sing(speech, RATE, short, RATE, fit="loop")
    assert {n.syllable for n in looped.plan.notes} == set(range(10))
    assert not [w for w in looped.warnings if "not sung" in w]
    span = {1: 3, 2: 4}[bars] * 60 / BPM  # one bar has no second downbeat: its four beats repeat
    begin = looped.backing[0, : RATE // 2]
    offsets = range(round((span - 0.05) * RATE), round((span + 0.05) * RATE), 5)
    best = max(offsets, key=lambda k: float(begin @ looped.backing[0, k : k + len(begin)]))
    assert best / RATE == pytest.approx(span, abs=0.02)


def test_what_will_be_sung_is_said_before_it_is(speech, monkeypatch):
    order = []
    real = vocal.sing_plan
    monkeypatch.setattr(vocal, "sing_plan", lambda *a, **k: order.append("sung") or real(*a, **k))
    values = {"how": stage.singing(stage.sing.bind({"over": "-"})), "tell": order.append}
    vocal.sing_over(speech, RATE, band(bars=2), RATE, **values)
    assert order[1:] == ["sung"] and order[0].startswith("singing 5 of 10 syllables, seconds ")
    order.clear()
    vocal.sing_over(speech, RATE, band(), RATE, **values)
    assert order == ["sung"]


def test_notes_after_the_end_are_said(speech, backing, sung):
    late = replace(sung.plan, notes=[*sung.plan.notes, SungNote(500.0, 501.0, 50.0, 0)])
    result = sing(speech, RATE, backing, RATE, given={"plan": late})
    assert "1 of 11 notes begin after the end of the backing" in result.warnings[-1]
    assert result.plan.notes == sung.plan.notes


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (48_000, 2), (96_000, 1)])
def test_any_rate_and_stereo(rate, channels, backing, sung, rng):
    import soxr

    y = talk(np.random.default_rng(3), syllables=10, pause_after=5)[0]
    y = soxr.resample(y[0], RATE, rate).astype(np.float32)
    result = sing(np.tile(y, (channels, 1)), rate, backing, RATE)
    assert result.vocal.shape == sung.vocal.shape
    assert abs(len(result.plan.notes) - len(sung.plan.notes)) <= 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"engine": "x"}, {"fit": "x"}, {"quality": "x"}, {"harmony": ("sixth",)}, {"pitch_correction": 2.0},
        {"balance": "loud"}, {"range_": "A-B"}, {"range_": "60-62"}, {"bpm": 5.0}, {"start": -1.0},
    ],
)  # fmt: skip
def test_wrong_options_are_refused(wrong):
    with pytest.raises(ParameterError):
        stage.sing.bind({"over": "-", **wrong})


def test_range_is_kept(speech, backing):
    plan = sing(speech, RATE, backing, RATE, range_="C3-C4").plan
    assert all(48 <= n.pitch <= 60 for n in plan.notes)
    assert read_range("48-60") == (48, 60)


def test_command_writes_vocal_mix_and_plan(cli, tmp_path, speech):
    write(tmp_path / "talk.wav", speech, RATE)
    write(tmp_path / "band.wav", band(rate=44_100), 44_100)
    arguments = ("sing", "talk.wav", "--over", "band.wav", "-o", "vocal.wav", "--mix", "song.wav", "--plan", "p.mid")
    done = cli(*arguments, "--json")
    report = json.loads(done.stdout)
    assert report["key"] in ("A minor", "C major") and report["notes"] == report["syllables"] == 10
    vocal, info = read(tmp_path / "vocal.wav")
    mix, _ = read(tmp_path / "song.wav")
    backing, about = read(tmp_path / "band.wav")
    assert info.rate == about.rate and vocal.shape[1] == backing.shape[1] == mix.shape[1] and mix.shape[0] == 2
    if np.abs(backing + vocal).max() <= 0.99:
        np.testing.assert_allclose(mix, backing + vocal, atol=1e-3)
    cli(*arguments, status=3)
    write_midi(tmp_path / "p.mid", Score([Note(1.0, 2.0, 50)]), force=True)
    again = json.loads(cli(*arguments, "--json", "--force").stdout)
    assert again["notes"] == 1


def test_command_between_pipes_and_several_inputs(cli, tmp_path, speech):
    for name in ("a", "b"):
        write(tmp_path / f"talks/{name}.wav", speech, RATE)
    write(tmp_path / "band.wav", band(3), RATE)
    first = (tmp_path / "talks/a.wav").read_bytes()
    piped = cli("sing", "-", "--over", "band.wav", "-o", "-", "--quiet", stdin=first).stdout
    (tmp_path / "piped.wav").write_bytes(piped)
    assert (
        b"share one file" in cli("sing", "talks", "--over", "band.wav", "-o", "v/", "--mix", "m.wav", status=2).stderr
    )
    cli("sing", "talks", "--over", "band.wav", "-o", "v/", "--mix", "m/", "--plan", "p/", "--quiet")
    for name in ("v/a.wav", "v/b.wav", "m/a.wav", "m/b.wav", "p/a.json", "p/b.json"):
        assert (tmp_path / name).stat().st_size > 100, name
    np.testing.assert_allclose(read(tmp_path / "piped.wav")[0].shape, read(tmp_path / "v/a.wav")[0].shape)


def test_command_says_what_is_wrong(cli, tmp_path, speech):
    write(tmp_path / "talk.wav", speech, RATE)
    write(tmp_path / "nothing.wav", np.zeros((1, RATE), np.float32), RATE)
    write(tmp_path / "band.wav", band(2), RATE)
    said = cli("sing", "talk.wav", "--over", "band.wav", "-o", "part.wav").stderr.decode().splitlines()
    assert "talk.wav: singing 5 of 10 syllables" in said[0]
    assert "after 1 of 2 phrases" in said[-1] and "--fit loop" in said[-1]
    assert not cli("sing", "talk.wav", "--over", "band.wav", "-o", "part.wav", "--force", "--quiet").stderr
    assert not cli("sing", "talk.wav", "--over", "band.wav", "-o", "all.wav", "--fit", "loop", "--quiet").stderr
    assert b"--over" in cli("sing", "talk.wav", "-o", "v.wav", status=2).stderr
    assert b"nothing.wav: no voiced" in cli("sing", "nothing.wav", "--over", "band.wav", "-o", "v.wav", status=3).stderr
    assert not (tmp_path / "v.wav").exists()


def test_what_is_written_beside_the_vocal_is_not_the_vocal(cli, tmp_path, rng):
    write(tmp_path / "talk.wav", talk(rng, rate=RATE)[0], RATE)
    write(tmp_path / "band.wav", band(4), RATE)
    line = ("sing", "talk.wav", "--over", "band.wav", "-o", "vocal.wav")
    done = cli(*line, "--mix", "./vocal.wav", status=2)
    assert b"vocal.wav would be written twice" in done.stderr and not (tmp_path / "vocal.wav").exists()
    done = cli(*line, "--plan", "plan.txt", status=2)
    assert b"audiokit: plan.txt: a plan is a .json or a .mid file" in done.stderr
