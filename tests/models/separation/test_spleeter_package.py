"""`--engine spleeter-package`, with a program that behaves like spleeter 2.4: options, 16 bits, and statuses."""

import json
import os
import sys

import numpy as np
import pytest
import soundfile as sf

from audiokit.errors import DamagedError, MissingExtraError, ModelError, ParameterError
from audiokit.io.audio import write
from audiokit.stages.split import split

RATE = 44_100
PROGRAM = '''#!{python}
"""Stands in for spleeter: a quarter, an eighth ... of the mix for each stem, both channels."""
import argparse, json, os, pathlib, sys
import numpy as np, soundfile as sf

parser = argparse.ArgumentParser()
commands = parser.add_subparsers(dest="command", required=True)
command = commands.add_parser("separate")
command.add_argument("-p", "--params_filename", default="spleeter:2stems")
command.add_argument("-o", "--output_path", default="/tmp/separated_audio")
command.add_argument("-c", "--codec", default="wav")
command.add_argument("-b", "--bitrate", default="128k")
command.add_argument("-f", "--filename_format", default="{{filename}}/{{instrument}}.{{codec}}")
command.add_argument("-d", "--duration", type=float, default=600.0)
command.add_argument("-s", "--offset", type=float, default=0.0)
command.add_argument("--mwf", action="store_true")
command.add_argument("files", nargs="+")
given = parser.parse_args()
with open({log!r}, "a") as log:
    log.write(json.dumps({{**vars(given), "models": os.environ["MODEL_PATH"]}}) + "\\n")
known = {{"2": "vocals accompaniment", "4": "vocals drums bass other", "5": "vocals piano drums bass other"}}
stems = known[given.params_filename.removeprefix("spleeter:")[0]].split()
mode = os.environ.get("FAKE", "")
model = pathlib.Path(os.environ["MODEL_PATH"], given.params_filename.removeprefix("spleeter:").removesuffix("-16kHz"))
if not model.exists():  # the real one downloads then, and takes any folder that exists for a model
    model.mkdir(parents=True)
    if mode == "offline":
        print("httpx.ConnectError: [Errno -2] Name or service not known", file=sys.stderr)
        sys.exit(1)
    (model / ".probe").write_text("OK")
if mode == "crash":
    print("ValueError: something", file=sys.stderr)
    sys.exit(1)
if mode == "silent":  # the real one logs an error and leaves with 0
    print("ERROR:spleeter:An error occurred during loading of the model", file=sys.stderr)
    sys.exit(0)
for name in given.files:
    y, rate = sf.read(name, always_2d=True)
    assert rate == 44100
    y = y[: int(given.duration * rate)]
    y = np.repeat(y, 2, axis=1) if y.shape[1] == 1 else y[:, :2]
    for number, stem in enumerate(stems):
        path = given.filename_format.format(filename=pathlib.Path(name).stem, instrument=stem, codec=given.codec)
        path = pathlib.Path(given.output_path, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        made = y[: len(y) // 2] if mode == "half" else y
        sf.write(path, made * 0.5 ** (number + 2), rate, subtype="PCM_16")
'''


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put the program into a folder of its own; gives what it was called with."""
    path, log = tmp_path / "bin" / "spleeter", tmp_path / "calls.jsonl"
    path.parent.mkdir()
    path.write_text(PROGRAM.format(python=sys.executable, log=str(log)))
    path.chmod(0o755)
    monkeypatch.setenv("AUDIOKIT_SPLEETER", str(path))
    monkeypatch.setenv("AUDIOKIT_HOME", str(tmp_path / "home"))
    return lambda: [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.parametrize(("channels", "rate"), [(1, RATE), (2, RATE), (3, 48_000)])
def test_lengths_channels_and_rates_are_those_of_the_input(program, rng, channels, rate):
    y = (0.2 * rng.standard_normal((channels, 12_345))).astype(np.float32)
    y = np.cumsum(y, axis=1, dtype=np.float64).astype(np.float32)
    y = 0.5 * y / np.abs(y).max() * np.hanning(y.shape[1]).astype(np.float32)  # resampling leaves that alone
    found = split(y, rate, engine="spleeter-package", residual=True)
    assert list(found) == ["vocals", "accompaniment", "residual"]
    np.testing.assert_allclose(found["vocals"], y / 4, atol=2e-3)
    np.testing.assert_allclose(sum(found.values()), y, atol=1e-6)
    (call,) = program()
    assert len(call["files"]) == (channels + 1) // 2 and call["params_filename"] == "spleeter:2stems"
    assert call["models"].endswith(os.path.join("home", "spleeter-package")) and not call["mwf"]


def test_what_is_louder_than_full_scale_is_not_clipped(program, rng):
    y = np.stack([3 * np.sin(np.arange(3000) / 30)] * 2).astype(np.float32)
    np.testing.assert_allclose(split(y, RATE, engine="spleeter-package", stem="vocals"), y / 4, atol=3e-4)


def test_nothing_ends_at_600_s(program, monkeypatch):
    from audiokit.models.separation import spleeter_package

    monkeypatch.setattr(spleeter_package, "_CORE_S", 2)
    monkeypatch.setattr(spleeter_package, "_CONTEXT_S", 1)
    y = (0.3 * np.sin(np.arange(7 * RATE) / 50))[None].repeat(2, 0).astype(np.float32)
    np.testing.assert_allclose(split(y, RATE, engine="spleeter-package", stem="vocals"), y / 4, atol=1e-4)
    assert len(program()) == 4 and all(call["duration"] > 2 for call in program())


@pytest.mark.parametrize(
    ("options", "name", "count"),
    [
        ({"stems": ["drums"]}, "4stems", 1),
        ({"stems": ["piano", "bass"]}, "5stems", 2),
        ({"model": "spleeter-4stems-16kHz"}, "4stems-16kHz", 4),
        ({"model": "5stems", "mwf": True}, "5stems", 5),
    ],
)
def test_the_configuration_follows_the_stems_or_the_model(program, rng, options, name, count):
    found = split(rng.standard_normal((2, 500)).astype(np.float32), RATE, engine="spleeter-package", **options)
    assert len(found) == count
    assert program()[0]["params_filename"] == f"spleeter:{name}" and program()[0]["mwf"] == options.get("mwf", False)


def test_errors(program, monkeypatch, tmp_path):
    y = np.zeros((2, 100), np.float32)
    with pytest.raises(ParameterError, match="has no such model"):
        split(y, RATE, engine="spleeter-package", model="htdemucs")
    with pytest.raises(ParameterError, match="--compat is for --engine auto or spleeter"):
        split(y, RATE, engine="spleeter-package", compat=True)
    with pytest.raises(ParameterError, match="there are vocals"):
        split(y, RATE, engine="spleeter-package", stems=["flute"])
    for mode, message in (("crash", "spleeter failed .*something"), ("silent", "made no stems .*loading of the model")):
        monkeypatch.setenv("FAKE", mode)
        with pytest.raises(ModelError, match=message):
            split(y, RATE, engine="spleeter-package")
    monkeypatch.setenv("FAKE", "half")
    with pytest.raises(DamagedError, match="made less than it was given"):
        split(np.zeros((2, RATE), np.float32), RATE, engine="spleeter-package")
    monkeypatch.setenv("AUDIOKIT_SPLEETER", str(tmp_path / "nowhere"))
    with pytest.raises(MissingExtraError, match="is no program") as caught:
        split(y, RATE, engine="spleeter-package")
    assert "pip install spleeter==2.4.2" in caught.value.hint and "export AUDIOKIT_SPLEETER=" in caught.value.hint


def test_a_download_that_failed_is_not_taken_for_a_model(program, monkeypatch, tmp_path):
    y = np.zeros((2, 100), np.float32)
    monkeypatch.setenv("FAKE", "offline")
    for _ in range(2):
        with pytest.raises(ModelError, match="Name or service not known"):
            split(y, RATE, engine="spleeter-package")
    monkeypatch.delenv("FAKE")
    split(y, RATE, engine="spleeter-package")
    assert (tmp_path / "home" / "spleeter-package" / "2stems" / ".probe").exists()
    theirs = tmp_path / "theirs" / "2stems"
    theirs.mkdir(parents=True)
    monkeypatch.setenv("MODEL_PATH", str(theirs.parent))
    with pytest.raises(ModelError, match="no whole model") as caught:
        split(y, RATE, engine="spleeter-package")
    assert theirs.exists() and caught.value.hint == f"rm -r {theirs}"


def test_a_batch_is_named_as_ever_and_absence_is_told_before_it_begins(cli, program, rng, tmp_path, monkeypatch):
    for name in ("one", "two"):
        write(tmp_path / "songs" / f"{name}.wav", (0.1 * rng.standard_normal((2, 3000))).astype(np.float32), RATE)
    (tmp_path / "songs" / "bad.wav").write_text("not audio")
    env = {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", "AUDIOKIT_SPLEETER": ""}
    done = cli("split", "songs", "-o", "out/", "--engine", "spleeter-package", "--json", env=env, status=7)
    assert sum("error" in json.loads(line) for line in done.stdout.splitlines()) == 1
    for name in ("one", "two"):
        for stem in ("vocals", "accompaniment"):
            assert sf.info(tmp_path / "out" / name / f"{stem}.wav").frames == 3000
    monkeypatch.delenv("AUDIOKIT_SPLEETER")
    env = {"PATH": str(tmp_path / "none")}
    done = cli("split", "songs", "-o", "other/", "--engine", "spleeter-package", env=env, status=6)
    assert b"there is no program 'spleeter'" in done.stderr and not (tmp_path / "other").exists()
