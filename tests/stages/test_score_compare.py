"""Scores equal what the measures' own libraries say."""

import warnings

import numpy as np
import pytest

from audiokit.errors import ParameterError
from audiokit.io.audio import read
from audiokit.stages.score.compare import score
from audiokit.stages.score.measures import bss_eval
from tests.signals import noise, plucks, sine, talk


def quiet(function, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **options)


def test_pesq_and_stoi_are_the_libraries_own(rng):
    pesq, pystoi = quiet(pytest.importorskip, "pesq"), quiet(pytest.importorskip, "pystoi")
    clean = talk(rng, rate=16_000, syllables=12)[0]
    noisy = clean + noise(rng, 1, 16_000, 0.01)[:, :1] + 0.01 * rng.standard_normal(clean.shape).astype(np.float32)
    found = score(noisy, 16_000, reference=clean, metrics=["pesq", "stoi"])
    assert found["pesq"] == pytest.approx(pesq.pesq(16_000, clean[0], noisy[0], "wb"), abs=1e-6)
    assert found["stoi"] == pytest.approx(pystoi.stoi(clean[0], noisy[0], 16_000), abs=1e-6)
    assert score(clean, 16_000, reference=clean, metrics=["pesq"])["pesq"] > 4.5


def test_pesq_and_stoi_are_the_libraries_own_on_a_golden_pair(shared):
    pesq, pystoi = quiet(pytest.importorskip, "pesq"), quiet(pytest.importorskip, "pystoi")
    folder = shared / "audio/speech/denoiser/debug"
    clean, noisy = (sorted((folder / side).rglob("*.wav"))[0] for side in ("clean", "noisy"))
    (x, about), (y, _) = read(clean), read(noisy)
    found = score(y, about.rate, reference=x, metrics=["pesq", "stoi"])
    assert found == {
        "pesq": float(pesq.pesq(16_000, x[0], y[0], "wb")), "stoi": float(pystoi.stoi(x[0], y[0], about.rate)),
    }  # fmt: skip
    assert 1 < found["pesq"] < 4 and found["pesq"] < score(x, about.rate, reference=x, metrics=["pesq"])["pesq"]


def test_beat_and_pitch_measures_are_mir_evals_own_on_golden_sounds(shared):
    beat, melody = quiet(pytest.importorskip, "mir_eval.beat"), quiet(pytest.importorskip, "mir_eval.melody")
    from audiokit.dsp.rhythm.beats import track_beats
    from audiokit.dsp.voice.world import HOP_S, analyse_voice

    folder, rate = shared / "audio/stems/everythingisremixed/4.Potassium_1", 44_100
    drums, mixture = (read(folder / f"{name}.flac")[0][:, : 6 * rate] for name in ("drums", "mixture"))
    found = score(drums, rate, reference=mixture, metrics=["beats"])
    first, second = (track_beats(y, rate).times_s for y in (mixture, drums))
    _, cmlt, _, amlt = quiet(beat.continuity, first, second)
    assert found == {"beat_f": beat.f_measure(first, second), "beat_cmlt": cmlt, "beat_amlt": amlt}
    path = sorted((shared / "audio/singing").rglob("vocadito*.wav"))[0]
    voice = read(path, rate=22_050, mono=True)[0][:, : 3 * 22_050]
    other = np.roll(voice, 2205, axis=1)
    found = score(other, 22_050, reference=voice, metrics=["pitch"])
    tracks = [np.where(v.voiced, v.f0_hz, 0.0) for v in (analyse_voice(y[0], 22_050) for y in (voice, other))]
    times = np.arange(len(tracks[0])) * HOP_S
    wanted = quiet(melody.evaluate, times, tracks[0], times, tracks[1])
    assert found["pitch_accuracy"] == wanted["Raw Pitch Accuracy"] and 0 < found["pitch_accuracy"] < 1
    assert found["voicing_false_alarm"] == wanted["Voicing False Alarm"]


@pytest.mark.parametrize("pair", ["01", "05"])
def test_bss_eval_is_musevals_own_on_the_golden_pairs(shared, pair):
    museval = quiet(pytest.importorskip, "museval")
    folder = shared / "audio/stems/mir_eval"
    tracks = [[read(p)[0] for p in sorted((folder / f"{kind}{pair}").glob("*.wav"))] for kind in ("ref", "est")]
    if len(tracks[0]) != len(tracks[1]):
        pytest.skip("this pair has another number of estimates")
    rate = 8000
    references, estimates = ([y[:, : 2 * rate] for y in side] for side in tracks)
    found = bss_eval(references, estimates, rate)
    stacked = [np.stack([y.T for y in side]).astype(float) for side in (references, estimates)]
    sdr, _isr, sir, sar = quiet(museval.evaluate, *stacked, win=rate, hop=rate, mode="v4", padding=True)
    for k, values in enumerate(found):
        assert values["sdr_db"] == np.nanmedian(sdr[k])
        assert values["sar_db"] == np.nanmedian(sar[k])
        if len(found) > 1:
            assert values["sir_db"] == np.nanmedian(sir[k])


def test_beats_and_pitch(rng):
    quiet(pytest.importorskip, "mir_eval.beat")
    clicks = np.zeros((1, 8 * 22_050), np.float32)
    clicks[0, 2000::11_025] = 0.9
    late = np.roll(clicks, 5500, axis=1)
    same = score(clicks, 22_050, reference=clicks, metrics=["beats"])
    assert same["beat_f"] == same["beat_cmlt"] == 1
    assert score(late, 22_050, reference=clicks, metrics=["beats"])["beat_f"] < 0.3
    voice = talk(rng, rate=22_050)[0]
    assert score(voice, 22_050, reference=voice, metrics=["pitch"])["pitch_accuracy"] == 1
    higher = talk(rng, rate=22_050, pitch_hz=190)[0]
    length = min(voice.shape[1], higher.shape[1])
    moved = score(higher[:, :length], 22_050, reference=voice[:, :length], metrics=["pitch"])
    assert moved["pitch_accuracy"] < 0.3


def test_loudness_and_lag(rng):
    y = plucks(rng, 2, 22_050, 2)
    found = score(0.5 * y, 22_050, reference=y)
    assert found["loudness_lu"] == pytest.approx(-6.02, abs=0.01) and found["gain_db"] == pytest.approx(-6.02, abs=0.01)
    assert found["lag_ms"] == pytest.approx(0, abs=0.01) and found["si_sdr_db"] > 100


def test_silence_has_no_score_but_no_crash():
    silent = np.zeros((1, 16_000), np.float32)
    found = score(silent, 16_000, reference=sine(440, 1, 16_000), metrics=["all"])
    assert found["si_sdr_db"] is None and found["pesq"] is None and found["loudness_lu"] is None


def test_wrong_metrics(rng):
    y = noise(rng, 0.1)
    with pytest.raises(ParameterError, match="beauty"):
        score(y, 22_050, reference=y, metrics=["beauty"])
    with pytest.raises(ParameterError, match="reference"):
        score(y, 22_050, metrics=["pesq"])
