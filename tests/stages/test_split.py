"""`split` on any length, rate and number of channels; the network is a small one made here, or the built-in one."""

import io
import json
import shutil
from itertools import pairwise

import numpy as np
import pytest
import soundfile as sf
import torch

from audiokit.engine.batch import Job
from audiokit.engine.chain import Step
from audiokit.engine.parts import Parts
from audiokit.engine.settings import SaveOptions
from audiokit.engine.sound import Sound
from audiokit.engine.work import Work
from audiokit.errors import DamagedError, ModelError, ParameterError
from audiokit.io.audio import read, write
from audiokit.models.folder import checkpoint
from audiokit.models.separation.band_unet import BandUnet
from audiokit.models.separation.combination import GLOBAL, LOCAL
from audiokit.models.separation.separator import Separation
from audiokit.models.separation.settings import Settings, choose_stems
from audiokit.models.separation.spleeter_unet import SpleeterUnet
from audiokit.stages.denoise import denoise
from audiokit.stages.split import split
from tests.signals import noise, plucks

RATE = 44_100


def save(folder, net, architecture):
    labels = list(net.config.stems)
    card = {"architecture": architecture, "settings": net.settings, "kind": "split", "labels": labels}
    checkpoint.save(folder, net.eval(), card)
    return str(folder)


@pytest.fixture(scope="module")
def banded(tmp_path_factory):
    torch.manual_seed(1)
    net = BandUnet(n_fft=512, hop=128, bands=64, single=16, widths=(4, 4))
    with torch.no_grad():
        net.head.weight.mul_(20)  # masks that are far from a half
    return save(tmp_path_factory.mktemp("banded") / "m", net, "band-unet")


@pytest.fixture(scope="module")
def spleeter(tmp_path_factory):
    torch.manual_seed(2)
    net = SpleeterUnet(filters=[2, 2, 2, 2, 2, 2], n_fft=512, hop=128, bins=128)
    with torch.no_grad():
        for unet in net.nets:
            unet.last.weight.mul_(20)
    return save(tmp_path_factory.mktemp("spleeter") / "m", net, "spleeter-unet")


def music(rng, seconds=1.5, rate=RATE, channels=2):
    return plucks(rng, seconds, rate, channels) + noise(rng, seconds, rate, 0.05, channels)


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8])
@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000, 96_000])
def test_rate_channels_length_and_sum_are_those_of_the_input(rng, banded, rate, channels):
    y = music(rng, 0.4, rate, channels)[:, : -(rate // 1000) - 3]
    before = y.copy()
    stems = split(y, rate, model=banded)
    assert list(stems) == ["vocals", "accompaniment"]
    assert all(stem.shape == y.shape and stem.dtype == np.float32 for stem in stems.values())
    np.testing.assert_allclose(stems["vocals"] + stems["accompaniment"], y, atol=1e-6)
    assert 1e-4 < np.sum(stems["vocals"] ** 2) / np.sum(y**2) < 0.999
    assert np.array_equal(y, before)


@pytest.mark.parametrize("length", [0, 1, 2, 511, 513, 4097])
def test_short_audio_keeps_its_length(rng, banded, spleeter, length):
    y = rng.standard_normal((2, length)).astype(np.float32)
    for model in (banded, spleeter):
        assert all(stem.shape == y.shape for stem in split(y, RATE, model=model).values())
    assert all(stem.shape == y.shape for stem in split(y, 48_000, model=banded).values())


@pytest.mark.parametrize("channels", [1, 4])
def test_channels_of_a_pair_are_separated_alike_wherever_they_are(rng, banded, channels):
    y = music(rng, 0.3, channels=2)
    alone = split(y, RATE, model=banded)["vocals"]
    if channels == 4:
        both = split(np.concatenate([y[::-1], y]), RATE, model=banded)["vocals"]
        np.testing.assert_allclose(both[2:], alone, atol=1e-5)
    else:
        mono, double = (split(np.repeat(y[:1], n, axis=0), RATE, model=banded)["vocals"] for n in (1, 2))
        np.testing.assert_allclose(mono[0], double.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_a_delay_of_the_input_delays_the_stems(rng, banded, rate):
    y = music(rng, 1.0, rate)
    stems = split(y, rate, model=banded)
    # What comes out lies where it was: the correlation with the mix is highest without a shift.
    for stem in stems.values():
        a, b = np.fft.rfft(stem[0], 1 << 17), np.fft.rfft(y[0], 1 << 17)
        assert int(np.argmax(np.fft.irfft(a * b.conj()))) == 0


@pytest.mark.parametrize("segment_s", [1.0, 1.7, 4.0])
def test_segments_leave_no_trace(rng, banded, spleeter, segment_s):
    y = music(rng, 5.0)
    for model in (banded, spleeter):
        whole = split(y, RATE, model=model, segment=60)
        cut = split(y, RATE, model=model, segment=segment_s)
        for stem in whole:
            error = np.sum((whole[stem] - cut[stem]) ** 2)
            assert 10 * np.log10(error / np.sum(whole[stem] ** 2) + 1e-20) < -60


def test_best_weighs_repet_where_the_card_says_how(rng, tmp_path):
    from scipy.signal import istft, stft

    torch.manual_seed(1)
    net = BandUnet(widths=(4, 4), memory=40)  # the spectra of --engine repet
    model = save(tmp_path / "m", net, "band-unet")
    y = music(rng, 5.0)
    alone, repet = (split(y, RATE, **way)["vocals"] for way in ({"model": model}, {"engine": "repet"}))
    shutil.copytree(model, tmp_path / "both")
    card = json.loads((tmp_path / "both" / "model.json").read_text())
    halves = [[[bias] + [0.0] * (LOCAL + GLOBAL) for bias in (-0.4328, -0.4328, -30.0, -30.0)]]  # their geometric mean
    (tmp_path / "both" / "model.json").write_text(json.dumps({**card, "combination": halves}))
    both = str(tmp_path / "both")

    def middle(x):  # of mid, away from the ends
        return stft(x.sum(axis=0), nperseg=4096, noverlap=3072)[2]

    voice, voice_r, mix = middle(alone), middle(repet), middle(y)
    share = np.abs(voice * voice_r) / (np.abs(mix) ** 2 + 1e-9)
    wanted = istft(mix * np.minimum(share, 1) ** 0.5, nperseg=4096, noverlap=3072)[1]
    found = [split(y, RATE, model=both, segment=segment_s)["vocals"] for segment_s in (1.0, 30.0)]
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)
    mid = found[1].sum(axis=0)
    errors = [np.sum((mid - other) ** 2) for other in (wanted[: len(mid)], alone.sum(axis=0), repet.sum(axis=0))]
    assert errors[0] < 0.15 * np.sum(mid**2)  # of bands, and spectra are not quite masks times the mix's
    assert errors[0] < 0.7 * min(errors[1:])
    np.testing.assert_array_equal(split(y, RATE, model=both, quality="fast")["vocals"], alone)


def test_blocks_of_any_size_give_the_same(rng, banded):
    y = music(rng, 1.0, 48_000)
    whole = split(y, 48_000, model=banded)["vocals"]
    separation = Separation(Settings(model=banded), 48_000, 2)
    edges = [0, 1, 5, 5000, 5001, 30_000, y.shape[1]]
    blocks = (y[:, a:b] for a, b in pairwise(edges))
    found = np.concatenate([part["vocals"] for part in separation.run(blocks)], axis=1)
    np.testing.assert_allclose(found, whole, atol=1e-6)


def test_residual_is_what_the_stems_leave(rng, spleeter):
    y = music(rng)
    found = split(y, RATE, model=spleeter, stems=["vocals"], residual=True)
    assert list(found) == ["vocals", "residual"]
    np.testing.assert_allclose(found["vocals"] + found["residual"], y, atol=1e-6)
    compat = split(y, RATE, model=spleeter, compat=True, residual=True)
    np.testing.assert_allclose(sum(compat.values()), y, atol=1e-6)
    assert np.abs(compat["residual"]).max() > 1e-3  # Spleeter itself loses everything above its band


@pytest.mark.parametrize(("high_band", "vocals", "rest"), [("zero", 0, 0), ("mix", 0, 1), ("average", 0.02, 0.02)])
def test_high_band(rng, spleeter, high_band, vocals, rest):
    y = noise(rng, 1.0, RATE, 0.2, 2)
    found = split(y, RATE, model=spleeter, high_band=high_band)

    def above(x):
        return np.sum(np.abs(np.fft.rfft(x[0])[12_000:]) ** 2)

    shares = [above(found[stem]) / above(y) for stem in ("vocals", "accompaniment")]
    if high_band == "average":
        assert min(shares) > 0.01 and sum(shares) < 1.05
    else:
        assert shares == pytest.approx([vocals, rest], abs=0.01)


def test_compat_is_not_the_default_and_keeps_spleeters_habits(rng, spleeter):
    y = music(rng, 3.0)
    compat, ours = (split(y, RATE, model=spleeter, compat=flag)["vocals"] for flag in (True, False))
    assert np.abs(compat - ours).max() > 1e-4
    assert split(y[:1], RATE, model=spleeter, compat=True)["vocals"].shape == y.shape  # mono becomes stereo
    assert split(y[:1], RATE, model=spleeter)["vocals"].shape == y[:1].shape


def test_mwf_separates_in_two_passes_at_any_rate(rng, spleeter):
    y = music(rng, 0.7, 48_000)
    found = split(y, 48_000, model=spleeter, mwf=True)
    assert all(stem.shape == y.shape for stem in found.values())
    masked = split(y, 48_000, model=spleeter, high_band="zero")
    assert np.abs(found["vocals"] - masked["vocals"]).max() > 1e-4


def test_centre_and_sides():
    middle, side = np.sin(np.arange(1000) / 9).astype(np.float32), np.cos(np.arange(1000) / 5).astype(np.float32)
    found = split(np.stack([middle + side, middle - side]), 11_025, engine="center")
    np.testing.assert_allclose(found["vocals"], [middle, middle], atol=1e-6)
    np.testing.assert_allclose(found["accompaniment"], [side, -side], atol=1e-6)


@pytest.mark.parametrize("engine", ["repet", "hpss"])
def test_classical_engines_sum_to_the_mix(rng, engine):
    y = music(rng, 1.0, 22_050)
    found = split(y, 22_050, engine=engine)
    np.testing.assert_allclose(sum(found.values()), y, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "magic"}, "not one of auto"),
        ({"stems": ["flute"]}, "there are vocals, accompaniment"),
        ({"stems": []}, "no stem asked for"),
        ({"engine": "hpss", "model": "x"}, "--model is for --engine auto, spleeter, demucs"),
        ({"engine": "hpss", "mwf": True}, "--mwf is for --engine auto, spleeter or"),
        ({"compat": True}, "not one of Spleeter's"),
        ({"high_band": "some"}, "average, zero, mix"),
        ({"high_band": "zero"}, "not one of Spleeter's"),
        ({"segment": 0.1}, "between 1 and 600"),
        ({"quality": "good"}, "best, fast"),
    ],
)
def test_options_that_make_no_sense(options, message, banded):
    model = {} if "model" in options or "engine" in options else {"model": banded}
    with pytest.raises(ParameterError, match=message):
        split(np.zeros((2, 100), np.float32), RATE, **{**model, **options})


def test_models_that_are_not_there(banded):
    with pytest.raises(ModelError) as caught:
        split(np.zeros((2, 10), np.float32), RATE, engine="spleeter")
    assert "models pull spleeter-2stems" in caught.value.hint
    with pytest.raises(ModelError, match="no such model"):
        split(np.zeros((2, 10), np.float32), RATE, model="nowhere")
    with pytest.raises(ParameterError, match="exclude each other"):
        choose_stems(Settings(model=banded), ["vocals"], "vocals")


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_16", 16), ("PCM_24", 24)])
def test_written_stems_sum_to_the_mix_to_the_bit(rng, banded, tmp_path, subtype, bits):
    mix = 0.5 * music(rng, 0.5)
    write(tmp_path / "mix.wav", mix, RATE, subtype=subtype)
    _, parts = choose_stems(Settings(model=banded), None, None)
    targets = {part: str(tmp_path / f"{part}.wav") for part in parts}
    report = Work((Step(split, {"model": banded}),), SaveOptions())(Job(str(tmp_path / "mix.wav"), "", targets))
    assert report["warnings"] == [] and report["channels"] == 2
    whole = [sf.read(tmp_path / f"{name}.wav", dtype="int32")[0] >> (32 - bits) for name in ("mix", *parts)]
    assert np.array_equal(whole[1] + whole[2], whole[0])
    assert sf.info(tmp_path / "vocals.wav").subtype == subtype


@pytest.mark.parametrize(("engine", "told"), [("hpss", True), ("center", False)])
def test_stems_that_are_turned_down_no_longer_sum_to_the_mix_and_that_is_said(rng, tmp_path, engine, told):
    """A mix at full scale, of which one engine's stems are louder than it is."""
    mix = np.sign(rng.standard_normal((2, RATE // 2))).astype(np.float32) * np.float32(0.999)
    write(tmp_path / "mix.wav", mix, RATE, subtype="PCM_16")
    _, parts = choose_stems(Settings(engine=engine), None, None)
    targets = {part: str(tmp_path / f"{part}.wav") for part in parts}
    report = Work((Step(split, {"engine": engine}),), SaveOptions())(Job(str(tmp_path / "mix.wav"), "", targets))
    over = [text for text in report["warnings"] if "turned down" in text]
    assert any("no longer add up" in text for text in report["warnings"]) is bool(over) is told


def test_a_damaged_input_leaves_no_stem_behind(rng, banded, tmp_path):
    y = music(rng, 0.5)
    y[0, 15_000] = np.nan
    sf.write(tmp_path / "bad.wav", y.T, RATE, subtype="FLOAT")
    targets = {name: str(tmp_path / "out" / f"{name}.wav") for name in ("vocals", "accompaniment")}
    with pytest.raises(DamagedError, match="NaN"):
        Work((Step(split, {"model": banded}),), SaveOptions())(Job(str(tmp_path / "bad.wav"), "", targets))
    assert not list((tmp_path / "out").glob("*"))


def test_the_command_in_a_batch_and_on_a_pipe(cli, rng, tmp_path):
    y = music(rng, 0.5, 48_000)
    write(tmp_path / "songs" / "one.flac", 0.5 * y, 48_000, subtype="PCM_24")
    write(tmp_path / "songs" / "deep" / "two.wav", 0.5 * y[:1], 48_000, subtype="PCM_16")
    (tmp_path / "songs" / "bad.wav").write_text("not audio")
    done = cli("split", "songs", "-o", "out/", "--engine", "center", "--json", status=7)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum("error" in line for line in lines) == 1 and len(lines) == 3
    for name, subtype, channels in (("one", "PCM_24", 2), ("deep/two", "PCM_16", 1)):
        for stem in ("vocals", "accompaniment"):
            info = sf.info(tmp_path / "out" / name / f"{stem}.wav")
            assert (info.samplerate, info.frames, info.channels, info.subtype) == (48_000, 24_000, channels, subtype)
    piped = cli("split", "songs/one.flac", "--stem", "vocals", "-o", "-", "--engine", "center").stdout
    wave, rate = sf.read(io.BytesIO(piped))
    assert rate == 48_000 and wave.shape == (24_000, 2)
    again = cli("split", "songs/one.flac", "-o", "out/", "--engine", "center", status=3)
    assert b"exists already" in again.stderr
    assert b"only one result fits" in cli("split", "songs/one.flac", "-o", "-", status=2).stderr


def test_the_built_in_model_finds_the_voice(shared):
    """The file called vocals must be the one most like the true vocals, by a margin, on a song never trained on."""
    folder = shared / "audio" / "stems" / "everythingisremixed" / "7.Francium_1"
    cut = slice(5 * RATE, 13 * RATE)
    truth = {name: read(folder / f"{name}.flac")[0][:, cut] for name in ("vocals", "drums", "other")}
    mix = sum(truth.values())
    found = split(mix, RATE)

    def si_sdr(reference, estimate):
        x, y = reference.ravel().astype(np.float64), estimate.ravel().astype(np.float64)
        target = x * (x @ y) / (x @ x)
        return 10 * np.log10((target @ target) / np.sum((y - target) ** 2))

    assert si_sdr(truth["vocals"], found["vocals"]) > si_sdr(truth["vocals"], mix) + 2
    rest = truth["drums"] + truth["other"]
    assert si_sdr(rest, found["accompaniment"]) > si_sdr(rest, mix) + 1
    assert si_sdr(truth["vocals"], found["vocals"]) > si_sdr(truth["vocals"], found["accompaniment"]) + 5


def test_from_python_stems_of_a_path_are_parts(rng, tmp_path):
    mix = 0.5 * music(rng, 0.5)
    write(tmp_path / "mix.wav", mix, RATE, subtype="PCM_16")
    mix = read(tmp_path / "mix.wav")[0]
    parts = split(tmp_path / "mix.wav", engine="center")
    assert isinstance(parts, Parts) and parts.names == ("vocals", "accompaniment")
    assert parts["vocals"].save(tmp_path / "one.wav") == []
    assert parts.save(tmp_path / "stems") == []
    arrays = split(mix, RATE, engine="center")
    np.testing.assert_array_equal(parts["accompaniment"].samples, arrays["accompaniment"])
    whole = [sf.read(tmp_path / "stems" / f"{name}.wav", dtype="int16")[0] for name in parts.names]
    np.testing.assert_array_equal(whole[0] + whole[1], sf.read(tmp_path / "mix.wav", dtype="int16")[0])
    np.testing.assert_array_equal(whole[0], sf.read(tmp_path / "one.wav", dtype="int16")[0])


def test_one_stem_is_a_sound_that_other_stages_take(rng, tmp_path):
    write(tmp_path / "mix.wav", 0.5 * music(rng, 0.5), RATE)
    voice = split(tmp_path / "mix.wav", engine="center", stem="vocals")
    assert isinstance(voice, Sound) and [entry["name"] for entry in voice.history] == ["split"]
    clean = denoise(voice, engine="wiener")
    y = read(tmp_path / "mix.wav")[0]
    again = denoise(split(y, RATE, engine="center", stem="vocals"), RATE, engine="wiener")
    np.testing.assert_array_equal(clean.samples, again)
    assert voice.notes.report["peaks"]["vocals"] == pytest.approx(np.abs(voice.samples).max(), abs=1e-5)


def test_several_stems_may_be_named_as_in_the_shell(rng):
    y = music(rng, 0.2)
    assert list(split(y, RATE, engine="hpss", stems="percussive, harmonic")) == ["percussive", "harmonic"]


def test_the_residual_alone_is_what_all_stems_leave(rng, spleeter):
    y = music(rng, 0.5)
    found = split(y, RATE, model=spleeter, compat=True)
    left = split(y, RATE, model=spleeter, compat=True, stem="residual")
    np.testing.assert_allclose(left, y - sum(found.values()), atol=1e-6)
    assert not split(y, RATE, engine="center", stem="residual").any()


def test_two_passes_at_once_do_not_disturb_each_other(rng):
    y = music(rng, 2.0, 48_000)
    separation = Separation(Settings(engine="hpss"), 48_000, 2)
    alone = np.concatenate([part["harmonic"] for part in separation.run([y])], axis=1)
    blocks = np.array_split(y, 7, axis=1)
    pairs = zip(separation.run(blocks), separation.run(blocks), strict=True)
    first, second = (
        np.concatenate(parts, axis=1) for parts in zip(*[[p["harmonic"] for p in two] for two in pairs], strict=True)
    )
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, alone, atol=1e-6)


@pytest.mark.parametrize(("y", "rate"), [(np.zeros((100, 2), np.float32), RATE), (np.zeros((2, 9), np.float32), 0)])
def test_wrong_arrays_are_refused_at_the_door(y, rate):
    with pytest.raises(ParameterError):
        split(y, rate, engine="center")


def test_the_schema_names_engines_and_stems(cli):
    found = json.loads(cli("split", "--schema").stdout)
    assert found["reads"] == ["audio"] and found["writes"] == ["parts", "audio"]
    assert found["options"]["engine"]["enum"] == [
        "auto",
        "spleeter",
        "repet",
        "hpss",
        "center",
        "demucs",
        "spleeter-package",
    ]
    assert found["options"]["quality"]["default"] == "best"
