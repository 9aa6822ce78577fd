import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from audiokit.errors import DamagedError, ModelError, ParameterError
from audiokit.models.folder.checkpoint import read_card, shipped
from audiokit.models.folder.runtime import find_graphs, open_network, read_metadata, threads

SHIPPED = list(shipped())


@pytest.fixture
def denoiser(tmp_path):
    return shutil.copytree(shipped()["denoiser"], tmp_path / "denoiser")


def both(name, monkeypatch):
    found = {}
    for runtime in ("onnx", "torch"):
        monkeypatch.setenv("AUDIOKIT_RUNTIME", runtime)
        found[runtime] = open_network(name, device="cpu")
        assert found[runtime].runtime == runtime
    return found["onnx"], found["torch"]


@pytest.mark.parametrize("name", SHIPPED)
def test_graphs_and_weights_of_shipped_models_agree(name, monkeypatch):
    """Fails when weights of other settings, or a network whose code changed, lie beside an old graph."""
    folder = shipped()[name]
    graphs = find_graphs(folder, read_card(folder))
    assert sorted(graphs) == sorted(path.stem for path in folder.glob("*.onnx"))
    one, other = both(name, monkeypatch)
    for graph, about in graphs.items():
        assert one.inputs(graph) == other.inputs(graph)
        sizes = about["checked"]
        rng = np.random.default_rng(1)
        for size in sizes:
            inputs = [
                rng.uniform(*port["range"], [size.get(axis, axis) for axis in port["axes"]])
                for port in about["inputs"].values()
            ]
            found, wanted = one.run(*inputs, graph=graph), other.run(*inputs, graph=graph)
            again = one.run(*inputs, graph=graph)
            for y, z, w in zip(found, again, wanted, strict=True):
                assert np.array_equal(y, z)
                assert np.abs(y - w).max() <= 1e-4 * max(1.0, np.abs(w).max())


def test_new_weights_need_no_new_graph(denoiser, monkeypatch):
    from safetensors.numpy import load_file, save_file

    state = load_file(denoiser / "weights.safetensors")
    # Another order and layout of the file, and other numbers.
    changed = {key: (value * 0.9 if value.dtype.kind == "f" else value) for key, value in reversed(state.items())}
    save_file(changed, denoiser / "weights.safetensors", metadata={"a": "b" * 100})
    one, other = both(str(denoiser), monkeypatch)
    x = np.random.default_rng(0).standard_normal((1, 2, 20, 257)).astype(np.float32)
    states = [np.zeros([1 if n == "batch" else n for n in s], np.float32) for s in list(one.inputs().values())[1:]]
    old = open_network("denoiser", device="cpu").run(x, *states)[0]
    assert np.abs(one.run(x, *states)[0] - other.run(x, *states)[0]).max() < 1e-4
    assert np.abs(one.run(x, *states)[0] - old).max() > 1e-2


def test_graphs_of_other_settings_are_passed_over(denoiser):
    card = json.loads((denoiser / "model.json").read_text())
    card["settings"]["compression"] = 0.5
    (denoiser / "model.json").write_text(json.dumps(card))
    assert open_network(str(denoiser), device="cpu").runtime == "torch"


def test_damaged_graphs_and_weights_that_do_not_fit_are_named(denoiser, tmp_path):
    from safetensors.numpy import load_file, save_file

    state = load_file(denoiser / "weights.safetensors")
    state.pop("erb.erb_fc.weight")
    save_file(state, denoiser / "weights.safetensors")
    with pytest.raises(ModelError, match=r"missing erb\.erb_fc\.weight"):
        open_network(str(denoiser), device="cpu")
    graph = denoiser / "network.onnx"
    graph.write_bytes(graph.read_bytes()[:-50])
    with pytest.raises(DamagedError, match="not readable as ONNX"):
        open_network(str(denoiser), device="cpu", kind="denoise")
    (tmp_path / "text.onnx").write_text("not a graph")
    with pytest.raises(DamagedError, match="not readable as ONNX"):
        read_metadata(tmp_path / "text.onnx")


def test_the_environment_chooses_and_bad_values_are_refused(denoiser, monkeypatch):
    monkeypatch.setenv("AUDIOKIT_RUNTIME", "tensorflow")
    with pytest.raises(ParameterError, match="AUDIOKIT_RUNTIME"):
        open_network("denoiser")
    monkeypatch.setenv("AUDIOKIT_RUNTIME", "onnx")
    with pytest.raises(ParameterError, match="cuda"):
        open_network("denoiser", device="cuda")
    (denoiser / "network.onnx").unlink()
    with pytest.raises(ModelError, match="no graph") as caught:
        open_network(str(denoiser))
    assert "models export" in caught.value.hint


def test_threads_obey_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads() == 3
    for value in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        assert threads() >= 1
    code = (
        "import os, threading; from audiokit.models.folder.runtime import open_network;"
        "open_network('denoiser', device='cpu').inputs();"
        "print(len(os.listdir('/proc/self/task')))"
    )
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    counts = []
    for count in ("1", "4"):
        monkeypatch.setenv("OMP_NUM_THREADS", count)
        counts.append(int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout))
    assert counts[1] - counts[0] == 3
