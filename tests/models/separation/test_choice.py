"""`split` without a model takes the best that is here for the stems, says so once, and records it; several average."""

import json

import numpy as np
import pytest
import torch

from audiokit.errors import ParameterError
from audiokit.io.audio import write
from audiokit.models.folder import checkpoint
from audiokit.models.folder.remotes import REMOTE
from audiokit.models.separation import choice
from audiokit.models.separation.band_unet import BandUnet
from audiokit.models.separation.roformer import MelBandRoformer
from audiokit.models.separation.settings import Settings, choose_stems
from audiokit.models.separation.spleeter_unet import STEMS, SpleeterUnet
from audiokit.stages.split import split

RATE = 44_100


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A cache without models, and without the weights of Demucs."""
    monkeypatch.setenv("AUDIOKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "home" / "models"


def put(folder, net, architecture, labels):
    card = {"architecture": architecture, "settings": net.settings, "kind": "split", "labels": list(labels)}
    checkpoint.save(folder, net.eval(), card)
    return str(folder)


def roformer(folder, seed=1, stems=("vocals",), rest="accompaniment"):
    torch.manual_seed(seed)
    net = MelBandRoformer(
        dim=4, depth=1, heads=1, head_dim=4, n_fft=64, window=64, hop=16, bands=6, chunk=4000, stems=stems, rest=rest
    )
    return put(folder, net, "mel-band-roformer", dict.fromkeys((*stems, rest)))


def spleeter(folder, stems=2):
    net = SpleeterUnet(filters=[1] * 6, n_fft=512, hop=128, bins=128, stems=STEMS[stems])
    return put(folder, net, "spleeter-unet", STEMS[stems])


def test_the_table_is_whole():
    assert len(set(choice.ORDER)) == len(choice.ORDER) and choice.ORDER[-1] == choice.DEFAULT
    assert set(choice.ORDER) - {choice.DEFAULT} == set(REMOTE)


def test_the_best_that_is_here_for_the_stems(home):
    def chosen(stems=None, stem=None, **more):
        settings, names = choose_stems(Settings(**more), stems, stem)
        return settings.model, names

    two = ["vocals", "accompaniment"]
    assert chosen() == (choice.DEFAULT, two)
    spleeter(home / "spleeter-2stems")
    assert chosen() == ("spleeter-2stems", two)
    spleeter(home / "spleeter-4stems", 4)
    assert chosen() == ("spleeter-2stems", two)
    assert chosen(stem="drums") == ("spleeter-4stems", ["drums"])
    assert chosen(["bass", "drums"]) == ("spleeter-4stems", ["bass", "drums"])
    roformer(home / "melband-roformer-kim")
    assert chosen() == ("melband-roformer-kim", two)
    assert chosen(stem="vocals", residual=False) == ("melband-roformer-kim", ["vocals"])
    assert chosen(residual=True) == ("melband-roformer-kim", [*two, "residual"])
    assert chosen(quality="fast") == (choice.DEFAULT, two)
    assert chosen(compat=True) == ("spleeter-2stems", two)
    assert chosen(engine="spleeter", stem="bass") == ("spleeter-4stems", ["bass"])
    assert chosen(model="spleeter-4stems")[1] == list(STEMS[4])
    (home / "melband-roformer-kim" / "model.json").write_text("{")  # what is not in order is not here
    assert chosen()[0] == "spleeter-2stems"


def test_demucs_counts_where_its_package_and_weights_are(home, monkeypatch, tmp_path, cli):
    assert choice.choose(["drums"]) == choice.DEFAULT
    weights = tmp_path / "torch" / "hub" / "checkpoints" / REMOTE["htdemucs"].file
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"x" * 2_000_000)
    monkeypatch.setattr(choice, "has_demucs", lambda: False)
    assert choice.choose(["drums"]) == choice.DEFAULT
    monkeypatch.setattr(choice, "has_demucs", lambda: True)
    assert choice.choose(["drums"]) == "htdemucs"
    assert choice.choose(["vocals", "accompaniment"]) == choice.DEFAULT
    rows = {row["name"]: row for row in map(json.loads, cli("models", "list", "--json").stdout.splitlines())}
    assert rows["htdemucs"]["bytes"] == 2_000_000 and "the weights are here" in rows["htdemucs"]["about"]
    weights.unlink()
    rows = {row["name"]: row for row in map(json.loads, cli("models", "list", "--json").stdout.splitlines())}
    assert "weights are missing" in rows["htdemucs"]["about"] and rows["htdemucs"]["state"] == "can be pulled"


def test_stems_that_nothing_here_knows_are_told_with_what_knows_them(home):
    with pytest.raises(ParameterError, match="there are vocals, accompaniment") as caught:
        choose_stems(Settings(), None, "drums")
    assert caught.value.hint == "audiokit models pull bs-roformer-4stems"
    with pytest.raises(ParameterError) as caught:
        choose_stems(Settings(), ["flute"], None)
    assert caught.value.hint is None


def songs(tmp_path, rng, count=3):
    for number in range(count):
        y = (0.1 * rng.standard_normal((2, 6000))).astype(np.float32)
        write(tmp_path / "songs" / f"{number}.wav", y, RATE)


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_choice_is_told_once_and_recorded(cli, rng, home, tmp_path, jobs):
    songs(tmp_path, rng)
    roformer(home / "melband-roformer-kim")
    done = cli("split", "songs", "-o", "out/", "--jobs", jobs)
    assert done.stderr.count(b"by melband-roformer-kim, the best model here") == 1
    history = json.loads(cli("info", "out/1/vocals.wav", "--json").stdout)["history"]
    assert history[-1]["name"] == "split" and history[-1]["model"] == "melband-roformer-kim"
    assert b"melband" not in cli("split", "songs", "-o", "quiet/", "--quiet", "--jobs", jobs).stderr
    assert b"best model" not in cli("split", "songs", "-o", "named/", "--model", "melband-roformer-kim").stderr


@pytest.mark.parametrize("jobs", [1, 2])
def test_in_a_chain_the_choice_is_told_once_wherever_split_stands(cli, rng, home, tmp_path, jobs):
    songs(tmp_path, rng)
    words = ("run", "normalize --to -20 | split --stem vocals", "songs", "-o", "out/", "--jobs", jobs)
    done = cli(*words)
    assert done.stderr.count(b"split: by splitter-2stems, the built-in model") == 1
    history = json.loads(cli("info", "out/1.wav", "--json").stdout)["history"]
    assert history[-1]["model"] == choice.DEFAULT
    for silent in ("--quiet", "--dry-run"):
        assert b"split: by" not in cli(*words, "--force", silent).stderr


def test_the_built_in_model_says_what_to_pull(cli, rng, home, tmp_path):
    songs(tmp_path, rng, 2)
    done = cli("split", "songs", "-o", "out/", "--quality", "fast")
    assert done.stderr.count(b"for better stems: audiokit models pull melband-roformer-kim (913 MB)") == 1
    assert b"pull" not in cli("split", "songs", "-o", "quiet/", "--quality", "fast", "-q").stderr
    history = json.loads(cli("info", "out/1/vocals.wav", "--json").stdout)["history"]
    assert history[-1]["model"] == choice.DEFAULT


def test_what_is_refused_before_anything_runs_hears_nothing_of_the_choice(cli, rng, home, tmp_path):
    songs(tmp_path, rng, 2)
    two_on_one, missing = (["songs/1.wav", "-o", "-"], 2), (["none.wav", "-o", "out/"], 3)
    for words, status in (two_on_one, missing, (["songs/1.wav"], 2)):
        assert b"split: by" not in cli("split", *words, status=status).stderr, words
    cli("split", "songs", "-o", "out/", "--quality", "fast")
    assert b"split: by" not in cli("split", "songs", "-o", "out/", "--quality", "fast", "--skip-existing").stderr


def test_python_callers_hear_nothing_and_get_the_same_choice(rng, home, capsys):
    roformer(home / "melband-roformer-kim")
    y = (0.1 * rng.standard_normal((2, 6000))).astype(np.float32)
    np.testing.assert_array_equal(split(y, RATE)["vocals"], split(y, RATE, model="melband-roformer-kim")["vocals"])
    assert capsys.readouterr() == ("", "")


def test_several_models_are_averaged(rng, home, tmp_path):
    one, two = roformer(tmp_path / "one"), roformer(tmp_path / "two", seed=2)
    y = (0.1 * rng.standard_normal((2, 30_000))).astype(np.float32)
    both = split(y, RATE, model=[one, two])
    for stem in ("vocals", "accompaniment"):
        mean = (split(y, RATE, model=one)[stem] + split(y, RATE, model=two)[stem]) / 2
        np.testing.assert_allclose(both[stem], mean, atol=1e-6)
    np.testing.assert_allclose(sum(both.values()), y, atol=1e-6)
    banded = put(
        tmp_path / "b", BandUnet(n_fft=512, hop=128, bands=64, single=16, widths=(4, 4)), "band-unet", STEMS[2]
    )
    mixed = split(y, RATE, model=[one, banded], stem="vocals")
    mean = (split(y, RATE, model=one)["vocals"] + split(y, RATE, model=banded)["vocals"]) / 2
    np.testing.assert_allclose(mixed, mean, atol=1e-6)


def test_models_with_some_stems_in_common(rng, home, tmp_path):
    one, four = roformer(tmp_path / "one"), spleeter(tmp_path / "four", 4)
    y = (0.1 * rng.standard_normal((2, 9000))).astype(np.float32)
    assert list(split(y, RATE, model=[one, four])) == ["vocals"]
    drums = roformer(tmp_path / "drums", stems=("drums",), rest="no-drums")
    with pytest.raises(ParameterError, match="no stem in common"):
        split(y, RATE, model=[one, drums])
    with pytest.raises(ParameterError, match="not averaged"):
        split(y, RATE, model=[four, four], compat=True)
    with pytest.raises(ParameterError, match="takes one --model"):
        split(y, RATE, engine="demucs", model=["a", "b"])


def test_averaging_from_the_shell_is_recorded_and_skipped_when_done(cli, rng, home, tmp_path):
    songs(tmp_path, rng, 1)
    for seed, name in enumerate(("one", "two")):
        roformer(tmp_path / name, seed)
    command = ("split", "songs/0.wav", "-o", "out/", "--model", "one", "--model", "two", "--skip-existing")
    cli(*command)
    history = json.loads(cli("info", "out/0/vocals.wav", "--json").stdout)["history"]
    assert history[-1]["options"]["model"] == ["one", "two"]
    assert b"1 of 1 up to date" in cli(*command).stderr
    cli("split", "songs/0.wav", "-o", "single/", "--model", "one")
    history = json.loads(cli("info", "single/0/vocals.wav", "--json").stdout)["history"]
    assert history[-1]["options"]["model"] == "one"  # as it was before there could be several
