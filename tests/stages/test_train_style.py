"""`audiokit train cyclegan` and `train pix2pix`: folders in, a model folder out that stylize uses."""

import json
import shutil

import numpy as np
import pytest

from audiokit import cli as program
from audiokit.io.audio import read, write
from audiokit.stages.stylize.stage import stylize
from tests.signals import plucks

TOY = [
    "--ngf",
    "4",
    "--blocks",
    "1",
    "--output",
    "residual",
    "--frames",
    "32",
    "--quiet",
    "--validate-every",
    "3",
    "--learning-rate",
    "5e-3",
]


@pytest.fixture
def sides(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(8)
    for k in range(2):
        y = plucks(rng, 2.0)
        write(tmp_path / f"loud/{k}.wav", y, 22050)
        write(tmp_path / f"soft/{k}.flac", np.cumsum(y, axis=1) * 0.02, 22050)
    return tmp_path


def train(*arguments):
    return program.run(["train", *map(str, arguments)])


def test_cyclegan_makes_a_model_of_both_ways(sides, capsys):
    assert train("cyclegan", "loud", "soft", "-o", "run", "--ndf", 4, *TOY, "--steps", 3, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["output"] == "run" and report["step"] == 3
    card = json.loads((sides / "run/model.json").read_text())
    assert card["labels"] == {"from": "loud", "to": "soft"}
    assert json.loads((sides / "run/G_B/model.json").read_text())["labels"] == {"from": "soft", "to": "loud"}
    y, rate = read(sides / "loud/0.wav")[0], 22050
    there, back = (stylize(y, rate, model=str(sides / "run"), direction=d) for d in ("ab", "ba"))
    assert there.shape == y.shape and not np.allclose(there, back, atol=1e-3)
    assert not (sides / "run/cache").exists() and len(list((sides / "run/samples").iterdir())) == 8
    assert train("cyclegan", "loud", "soft", "-o", "run", "--ndf", 4, *TOY, "--steps", 5) == 3
    assert train("cyclegan", "loud", "soft", "-o", "run", "--ndf", 8, *TOY, "--steps", 5, "--resume") == 2
    assert "ndf was 4, now 8" in capsys.readouterr().err
    assert train("cyclegan", "loud", "soft", "-o", "run", "--ndf", 4, *TOY, "--steps", 5, "--resume") == 0


def test_pix2pix_starts_from_another_model_and_measures_what_was_held_out(sides, capsys):
    common = ["--generator", "resnet", *TOY]
    held = ["--held-out", "loud", "--held-out", "soft"]
    assert train("pix2pix", "loud", "soft", "-o", "one", *common, "--adversarial", 0, "--steps", 12) == 0
    assert train("pix2pix", "loud", "soft", "-o", "two", *common, *held, "--from", "one", "--ndf", 4, "--steps", 1) == 0
    capsys.readouterr()
    first = json.loads((sides / "one/metrics.jsonl").read_text().splitlines()[-1])["validation"]
    second = json.loads((sides / "two/metrics.jsonl").read_text().splitlines()[-1])["validation"]
    assert second["distance_db"] == pytest.approx(first["distance_db"], rel=0.2)
    assert second["input_distance_db"] == pytest.approx(first["input_distance_db"], rel=1e-6)


def test_one_folder_in_the_authors_layout(sides):
    for name, side in (("trainA", "loud"), ("trainB", "soft"), ("testA", "loud"), ("testB", "soft")):
        shutil.copytree(sides / side, sides / "root" / name)
    assert train("cyclegan", "root", "-o", "run", "--ndf", 4, *TOY, "--steps", 1, "--generator", "resnet") == 0
    assert "distance_db" in json.loads((sides / "run/metrics.jsonl").read_text().splitlines()[-1])["validation"]


def test_unet_generator_on_pictures_it_suits(sides):
    options = [o if o != "32" else "128" for o in TOY]
    sounds = [np.tile(read(path)[0], 3) for path in sorted((sides / "loud").iterdir())]
    for k, y in enumerate(sounds):
        write(sides / f"long/{k}.wav", y, 22050)
    arguments = ("long", "long", "-o", "run", "--ndf", 4, *options, "--steps", 1, "--generator", "unet")
    assert train("cyclegan", *arguments) == 0
    assert json.loads((sides / "run/model.json").read_text())["architecture"] == "pix2pix-unet"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["cyclegan", "loud", "-o", "x"], 3, "no trainA and trainB"),
        (["cyclegan", "loud", "nowhere", "-o", "x"], 3, "nowhere: no such folder"),
        (["cyclegan", "loud", "soft", "soft", "-o", "x"], 2, "two folders are needed, not 3"),
        (["cyclegan", "loud", "soft", "-o", "x", "--frames", "256"], 3, "4.0 s of sound, but one crop of the model is"),
        (["cyclegan", "loud", "soft", "-o", "x", "--frames", "30"], 2, "multiples of 4"),
        (["cyclegan", "loud", "soft", "-o", "x", "--frames", "32", "--generator", "cnn"], 2, "not one of resnet, unet"),
        (["cyclegan", "loud", "soft", "-o", "x", "--preset", "melgan"], 5, "in dB"),
        (["cyclegan", "loud", "soft", "-o", "x", "--steps", "3", "--epochs", "1", "--frames", "32"], 2, "exclude"),
        (["cyclegan", "loud", "soft", "-o", "x", "--held-out", "soft"], 2, "given twice"),
        (["cyclegan", "loud", "soft", "-o", "x", "--frames", "32", "--precision", "int8"], 2, "precision"),
        (["pix2pix", "loud", "other", "-o", "x", "--frames", "32", "--generator", "resnet"], 3, "no partner"),
    ],
)
def test_refusals_leave_no_model(sides, capsys, arguments, status, words):
    shutil.copytree(sides / "soft", sides / "other")
    (sides / "other/1.flac").rename(sides / "other/2.flac")
    assert train(*arguments, "--quiet") == status
    assert words in capsys.readouterr().err
    assert not (sides / "x/model.json").exists()


def test_travel_makes_a_one_way_model_that_stylize_uses(sides, capsys):
    options = [o if o != "32" else "16" for o in TOY]
    common = ["travel", "loud", "soft", "-o", "run", "--ndf", 4, "--batch", 1, *options]
    assert train(*common, "--steps", 2, "--json") == 0
    assert json.loads(capsys.readouterr().out)["step"] == 2
    card = json.loads((sides / "run/model.json").read_text())
    assert card["architecture"] == "travel-generator" and card["training"]["steps"] == 2
    y = np.tile(read(sides / "loud/0.wav")[0], (2, 1)) * np.float32([[1.0], [0.5]])
    for rate, phase in ((22050, "input"), (44100, "retrieve")):
        changed = stylize(y, rate, model=str(sides / "run"), phase=phase)
        assert changed.shape == y.shape and not np.allclose(changed, y, atol=1e-4)
    assert train(*common, "--steps", 2, "--position") == 2
    assert train(*common, "--steps", 2, "--frames", 18, "--resume") == 2
