"""Every architecture exports, checked against PyTorch while it does, or says why not."""

import numpy as np
import pytest
import torch

from audiokit.errors import ModelError
from audiokit.models.folder import export
from audiokit.models.folder.checkpoint import build, read_card, save, shipped
from audiokit.models.folder.graph import MAIN, Graph, Port, graphs_of
from audiokit.models.folder.registry import ARCHITECTURES

SMALL = {
    "resnet-generator": {"ngf": 4, "n_blocks": 2},
    "patchgan": None,
    "pix2pix-unet": {"ngf": 4, "num_downs": 5},
    "simple-gan": {"bins": 16, "frames": 8, "noise": 4, "width": 16},
    "travel-generator": {"rows": 64, "ngf": 4, "blocks": 1},
    "mel2linear": {"rate": 16_000, "n_fft": 256, "n_mels": 20, "width": 12, "depth": 2},
    "note-decoder": {"latent": 6, "width": 32, "basis": 12, "instruments": 3},
    "note-gan": {"latent": 8, "width": 4},
    "note-cgan": {"latent": 8, "width": 4},
    "note-autoencoder": {"latent": 8, "width": 4},
    "dcgan": {"latent": 8, "width": 4, "bins": 32, "frames": 16},
    "note-classifier": {"width": 4},
    "band-unet": {"n_fft": 512, "hop": 128, "bands": 64, "single": 16, "widths": [4, 6], "memory": 40},
    "spleeter-unet": {"n_fft": 512, "bins": 128, "filters": [2, 2, 2, 2, 2, 2]},
    "mdx-net": None,
    "mel-band-roformer": None,
    "bs-roformer": None,
    "melgan": {"channels": 32, "ratios": [4, 3], "layers": 2},
    "melgan-discriminator": None,
    "hifigan": {"channels": 16, "rates": [4, 2], "kernels": [8, 4], "block_kernels": [3], "dilations": [[1, 3]]},
    "vocos": {"n_mels": 20, "dim": 16, "inside": 24, "layers": 2, "n_fft": 64, "hop": 16},
    "gtcrn": {},
    "wave-unet": {"num_channels": [8, 16], "target_output_size": 100, "instruments": ["bass", "vocals"]},
    "minirocket": None,
    "vocal-cyclegan": {"vocal_channels": [8, 8, 8], "speech_channels": [8, 8, 8], "mels": 16},
}


def small(name):
    torch.manual_seed(0)
    network = build(name, SMALL[name]).eval()
    rng = torch.Generator().manual_seed(1)
    for key, value in network.state_dict().items():
        # Numbers that training would leave, so that nothing is checked with zeros and ones.
        if value.is_floating_point() and key.endswith(("bias", "running_mean", "weight")):
            value.add_(0.05 * torch.randn(value.shape, generator=rng))
    return network


@pytest.mark.parametrize("name", [name for name, settings in SMALL.items() if settings is not None])
def test_every_network_exports_and_is_checked(name):
    network = small(name)
    for part, graph in graphs_of(network).items():
        assert len(graph.sizes) == 3
        card = {"architecture": name, "settings": SMALL[name]}
        content, worst = export.export_onnx(network, graph, card, name=part)
        assert len(content) > 1000 and worst <= export.TOLERANCE


def test_every_architecture_exports_or_says_why():
    from importlib import import_module

    assert list(SMALL) == list(ARCHITECTURES)
    for name, place in ARCHITECTURES.items():
        module, _, kind = place.partition(":")
        network = getattr(import_module(module), kind)
        assert hasattr(network, "graphs") if SMALL[name] is not None else network.not_exported


@pytest.mark.parametrize("padding", ["center", "same"])
def test_vocos_inverts_in_convolutions_as_by_its_transform(padding):
    network = build("vocos", {**SMALL["vocos"], "padding": padding}).eval()
    mel = torch.randn(2, 20, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(network.exported(mel), network(mel), atol=1e-5)


def test_networks_that_differ_between_runtimes_are_refused():
    class Wrong(torch.nn.Module):
        def forward(self, x):
            return x + x.shape[1] * (1.0 if torch.onnx.is_in_onnx_export() else 2.0)

    port = Port(("batch", "n"))
    graph = Graph(Wrong(), {"x": port}, {"y": port}, [{"batch": 2, "n": 3}])
    with pytest.raises(ModelError, match="y differs by"):
        export.export_onnx(torch.nn.Linear(1, 1), graph, {"architecture": "none", "settings": {}})


def test_what_cannot_be_traced_is_one_sentence(capsys):
    port = Port(("batch", "n"))
    graph = Graph(lambda x: torch.fft.rfft(x).abs(), {"x": port}, {"y": port}, [{"batch": 2, "n": 8}])
    with pytest.raises(ModelError, match="cannot be exported") as caught:
        export.export_onnx(torch.nn.Linear(1, 1), graph, {"architecture": "none", "settings": {}})
    assert "\n" not in str(caught.value) and capsys.readouterr().out == ""


def test_a_folder_gets_its_graphs_and_runs_by_them(tmp_path, monkeypatch):
    from audiokit.models.folder.runtime import open_network

    network = small("mel2linear")
    save(tmp_path / "m", network, {"architecture": "mel2linear", "settings": SMALL["mel2linear"], "kind": "mel2linear"})
    mel = np.abs(np.random.default_rng(0).standard_normal((1, 20, 30))).astype(np.float32)
    before = open_network(str(tmp_path / "m"), device="cpu")
    assert before.runtime == "torch"
    assert list(export.place_graphs(tmp_path / "m")) == [MAIN]
    monkeypatch.setenv("AUDIOKIT_RUNTIME", "onnx")
    after = open_network(str(tmp_path / "m"), device="cpu")
    assert after.runtime == "onnx" and np.abs(after.run(mel)[0] - before.run(mel)[0]).max() < 1e-4


def test_shipped_graphs_hold_no_weights():
    """They name them, so that retrained weights need no new graph; tables made of the settings are allowed."""
    import onnx

    for name, folder in shipped().items():
        weights = export.load_exportable(name)[0].state_dict()
        for path in folder.glob("*.onnx"):
            model = onnx.load(path, load_external_data=False)
            held = {x.name for x in model.graph.initializer if x.data_location != onnx.TensorProto.EXTERNAL}
            assert not held & set(weights), path
        assert read_card(folder)["architecture"] in SMALL
