"""`audiokit stylize`: audio and chunk sets in, the same out; and the shipped model does what its name says."""

import json
import shutil

import numpy as np
import pytest
import torch

from audiokit import cli as program
from audiokit.dsp.loudness.loudness import measure
from audiokit.dsp.spectrum.stft import stft
from audiokit.dsp.spectrum.style import standard_frontend
from audiokit.engine.batch import Job
from audiokit.engine.chain import Step
from audiokit.engine.settings import SaveOptions
from audiokit.engine.work import Work
from audiokit.errors import ModelError
from audiokit.io.audio import read, write
from audiokit.io.chunkset import open_chunks
from audiokit.models.folder.checkpoint import find_for, load, read_card, save
from audiokit.models.style.resnet_generator import ResnetGenerator
from audiokit.stages.invert.stage import invert
from audiokit.stages.spectro.stage import spectro
from audiokit.stages.stylize.stage import DEFAULT_MODEL, stylize
from tests.signals import plucks, sine


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A generator set by hand: the lower half of the rows stays, the upper falls by up to 20 dB towards the top."""
    network = ResnetGenerator(ngf=4, n_blocks=1, input_nc=2, norm="none", output="residual")
    state = network.state_dict()
    for value in state.values():
        value.zero_()
    state["model.1.weight"][0, 1, 3, 3] = 1  # the height of the row, where it is positive
    for key in ("model.4.weight", "model.7.weight"):
        state[key][0, 0, 1, 1] = 1
    for key in ("model.11.weight", "model.14.weight"):  # interpolates on the way up
        state[key][0, 0] = torch.tensor([[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]])
    state["model.18.weight"][0, 0, 3, 3] = -0.5
    network.load_state_dict(state)
    card = {"kind": "stylize", "architecture": "resnet-generator", "settings": network.settings}
    card["frontend"] = standard_frontend(frames=64, position=True).to_dict()
    card["labels"] = {"from": "bright", "to": "dull"}
    folder = tmp_path_factory.mktemp("models") / "tilt"
    save(folder, network, card)
    return folder


@pytest.fixture
def song(tmp_path, rng):
    y = plucks(rng, 2.5, 44100, channels=2)
    write(tmp_path / "song.wav", y, 44100, subtype="PCM_24")
    return y


def loudness(y, rate=44100):
    return measure(y, rate).integrated_lufs


def sound(path):
    return read(path)[0]


@pytest.fixture
def do(tmp_path, model):
    """Run one stage on files of the test's folder."""
    stages = {"spectro": spectro, "stylize": stylize, "invert": invert}

    def run(name, source, target, subtype=None, **options):
        options |= {"model": str(model)} if name == "stylize" else {}
        work = Work((Step(stages[name], options),), SaveOptions(subtype=subtype))
        return work(Job(str(tmp_path / source), str(tmp_path / target)))

    return run


def test_audio_keeps_everything_but_the_style(cli, tmp_path, song, model):
    done = cli("stylize", "song.wav", "-o", "out.wav", "--model", model, "--json")
    report = json.loads(done.stdout)
    out, info = read(tmp_path / "out.wav")
    assert (info.rate, info.channels, info.length, info.subtype) == (44100, 2, song.shape[1], "PCM_24")
    assert abs(loudness(out) - loudness(song)) < 0.1
    assert report["labels"] == {"from": "bright", "to": "dull"} and report["seconds"] == 2.5
    assert info.history[-1]["name"] == "stylize"
    direct = stylize(sound(tmp_path / "song.wav"), 44100, model=str(model))
    assert np.max(np.abs(direct - out)) < 1e-5
    high, low = (np.abs(stft(y)).mean(axis=(0, 2))[[200, 20]] for y in (out, song))
    assert 20 * np.log10(high[0] / high[1]) < 20 * np.log10(low[0] / low[1]) - 6


def test_every_way_gives_the_same_sound(cli, tmp_path, song, model, do):
    do("stylize", "song.wav", "direct.wav", subtype="FLOAT")
    do("spectro", "song.wav", "song.chunks", chunk="1s", overlap="0.2s")
    do("stylize", "song.chunks", "styled.chunks")
    do("invert", "styled.chunks", "chunks.wav")
    do("spectro", "song.wav", "song.tar")
    tar = cli("stylize", "-", "-o", "-", "--model", model, stdin=(tmp_path / "song.tar").read_bytes()).stdout
    (tmp_path / "piped.tar").write_bytes(tar)
    do("invert", "piped.tar", "tar.wav")
    wav = cli("stylize", "-", "-o", "-", "--model", model, stdin=(tmp_path / "song.wav").read_bytes()).stdout
    (tmp_path / "wav.wav").write_bytes(wav)
    before, after = (open_chunks(tmp_path / name) for name in ("song.chunks", "styled.chunks"))
    assert [(i.start, i.stop, i.shape) for i in before.items] == [(i.start, i.stop, i.shape) for i in after.items]
    assert [entry["name"] for entry in after.head.history] == ["spectro", "stylize"]
    direct = sound(tmp_path / "direct.wav")
    for name in ("chunks", "tar", "wav"):
        other = sound(tmp_path / f"{name}.wav")
        assert other.shape == direct.shape
        assert np.max(np.abs(other - direct)) < 1e-4


@pytest.mark.parametrize("options", [{"preset": "cyclegan-music"}, {"kind": "magnitude", "n_fft": 4096}])
def test_levels_without_phase_change_as_the_audio_does(tmp_path, song, do, options):
    do("stylize", "song.wav", "direct.wav")
    for name in ("song", "direct"):
        do("spectro", f"{name}.wav", f"{name}.chunks", **options)
    do("stylize", "song.chunks", "styled.chunks")
    song_set, direct, styled = (open_chunks(tmp_path / f"{n}.chunks") for n in ("song", "direct", "styled"))
    x, y, z = (np.asarray(reader.load(0)) for reader in (song_set, direct, styled))
    if "kind" in options:  # the strongest cells, in nepers
        x, y, z = (np.maximum(v, y.max() - 5) for v in (x, y, z))
    assert x.shape == y.shape == z.shape
    assert np.mean(np.abs(z - y)) < 0.25 * np.mean(np.abs(x - y))
    kept = ("reference", "lowest")
    assert all(v == styled.head.transform[k] for k, v in song_set.head.transform.items() if k not in kept)


def test_strength_zero_is_the_input(tmp_path, song, do):
    do("stylize", "song.wav", "same.wav", strength=0.0)
    assert np.array_equal(sound(tmp_path / "same.wav"), sound(tmp_path / "song.wav"))


def test_folder_mirrors_and_one_bad_file_does_not_stop_it(tmp_path, song, model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "song.wav").rename(tmp_path / "in/deep/song.wav")
    (tmp_path / "in/bad.wav").write_text("no audio")
    assert program.run(["stylize", "in", "-o", "out/", "--model", str(model)]) == 7
    assert (tmp_path / "out/deep/song.wav").exists() and not (tmp_path / "out/bad.wav").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--model", "nothing"], 5, "no such model"),
        (["--direction", "ba"], 5, "only the way from bright to dull"),
        (["--direction", "up"], 2, "direction"),
        (["--phase", "guess"], 2, "--phase"),
        (["--strength", "2"], 2, "strength"),
        (["--preset", "nothing"], 2, "preset"),
    ],
)
def test_refusals(capsys, monkeypatch, tmp_path, song, model, arguments, status, words):
    monkeypatch.chdir(tmp_path)
    given = arguments if "--model" in arguments else ["--model", str(model), *arguments]
    assert program.run(["stylize", "song.wav", "-o", "out.wav", *given]) == status
    assert words in capsys.readouterr().err and not (tmp_path / "out.wav").exists()


def test_sets_that_the_model_cannot_see_are_refused_with_the_way_out(capsys, monkeypatch, tmp_path, song, model, do):
    monkeypatch.chdir(tmp_path)
    do("spectro", "song.wav", "other.chunks", preset="melgan")
    assert program.run(["stylize", "other.chunks", "-o", "out.chunks", "--model", str(model)]) == 3
    assert "audiokit spectro FILE --preset cyclegan-music" in capsys.readouterr().err
    assert program.run(["stylize", "other.chunks", "song.wav", "-o", "out/", "--model", str(model)]) == 2
    assert not (tmp_path / "out.chunks").exists() and not (tmp_path / "out").exists()


@pytest.mark.parametrize("rate", [8000, 192_000])
@pytest.mark.parametrize("y", [np.zeros((2, 0)), np.zeros((1, 1)), np.zeros((1, 9000)), np.full((8, 999), 0.5)])
def test_odd_sounds(model, rate, y):
    out = stylize(y.astype(np.float32), rate, model=str(model))
    assert out.shape == y.shape and np.isfinite(out).all()
    assert y.any() or not out.any()


def test_an_empty_sound_is_named_once(cli, tmp_path, model):
    write(tmp_path / "empty.wav", np.zeros((1, 0), np.float32), 44_100)
    said = cli("stylize", "empty.wav", "-o", "out.wav", "--model", model).stderr
    assert said.splitlines()[-1] == b"audiokit: empty.wav: holds no samples"


def test_default_model_says_what_it_is():
    network, card = load(DEFAULT_MODEL, kind="stylize")
    assert card["licence"] == "MIT" and "FluidR3" in card["training_data"]["source"]
    for held_out in (card["quality"]["held_out"], *card["quality"]["others"]):
        assert held_out["log_mel_distance_ratio"] <= 0.75 < held_out["fixed_filter_ratio"]
    assert sum(p.numel() for p in network.parameters()) < 500_000


def test_default_model_leaves_of_a_string_what_a_bar_has():
    """A struck string has a dozen strong partials; a vibraphone bar one, and one two octaves above."""
    rate, hz = 44100, 523.25
    t = np.arange(2 * rate) / rate
    string = sum(np.exp(-(1.2 + 0.4 * k) * t) * np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 13))
    y = (0.2 * string).astype(np.float32)[None]
    out = stylize(y, rate)
    levels = []
    for each in (y, out):
        S = np.abs(stft(each, n_fft=8192, hop=2048))[0, :, 4:30].mean(axis=1)
        levels.append([20 * np.log10(S[round(k * hz * 8192 / rate) - 2 :][:5].max()) for k in range(1, 9)])
    change = np.subtract(levels[1], levels[0])
    assert np.mean(change[[1, 2, 4, 5, 6]]) < change[0] - 10
    assert abs(loudness(out) - loudness(y)) < 0.1


def test_default_model_keeps_pitch_and_time():
    rate = 22050
    silence = np.zeros((1, rate), np.float32)
    out = stylize(np.concatenate([silence, sine(440.0, 1.0, rate, 0.3), silence], axis=1), rate)
    middle = np.abs(np.fft.rfft(out[0, rate : 2 * rate] * np.hanning(rate)))
    assert np.argmax(middle) == 440
    energy = np.convolve(out[0] ** 2, np.ones(441), "same")
    loud = np.flatnonzero(energy > 0.1 * energy.max())
    assert abs(loud[0] - rate) < 0.05 * rate and loud[-1] < 2.05 * rate


def test_a_card_can_add_an_ensemble(model, song, tmp_path):
    """What is added wavers, in the length and loudness of the input; strings ship with players."""
    folder = tmp_path / "many"
    shutil.copytree(model, folder)
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    card["ensemble"] = {"level": 0.6, "players": [[14, 3, 0.6]]}
    (folder / "model.json").write_text(json.dumps(card), encoding="utf-8")
    one, many = (stylize(song, 44100, model=str(m)) for m in (model, folder))
    assert many.shape == song.shape and loudness(many) == pytest.approx(loudness(song), abs=0.3)
    late = many - one * np.sum(one * many) / np.sum(one * one)
    assert np.std(late) > 0.2 * np.std(one)
    faulty = shutil.copytree(folder, tmp_path / "faulty")
    card["ensemble"] = {"level": 0.6, "players": [[1, 3, 0.6]]}
    (faulty / "model.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(ModelError, match="ensemble"):
        stylize(song, 44100, model=str(faulty))
    assert len(read_card(find_for("piano-to-strings", "stylize"))["ensemble"]["players"]) == 3
