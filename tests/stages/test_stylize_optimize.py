"""`audiokit stylize --engine optimize`: no model, one recording, and the rest as with a model."""

import json

import numpy as np
import pytest

from audiokit import cli as program
from audiokit.io.audio import read, write
from audiokit.stages.stylize.stage import stylize
from tests.signals import plucks


@pytest.fixture
def sounds(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    y = plucks(rng, 2.0, 44100)
    write("song.wav", np.concatenate([y, 0.5 * y]), 44100, subtype="PCM_24")
    write("style.flac", (0.2 * np.cumsum(rng.standard_normal((1, 40000)), axis=1) * 0.02).astype(np.float32), 22050)
    return tmp_path


def run(*arguments):
    return program.run(["stylize", *map(str, arguments)])


def test_a_file_comes_out_as_it_went_in_but_in_style(sounds, capsys):
    options = ("--engine", "optimize", "--style", "style.flac", "--iterations", 20, "--content", 0.5)
    assert run("song.wav", "-o", "out.wav", *options, "--json") == 0
    done = capsys.readouterr()
    report = json.loads(done.out)
    assert report["style_distance"]["after"] < 0.7 * report["style_distance"]["before"]
    assert report["iterations"] > 0 and report["seconds_per_second"] > 0
    assert "window 1: style distance" in done.err
    y, info = read("out.wav")
    assert (info.rate, info.subtype) == (44100, "PCM_24") and y.shape == read("song.wav")[0].shape
    assert np.abs(y[0] - 2 * y[1]).max() < 1e-3 * np.abs(y).max()  # the stereo picture stays
    assert run("song.wav", "-o", "again.wav", *options, "--quiet") == 0
    assert capsys.readouterr().err == ""
    assert np.array_equal(read("again.wav")[0], y)
    same = stylize(read("song.wav")[0], 44100, engine="optimize", style="style.flac", iterations=20, content=0.5)
    assert np.abs(same / np.abs(same).max() - y / np.abs(y).max()).max() < 1e-3
    # complete outputs are recognised, whoever watched them being made
    assert run("song.wav", "-o", "out.wav", *options, "--skip-existing", "--quiet", "--json") == 0
    assert "iterations" not in capsys.readouterr().out
    assert run("song.wav", "-o", "out.wav", *options, "--seed", 1, "--skip-existing", "--json") == 0
    assert json.loads(capsys.readouterr().out)["iterations"] > 0


def test_refusals(sounds, capsys):
    for arguments, status, message in (
        (("--engine", "optimize"), 2, "needs --style"),
        (("--style", "style.flac"), 2, "is for --engine optimize"),
        (("--engine", "dream", "--style", "style.flac"), 2, "not one of model, optimize"),
        (("--engine", "optimize", "--style", "none.wav"), 3, "no such file"),
        (("--engine", "optimize", "--style", "style.flac", "--features", "nothing"), 5, "nothing"),
    ):
        assert run("song.wav", "-o", "out.wav", *arguments) == status
        assert message in capsys.readouterr().err
    assert not (sounds / "out.wav").exists()
