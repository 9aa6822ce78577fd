import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from audiokit.models import checkpoint
from audiokit.models.band_unet import BandUnet


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    net = BandUnet(n_fft=512, hop=128, bands=64, single=16, widths=(4, 4))
    card = {
        "architecture": "band-unet",
        "settings": net.settings,
        "kind": "split",
        "labels": ["vocals", "accompaniment"],
    }
    checkpoint.save(tmp_path / "tiny", net, card)
    return tmp_path / "tiny"


def test_list_names_what_is_here_and_what_can_be_pulled(cli, tmp_path):
    rows = [json.loads(line) for line in cli("models", "list", "--json").stdout.splitlines()]
    states = {row["name"]: row["state"] for row in rows}
    assert states["spleeter-2stems"] == "can be pulled"
    for name in checkpoint.shipped():
        assert states[name] == "shipped"
    assert b"spleeter-5stems-16kHz" in cli("models", "list").stdout


def test_info_and_verify(cli, folder):
    assert json.loads(cli("models", "info", "tiny", "--json").stdout)["architecture"] == "band-unet"
    assert b"numbers, whole" in cli("models", "verify", "tiny").stdout
    weights = folder / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-4:] = np.float32(np.nan).tobytes()
    weights.write_bytes(data)
    assert b"NaN" in cli("models", "verify", "tiny", status=4).stderr
    assert b"2 of 2 models are not in order" in cli("models", "verify", "tiny", "none", status=7).stderr


def test_export_gives_the_same_numbers(cli, folder, tmp_path):
    cli("models", "export", "tiny", "-o", "w.safetensors")
    cli("models", "export", "tiny", "-o", "w.pt")
    cli("models", "export", "tiny", "-o", "copy/")
    one, two = load_file(tmp_path / "w.safetensors"), torch.load(tmp_path / "w.pt", weights_only=True)
    assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)
    assert checkpoint.read_card(tmp_path / "copy") == checkpoint.read_card(folder)
    assert b"exists already" in cli("models", "export", "tiny", "-o", "w.pt", status=3).stderr
    assert b"not written as .onnx" in cli("models", "export", "tiny", "-o", "w.onnx", status=2).stderr


def test_pull_offline_says_what_to_do(cli, tmp_path):
    env = {"AUDIOKIT_HOME": str(tmp_path / "home"), "AUDIOKIT_MIRROR": "http://127.0.0.1:9", "AUDIOKIT_RETRY_S": "0"}
    done = cli("models", "pull", "spleeter-2stems", status=5, env=env)
    assert b"curl -L -o 2stems.tar.gz" in done.stderr and b"--from 2stems.tar.gz" in done.stderr
    assert not list((tmp_path / "home").glob("models/*"))
    assert b"there are: spleeter-2stems" in cli("models", "pull", "spleeter-3stems", status=5).stderr


def test_import_reads_a_released_checkpoint(cli, shared, tmp_path):
    source = shared / "golden" / "spleeter" / "pretrained_models" / "4stems"
    cli("models", "import", "spleeter", source, "-o", "four", "--set", "bins=1536")
    card = checkpoint.read_card(tmp_path / "four")
    assert card["labels"] == ["vocals", "drums", "bass", "other"] and card["settings"]["bins"] == 1536
    assert b"exists already" in cli("models", "import", "spleeter", source, "-o", "four", status=3).stderr


def test_import_refuses_what_it_cannot_read(cli, tmp_path):
    (tmp_path / "model.index").write_bytes(b"no index" * 10)
    assert b"damaged checkpoint index" in cli("models", "import", "spleeter", ".", "-o", "x", status=4).stderr
    assert b"unknown kind" in cli("models", "import", "nothing", ".", "-o", "x", status=5).stderr
    assert b"-o FOLDER" in cli("models", "import", "spleeter", status=2).stderr
    assert b"spleeter" in cli("models", "import", "list").stdout
    assert not (tmp_path / "x").exists()
