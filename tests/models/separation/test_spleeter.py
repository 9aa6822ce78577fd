"""Spleeter's models give Spleeter's numbers: against what its own code computed, and by properties."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from audiokit.errors import DamagedError, InputError, ModelError, ParameterError
from audiokit.io.audio import read
from audiokit.models.folder import checkpoint
from audiokit.models.folder.importers import import_checkpoint
from audiokit.models.folder.tfbundle import Bundle
from audiokit.models.separation.spleeter_unet import SpleeterUnet, from_variables, to_variables
from audiokit.stages.split import split

CASES = [
    "2stems__stereo_12s", "2stems__mono_2s", "2stems__gap_3s", "2stems__exact_512_frames",
    "2stems__one_past_512_frames", "2stems__n_1000", "2stems__n_1", "2stems__n_4097", "2stems-16kHz__stereo_12s",
    "2stems-16kHz__gap_3s", "2stems-average__stereo_12s", "2stems-average__gap_3s", "2stems-exp1__gap_3s",
    "4stems__stereo_12s", "4stems__gap_3s", "4stems-16kHz-average__gap_3s", "5stems__gap_3s", "2stems-trained__gap_3s",
    "2stems-mwf__gap_3s", "2stems-mwf__mono_2s", "2stems-mwf__stereo_12s", "4stems-mwf__gap_3s",
]  # fmt: skip
SLICES = {
    "exact_512_frames": (0, 520192),
    "one_past_512_frames": (0, 520193),
    "n_1000": (100000, 101000),
    "n_1": (100000, 100001),
    "n_4097": (100000, 104097),
}


@pytest.fixture(scope="module")
def golden(shared):
    return shared / "golden" / "spleeter"


@pytest.fixture(scope="module")
def model(golden, tmp_path_factory):
    """Import a configuration's checkpoint once, with the settings its file asks for."""
    root, made = tmp_path_factory.mktemp("models"), {}

    def folder(name: str) -> str:
        if name not in made:
            config = json.loads((golden / "configs" / f"{name}.json").read_text())
            source = golden / "pretrained_models" / Path(config["model_dir"]).name
            if not source.exists():
                source = golden / "pretrained_models" / name
            settings = {
                "bins": config["F"],
                "extension": config["mask_extension"],
                "exponent": float(config["separation_exponent"]),
            }
            checkpoint.save(root / name, *import_checkpoint("spleeter", source, settings))
            made[name] = str(root / name)
        return made[name]

    return folder


def clip(golden, name):
    first, last = SLICES.get(name, (0, None))
    y, _ = read(golden / "inputs" / f"{'stereo_12s' if name in SLICES else name}.flac")
    return y[:, first:last]


@pytest.mark.parametrize("case", CASES)
def test_equals_spleeters_own_output(golden, model, case):
    facts = json.loads((golden / "expected.json").read_text())[case]
    found = split(clip(golden, facts["clip"]), 44_100, model=model(facts["config"][:-5]), compat=True, mwf=facts["mwf"])
    assert list(found) == facts["order"]
    expected = np.load(golden / "expected" / f"{case}.npz")
    for stem, y in found.items():
        assert list(y.T.shape) == facts["stems"][stem]["shape"]
        signal = error = 0.0
        for number, (first, last) in enumerate(facts["windows"]):
            window = expected[f"{stem}_w{number}"]
            assert np.abs(y.T[first:last] - window).max() < 3e-5
            signal += float(np.sum(window.astype(np.float64) ** 2))
            error += float(np.sum((y.T[first:last] - window).astype(np.float64) ** 2))
        assert 10 * np.log10(signal / max(error, 1e-30)) > 60
        if f"{stem}_blocks" in expected:  # sums over blocks: no sample is left out
            sums, squares = expected[f"{stem}_blocks"]
            padded = np.zeros((len(sums) * 1024, 2))
            padded[: y.shape[1]] = y.T
            blocks = padded.reshape(-1, 1024, 2)
            np.testing.assert_allclose(blocks.sum(axis=1), sums, atol=1e-2)
            np.testing.assert_allclose((blocks**2).sum(axis=1), squares, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["2stems", "4stems", "5stems"])
def test_the_network_alone(golden, name):
    probe = np.load(golden / "probes" / f"{name}__unet_only.npz")
    net, card = import_checkpoint("spleeter", golden / "pretrained_models" / name)
    with torch.inference_mode():
        found = net.spectrograms(torch.from_numpy(probe["input"]).permute(0, 3, 2, 1)).numpy()
    for stem, y in zip(card["labels"], np.moveaxis(found, 1, 0), strict=True):
        expected = probe[f"{stem}_spectrogram"].transpose(0, 3, 2, 1)
        assert np.abs(y - expected).max() < 5e-6 * np.abs(expected).max()


def tiny(**settings) -> SpleeterUnet:
    torch.manual_seed(3)
    net = SpleeterUnet(filters=[2, 2, 3, 3, 4, 4], n_fft=512, hop=128, bins=128, **settings)
    for name, buffer in net.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.copy_(torch.rand_like(buffer) + 0.1)
    return net.eval()


@pytest.mark.parametrize("stems", [2, 4, 5])
def test_variables_travel_there_and_back(stems):
    from audiokit.models.separation.spleeter_unet import STEMS

    net = tiny(stems=STEMS[stems], elu=stems > 2, softmax=stems == 5)
    variables = to_variables(net.state_dict(), stems)
    state, settings = from_variables(variables.__getitem__, list(variables))
    assert settings["filters"] == [2, 2, 3, 3, 4, 4] and settings["softmax"] is (stems == 5)
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())


def test_frames_beyond_the_reach_do_not_matter():
    net = tiny()
    x = torch.rand(1, 2, 128, 1024)
    with torch.inference_mode():
        whole = net.spectrograms(x)[..., 384:640]
        part = net.spectrograms(x[..., 128:896])[..., 256:512]
        nearer = net.spectrograms(x[..., 320:704])[..., 64:320]
    assert torch.allclose(whole, part, atol=1e-6)
    assert not torch.allclose(whole, nearer, atol=1e-6)


def test_a_checkpoint_of_something_else_is_refused(golden, tmp_path):
    with pytest.raises(ModelError, match="unknown kind"):
        import_checkpoint("spleter", tmp_path)
    with pytest.raises(InputError, match="no such file or folder"):
        import_checkpoint("spleeter", tmp_path / "none")
    with pytest.raises(ParameterError, match="no setting 'bnis'"):
        import_checkpoint("spleeter", tmp_path, {"bnis": 3})
    with pytest.raises(ModelError, match="not a Spleeter model"):
        from_variables({}.__getitem__, ["dense/kernel"])
    source = golden / "pretrained_models" / "2stems"
    for path in source.glob("model.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    data = bytearray((tmp_path / "model.data-00000-of-00001").read_bytes())
    data[Bundle(source).entries["conv2d/kernel"].offset + 5] ^= 1
    (tmp_path / "model.data-00000-of-00001").write_bytes(data)
    with pytest.raises(DamagedError, match="does not match its checksum"):
        import_checkpoint("spleeter", tmp_path)
