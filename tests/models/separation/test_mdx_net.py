"""MDX-Net graphs: against plain NumPy, and what is refused. The graphs are made here, of the published shape."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from audiokit.errors import DamagedError, InputError, ModelError, ParameterError
from audiokit.models.folder import checkpoint
from audiokit.models.folder.importers import import_checkpoint
from audiokit.models.separation.mdx_net import MdxNet, import_mdx
from audiokit.stages.split import split

N_FFT, HOP, DIM_F, DIM_T = 256, 1024, 100, 12
RATE = 44_100


def weights():
    rng = np.random.default_rng(5)
    return rng.standard_normal((4, 4, 1, 1)).astype(np.float32), rng.standard_normal((1, 4, DIM_F, 1)).astype(
        np.float32
    )


def graph(path, *, batch="batch", dims=(4, DIM_F, DIM_T)):
    """A mask of tanh, from a mixing of the four parts and a scale per bin: it depends on all that goes in."""
    mixing, scale = weights()
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *dims]) for name in ("input", "output")]
    nodes = [
        helper.make_node("Conv", ["input", "mixing"], ["mixed"]),
        helper.make_node("Mul", ["mixed", "scale"], ["scaled"]),
        helper.make_node("Tanh", ["scaled"], ["mask"]),
        helper.make_node("Mul", ["mask", "input"], ["output"]),
    ]
    held = [numpy_helper.from_array(mixing, "mixing"), numpy_helper.from_array(scale, "scale")]
    made = helper.make_graph(nodes, "mdx", ports[:1], ports[1:], held)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


def by_numpy(y, compensate):
    """What the graph makes of (2, n): frames, a loop over them, and overlap-add, with nothing of audiokit's."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    chunk, half = HOP * (DIM_T - 1), N_FFT // 2
    held = np.zeros((2, chunk))
    held[:, half : half + y.shape[1]] = y
    padded = np.pad(held, ((0, 0), (half, half)), mode="reflect")
    frames = np.stack([np.fft.rfft(padded[:, HOP * k : HOP * k + N_FFT] * window) for k in range(DIM_T)], axis=-1)
    parts = np.concatenate([[X.real, X.imag] for X in frames])[:, :DIM_F]  # left, then right
    parts[:, :3] = 0
    mixing, scale = weights()
    mask = np.tanh(np.einsum("oi,ift->oft", mixing[..., 0, 0], parts) * scale[0])
    found = mask * parts
    Y = np.zeros_like(frames)
    Y[:, :DIM_F] = found[0::2] + 1j * found[1::2]
    out, power = np.zeros(padded.shape), np.zeros(padded.shape[1])
    for k in range(DIM_T):
        out[:, HOP * k : HOP * k + N_FFT] += np.fft.irfft(Y[..., k], N_FFT) * window
        power[HOP * k : HOP * k + N_FFT] += window**2
    whole = out[:, half : half + chunk] / np.maximum(power[half : half + chunk], 1e-30)
    return compensate * whole[:, half : half + y.shape[1]]


# Frames of the published models overlap six times and more; these would leave gaps.
@pytest.fixture
def overlapping(monkeypatch):
    monkeypatch.setattr("tests.models.separation.test_mdx_net.HOP", 64)


def imported(folder, **more):
    settings = {"n_fft": N_FFT, "dim_f": DIM_F, "dim_t": DIM_T, "compensate": 1.03, **more}
    net, card = import_checkpoint("mdx", graph(folder / "net.onnx"), settings)
    net = MdxNet(**{**net.settings, "hop": HOP})
    net.onnx.copy_(import_checkpoint("mdx", folder / "net.onnx", settings)[0].onnx)
    checkpoint.save(folder / "m", net, {**card, "settings": net.settings})
    return str(folder / "m")


@pytest.mark.parametrize("length", [1, 150, 224])  # up to one window
def test_plain_numpy_gives_the_same(overlapping, length, rng, tmp_path):
    model = imported(tmp_path)
    y = (0.3 * rng.standard_normal((2, length))).astype(np.float32)
    found = split(y, RATE, model=model)
    wanted = by_numpy(y, 1.03)
    assert list(found) == ["vocals", "accompaniment"]
    np.testing.assert_allclose(found["vocals"], wanted, atol=2e-6)
    np.testing.assert_allclose(sum(found.values()), y, atol=1e-6)
    assert length == 1 or np.abs(wanted).max() > 0.05


def test_long_audio_in_windows_and_other_channels(overlapping, rng, tmp_path):
    model = imported(tmp_path)
    y = (0.3 * rng.standard_normal((5, 3001))).astype(np.float32)
    found = split(y, RATE, model=model)
    np.testing.assert_allclose(sum(found.values()), y, atol=1e-6)
    # In the middle of a window the result is that of the window alone.
    window = HOP * (DIM_T - 1) - N_FFT
    pair = split(y[:2], RATE, model=model)["vocals"]
    np.testing.assert_allclose(pair, found["vocals"][:2], atol=1e-6)
    np.testing.assert_allclose(
        pair[:, : window // 2], by_numpy(y[:2, : window - window // 4], 1.03)[:, : window // 2], atol=1e-5
    )


def test_the_published_shape_through_the_command_line(cli, rng, tmp_path):
    graph(tmp_path / "net.onnx", batch=1)
    options = ("--n-fft", N_FFT, "--dim-f", DIM_F, "--dim-t", DIM_T, "--compensate", "1.05")
    cli("models", "import", "mdx", "net.onnx", *options, "-o", "mdx")
    card = json.loads(cli("models", "info", "mdx", "--json").stdout)
    assert card["labels"] == ["vocals", "accompaniment"]
    assert card["settings"]["compensate"] == 1.05 and card["settings"]["dim_t"] == DIM_T
    cli("models", "export", "mdx", "-o", "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / "net.onnx").read_bytes()
    cli("models", "import", "mdx", "net.onnx", "--n-fft", N_FFT, "--set", "stem=Instrumental", "-o", "backing")
    assert checkpoint.read_card(tmp_path / "backing")["labels"] == ["accompaniment", "vocals"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ParameterError, "which n_fft"),
        ({"n_fft": 256, "dim_f": 64}, ParameterError, "the graph takes 100"),
        ({"n_fft": 256, "dim_t": 256}, ParameterError, "the graph takes 12"),
        ({"n_fft": 128}, ParameterError, "n_fft / 2"),
        ({"n_fft": 1 << 15}, ParameterError, "too few"),
    ],
)
def test_sizes_that_do_not_fit(options, error, message, tmp_path):
    with pytest.raises(error, match=message):
        import_mdx(graph(tmp_path / "net.onnx"), **options)


def altered(path, kind):
    """A graph of other numbers, of a batch that is fixed, or one that cuts its frames short."""
    model = onnx.load(graph(path, batch=8 if kind == "batch" else 1))
    if kind == "float16":
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
        for held in model.graph.initializer:
            held.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(held).astype(np.float16), held.name))
    if kind == "NaN":
        scale = numpy_helper.to_array(model.graph.initializer[1]) * np.float32(np.nan)
        model.graph.initializer[1].CopyFrom(numpy_helper.from_array(scale, "scale"))
    if kind == "cut":
        limits = ((0, "first"), (5, "last"), (3, "axis"))
        held = [numpy_helper.from_array(np.array([value], np.int64), name) for value, name in limits]
        model.graph.initializer.extend(held)
        model.graph.node[-1].output[0] = "whole"
        model.graph.node.append(helper.make_node("Slice", ["whole", "first", "last", "axis"], ["output"]))
        model.graph.output[0].type.tensor_type.shape.dim[3].dim_value = 5
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("float16", "does not run with these settings"),
        ("batch", "does not run with these settings"),
        ("cut", r"gives \(1, 4, 100, 5\) where \(1, 4, 100, 12\) is wanted"),
        ("NaN", "makes NaN or infinity"),
    ],
)
def test_a_graph_that_does_not_do_it_is_refused_before_it_is_kept(kind, message, tmp_path):
    with pytest.raises(ModelError, match=message):
        import_mdx(altered(tmp_path / "net.onnx", kind), n_fft=256)


@pytest.mark.parametrize(("option", "value"), [("stem", 5), ("compensate", None), ("n_fft", "abc"), ("dim_f", True)])
def test_settings_of_another_kind(option, value, tmp_path):
    with pytest.raises(ParameterError, match=rf"{option} must be a \w+"):
        import_checkpoint("mdx", graph(tmp_path / "net.onnx"), {"n_fft": 256, option: value})


def test_files_that_are_no_mdx_net(tmp_path):
    with pytest.raises(InputError):
        import_mdx(tmp_path / "none.onnx", n_fft=256)
    (tmp_path / "bad.onnx").write_bytes(b"not a graph")
    with pytest.raises(DamagedError, match="ONNX Runtime cannot load it"):
        import_mdx(tmp_path / "bad.onnx", n_fft=256)
    port = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 3]) for name in ("waves", "stems")]
    made = helper.make_graph([helper.make_node("Tanh", ["waves"], ["stems"])], "g", port[:1], port[1:])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match=r"expected \(1, 4, dim_f, dim_t\).*found waves \(1, 2, 3\)"):
        import_mdx(tmp_path / "other.onnx", n_fft=256)
    with pytest.raises(ParameterError, match="takes any dim-f"):
        import_mdx(graph(tmp_path / "free.onnx", dims=(4, "bins", "frames")), n_fft=256)
