"""Defaults of people's own: what is typed wins, what is wrong is said with its place."""

import json

import pytest

import audiokit
from tests import signals


@pytest.fixture
def song(tmp_path, rng):
    audiokit.write(tmp_path / "a.wav", 0.3 * signals.plucks(rng, 1.0, 22_050), 22_050)
    return tmp_path / "a.wav"


def made_with(cli, name, *arguments, env=None):
    cli(*arguments, "-o", name, "--force", env=env)
    [line] = cli("info", name, "--json").stdout.splitlines()
    return json.loads(line)["history"][-1]["options"]


def test_typed_over_environment_over_file_and_command_over_all(song, cli, tmp_path):
    (tmp_path / "audiokit.toml").write_text('[defaults]\nsubtype = "PCM_24"\n[normalize]\nto = -30\npeak = -3.0\n')
    made = made_with(cli, "x.wav", "normalize", song)
    assert (made["to"], made["peak"], made["subtype"]) == (-30.0, -3.0, "PCM_24")
    assert made_with(cli, "x.wav", "normalize", song, env={"AUDIOKIT_NORMALIZE_TO": "-28"})["to"] == -28.0
    environment = {"AUDIOKIT_NORMALIZE_TO": "-28", "AUDIOKIT_SUBTYPE": "FLOAT"}
    made = made_with(cli, "x.wav", "normalize", song, "--to", "-26", env=environment)
    assert (made["to"], made["subtype"]) == (-26.0, "FLOAT")
    assert made_with(cli, "x.wav", "normalize", song, env={"AUDIOKIT_CONFIG": ""}).get("subtype") is None


def test_the_nearest_file_counts_and_a_project_file_may_be_it(song, cli, tmp_path):
    inner = tmp_path / "songs/new"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.other]\nx = 1\n[tool.audiokit.normalize]\nto = -30\n")
    cli("normalize", song, "-o", "x.wav", cwd=inner)
    assert audiokit.Sound.open(inner / "x.wav").history[-1]["options"]["to"] == -30.0
    (inner / "audiokit.toml").write_text("[normalize]\nto = -25\n")
    cli("normalize", song, "-o", "x.wav", "--force", cwd=inner)
    assert audiokit.Sound.open(inner / "x.wav").history[-1]["options"]["to"] == -25.0


def test_chains_equal_the_pipe_with_defaults_too(song, cli, tmp_path):
    (tmp_path / "audiokit.toml").write_text(
        "[defaults]\njobs = 2\n[normalize]\nto = -30\njobs = 1\n[spectro]\nn-fft = 1024\n"
    )
    stream = cli("normalize", song, "-o", "-").stdout
    cli("spectro", "-", "-o", "pipe.chunks", stdin=stream)
    cli("run", "normalize | spectro", song, "-o", "run.chunks")
    pipe, run = (json.loads((tmp_path / f"{name}.chunks/manifest.json").read_text()) for name in ("pipe", "run"))
    assert pipe["history"] == run["history"] and pipe["history"][1]["options"]["n_fft"] == 1024
    assert pipe["items"] == run["items"] and all("sha256" in item for item in run["items"])


def test_flags_and_options_that_repeat(song, cli, tmp_path):
    (tmp_path / "audiokit.toml").write_text('[normalize]\nlimiter = false\n[mix]\ngain = ["-3dB", "-6dB"]\n')
    assert made_with(cli, "x.wav", "normalize", song, "--to", "-20").get("limiter", False) is False
    assert made_with(cli, "x.wav", "normalize", song, "--to", "-20", "--limiter")["limiter"] is True
    assert made_with(cli, "x.wav", "mix", song, song)["gain"] == ["-3dB", "-6dB"]
    assert made_with(cli, "x.wav", "mix", song, song, "--gain", "-1dB", "--gain", "-2dB")["gain"] == ["-1dB", "-2dB"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[normalize]\nt0 = 3", "normalize has no option 't0'"),
        ("[normalise]\nto = -16", "did you mean normalize?"),
        ("[defaults]\nto = -16", "not an option that commands share"),
        ("[defaults]\njob = 2", "did you mean jobs?"),
        ("to = -16", "stands outside of any table"),
        ('[normalize]\nout = "x"', "no option 'out'"),
        ("[normalize]\nlimiter = 3", "neither true nor false"),
        ("[normalize]\nto = [1, 2]", "no value of --to"),
        ("[normalize]\nto = 7", "--to comes from"),
        ('[normalize]\nmode = "loudnes"', "--mode comes from"),
        ("[normalize", "not readable as TOML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(song, cli, tmp_path, text, said):
    (tmp_path / "audiokit.toml").write_text(text)
    complaint = cli("normalize", song, "-o", "x.wav", status=2).stderr.decode()
    assert said in complaint and "audiokit.toml" in complaint
    assert not (tmp_path / "x.wav").exists()
    cli("normalize", "--help")


def test_config_shows_where_each_comes_from(cli, tmp_path):
    (tmp_path / "audiokit.toml").write_text("[normalize]\nto = -16\n[train.gan]\nwidth = 8\n")
    environment = {"AUDIOKIT_JOBS": "3", "AUDIOKIT_TRAIN_GAN_STEPS": "5", "AUDIOKIT_NOTHING": "1"}
    found = json.loads(cli("config", "--json", env=environment).stdout)
    assert found["file"] == str(tmp_path / "audiokit.toml") and found["unused"] == ["AUDIOKIT_NOTHING"]
    rows = [(row["command"], row["option"], row["value"]) for row in found["settings"]]
    assert rows == [("normalize", "to", -16), ("train gan", "width", 8), ("", "jobs", "3"), ("train gan", "steps", "5")]
    assert "AUDIOKIT_NOTHING: sets nothing" in cli("config", env=environment).stdout.decode()
    (tmp_path / "audiokit.toml").write_text("[train.gan]\nwidht = 8\n")
    assert b"did you mean width?" in cli("config", status=2).stderr
