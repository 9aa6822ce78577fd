import json
import pathlib

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from audiokit.errors import BatchError, DamagedError, InputError, ModelError, UsageError
from audiokit.models.folder import checkpoint
from audiokit.models.separation.band_unet import BandUnet
from audiokit.stages.models import catalogue
from audiokit.stages.models.export import export_model, export_network


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


def test_list_names_what_is_here_and_what_can_be_pulled(cli, capsys):
    rows = [json.loads(line) for line in cli("models", "list", "--json").stdout.splitlines()]
    states = {row["name"]: row["state"] for row in rows}
    assert states["spleeter-2stems"] == "can be pulled"
    for name in checkpoint.shipped():
        assert states[name] == "shipped"
    catalogue.print_list(as_json=False)
    assert "spleeter-5stems-16kHz" in capsys.readouterr().out


def test_info_and_verify(cli, folder, capsys):
    assert json.loads(cli("models", "info", "tiny", "--json").stdout)["architecture"] == "band-unet"
    catalogue.verify_models([str(folder)], as_json=False)
    assert "numbers, whole" in capsys.readouterr().out
    weights = folder / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-4:] = np.float32(np.nan).tobytes()
    weights.write_bytes(data)
    with pytest.raises(DamagedError, match="NaN"):
        catalogue.verify_models([str(folder)], as_json=False)
    with pytest.raises(BatchError, match="2 of 2 models are not in order"):
        catalogue.verify_models([str(folder), "none"], as_json=True)


def test_export_gives_the_same_numbers(folder, tmp_path):
    def export(name):
        export_model(str(folder), str(tmp_path / name), force=False, quiet=True)

    export("w.safetensors")
    export("w.pt")
    export("copy")
    one, two = load_file(tmp_path / "w.safetensors"), torch.load(tmp_path / "w.pt", weights_only=True)
    assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)
    assert checkpoint.read_card(tmp_path / "copy") == checkpoint.read_card(folder)
    with pytest.raises(InputError, match="exists already"):
        export("w.pt")
    with pytest.raises(UsageError, match="not written as"):
        export("w.onnx")


def test_pull_offline_says_what_to_do(cli, tmp_path):
    env = {"AUDIOKIT_HOME": str(tmp_path / "home"), "AUDIOKIT_MIRROR": "http://127.0.0.1:9", "AUDIOKIT_RETRY_S": "0"}
    done = cli("models", "pull", "spleeter-2stems", status=5, env=env)
    assert b"curl -L -o 2stems.tar.gz" in done.stderr and b"--from 2stems.tar.gz" in done.stderr
    assert not list((tmp_path / "home").glob("models/*"))
    with pytest.raises(ModelError, match="no such model"):
        catalogue.pull_models(["spleeter-3stems"], archive=None, force=False, quiet=True)


def test_import_reads_a_released_checkpoint(cli, shared, tmp_path):
    source = shared / "golden" / "spleeter" / "pretrained_models" / "4stems"
    cli("models", "import", "spleeter", source, "-o", "four", "--set", "bins=1536")
    card = checkpoint.read_card(tmp_path / "four")
    assert card["labels"] == ["vocals", "drums", "bass", "other"] and card["settings"]["bins"] == 1536


def test_import_refuses_what_it_cannot_read(cli, tmp_path):
    (tmp_path / "model.index").write_bytes(b"no index" * 10)
    assert b"damaged checkpoint index" in cli("models", "import", "spleeter", ".", "-o", "x", status=4).stderr
    with pytest.raises(ModelError, match="unknown kind"):
        catalogue.import_model("nothing", ".", str(tmp_path / "x"), settings=[], force=False, quiet=True)
    with pytest.raises(UsageError, match="-o FOLDER"):
        catalogue.import_model("spleeter", None, None, settings=[], force=False, quiet=True)
    with pytest.raises(UsageError, match="NAME=VALUE"):
        catalogue.import_model("spleeter", ".", str(tmp_path / "x"), settings=["bins"], force=False, quiet=True)
    assert not (tmp_path / "x").exists()


def test_onnx_holds_weights_and_front_end(tmp_path, capsys):
    import onnx
    import onnxruntime

    from audiokit.models.folder.runtime import read_metadata

    out = tmp_path / "denoiser.onnx"
    export_network("denoiser", str(out), force=False, quiet=False)
    assert "differs from PyTorch by" in capsys.readouterr().err
    onnx.checker.check_model(onnx.load(out), full_check=True)
    about = read_metadata(out)
    assert about["frontend"]["rate"] == 16_000 and about["settings"]["n_fft"] == 512
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    assert [port.name for port in session.get_inputs()] == list(about["inputs"])
    feed = {
        port.name: np.zeros([7 if axis == "frames" else 1 if axis == "batch" else axis for axis in port.shape], "f4")
        for port in session.get_inputs()
    }
    assert session.run(["mask"], feed)[0].shape == (1, 2, 7, 257)
    with pytest.raises(InputError, match="exists"):
        export_network("denoiser", str(out), force=False, quiet=True)
    with pytest.raises(UsageError, match=r"writes a \.onnx file"):
        export_network("denoiser", str(tmp_path / "d.pb"), force=False, quiet=True)


def test_what_is_not_exported_says_why(tmp_path, cli):
    from audiokit.models.voice.minirocket import MiniRocket

    net = MiniRocket(c_in=2, seq_len=32, c_out=2, num_features=84)
    card = {"architecture": "minirocket", "settings": net.settings, "kind": "judge"}
    checkpoint.save(tmp_path / "rocket", net, card)
    done = cli("models", "export", "rocket", "--onnx", "-o", "r.onnx", status=5)
    assert b"minirocket is not exported to ONNX: it judges while others are trained" in done.stderr
    assert not (tmp_path / "r.onnx").exists()


def test_force_does_not_replace_a_folder_of_other_things(cli, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/mine").mkdir()
    done = cli("models", "export", "denoiser", "-o", "models", "--force", status=3)
    assert b"models: holds mine, which would be lost" in done.stderr and (tmp_path / "models/mine").is_dir()
    for _ in range(2):
        cli("models", "export", "denoiser", "-o", "models/denoiser", "--force")


def test_force_does_not_replace_a_file_by_a_folder(cli, tmp_path):
    (tmp_path / "notes").write_text("mine")
    done = cli("models", "export", "denoiser", "-o", "notes", "--force", status=3)
    assert b"notes: is a file" in done.stderr and (tmp_path / "notes").read_text() == "mine"


def test_a_model_that_is_not_whole_does_not_hide_the_others(cli, tmp_path):
    home = tmp_path / "home"
    checkpoint_of = checkpoint.shipped()["denoiser"]
    for name in ("cut", "bare"):
        (home / "models" / name).mkdir(parents=True)
    (home / "models/cut/model.json").write_text("{")
    (home / "models/bare/model.json").write_bytes((checkpoint_of / "model.json").read_bytes())
    done = cli("models", "list", "--json", env={"AUDIOKIT_HOME": str(home)})
    rows = {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert rows["denoiser"]["state"] == "shipped"
    assert rows["cut"]["state"] == rows["bare"]["state"] == "damaged"
    assert "not readable as JSON" in rows["cut"]["about"] and "has no weights.safetensors" in rows["bare"]["about"]


@pytest.mark.parametrize(
    ("setting", "value"), [("hop", "5"), ("bins", 0), ("rate", -1), ("stems", 5), ("exponent", None)]
)
def test_a_card_that_somebody_changed(tmp_path, setting, value):
    from audiokit.models.separation.spleeter_unet import SpleeterUnet

    net = SpleeterUnet(filters=[1, 1, 1, 1, 1, 1])
    card = {"architecture": "spleeter-unet", "settings": {**net.settings, setting: value}, "kind": "split"}
    checkpoint.save(tmp_path / "net", net, card)
    with pytest.raises(ModelError, match=rf"net: the settings do not fit \({setting} must be"):
        checkpoint.load(str(tmp_path / "net"))


def test_why_a_checkpoint_is_not_read_is_said_in_a_few_words(tmp_path):
    torch.save({"weight": torch.zeros(9)}, tmp_path / "whole.ckpt")
    torch.save(pathlib.PurePosixPath("x"), tmp_path / "objects.ckpt")
    whole = (tmp_path / "whole.ckpt").read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.ckpt").write_text("no weights")
    reasons = {"cut": "it is cut short or damaged", "text": "it is not a PyTorch file", "objects": "could run code"}
    for name, reason in reasons.items():
        with pytest.raises(ModelError, match=reason):
            checkpoint.read_state_dict(tmp_path / f"{name}.ckpt")
    assert list(checkpoint.read_state_dict(tmp_path / "whole.ckpt")) == ["weight"]
