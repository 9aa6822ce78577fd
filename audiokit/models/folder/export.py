"""Write the graphs of a network as ONNX: with its weights as one file, or beside the weights of its model folder.

An export is checked before it is kept: ONNX Runtime and PyTorch must agree within 1e-4 at three lengths. Inside a
model folder a graph names the weights and holds none, so that new weights of the same settings need no new graph.

Needs the `onnx` package (extra `export`) and PyTorch.

References:
    ONNX operator set 17 (https://onnx.ai/onnx/operators).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from audiokit.errors import MissingExtraError, ModelError
from audiokit.io.files import atomic_file, check_free
from audiokit.models.folder.checkpoint import WEIGHTS, build, find, load_weights, read_card, read_safetensors
from audiokit.models.folder.graph import MAIN, Graph, graphs_of
from audiokit.models.folder.runtime import METADATA, open_session

OPSET = 17
#: Largest difference between the runtimes that an export may have, of outputs up to 1; in proportion above.
TOLERANCE = 1e-4
# Prefix that the traced module gives to the names of weights.
_OWN = "net."
# Cards may list hundreds of instruments; what is longer stays on the card.
_LONGEST = 4000


def load_exportable(spec: str) -> tuple[Any, dict[str, Any], dict[str, Graph]]:
    """Load a model with the graphs it exports.

    Raises:
        ModelError: it is unknown, its weights do not fit, or it is of an architecture that does not export.
    """
    folder = find(spec)
    card = read_card(folder)
    module = build(card["architecture"], card["settings"], name=str(spec)).eval()
    load_weights(module, read_safetensors(folder / WEIGHTS), name=str(spec))
    graphs = graphs_of(module)
    if not graphs:
        why = getattr(module, "not_exported", "it has no part that is run on its own")
        raise ModelError(f"{spec}: {card['architecture']} is not exported to ONNX: {why}")
    return module, card, graphs


def export_onnx(
    module: Any, graph: Graph, card: Mapping[str, Any], *, weights: bool = True, name: str = MAIN
) -> tuple[bytes, float]:
    """Turn one graph of a network into an ONNX file, and check it.

    Args:
        module: the network, in evaluation mode, on the processor.
        graph: one of its graphs.
        card: its model card; what it says about the front-end becomes metadata.
        weights: put the weights into the file; else it only names those of a `weights.safetensors`.
        name: of the graph.

    Returns:
        The file's content, and the largest difference from PyTorch that was found.

    Raises:
        ModelError: the graph cannot be traced, or the runtimes disagree.
        MissingExtraError: the `onnx` package is not installed.
    """
    model, inner = _traced(module, graph, name)
    state = {key: value.float().numpy() for key, value in module.state_dict().items()}
    named = {tensor.name: state[tensor.name] for tensor in model.graph.initializer if tensor.name in state}
    _compact(model)
    about = _about(card, graph, name, {} if weights else {key: list(value.shape) for key, value in named.items()})
    model.metadata_props.add(key=METADATA, value=json.dumps(about, ensure_ascii=False))
    if not weights:
        _leave_out(model, named)
    content = model.SerializeToString()
    return content, _compare(content, {} if weights else named, graph, inner, name)


def _traced(module: Any, graph: Graph, name: str) -> tuple[Any, Any]:
    """Trace a graph into an onnx.ModelProto whose weights have the network's own names."""
    import torch

    try:
        import onnx
    except ImportError:
        raise MissingExtraError.of("export", "exporting to ONNX") from None

    class Traced(torch.nn.Module):
        """The network with one of its functions as `forward`."""

        def __init__(self) -> None:
            super().__init__()
            self.net = module

        def forward(self, *inputs: torch.Tensor) -> Any:
            """Call the function."""
            return graph.function(*inputs)

    inner = Traced().eval()
    ports = {**graph.inputs, **graph.outputs}
    free = {
        key: {at: axis for at, axis in enumerate(port.axes) if isinstance(axis, str)} for key, port in ports.items()
    }
    # The exporter prints whole graphs where it fails.
    hush = contextlib.redirect_stdout(io.StringIO())
    with warnings.catch_warnings(), torch.no_grad(), tempfile.TemporaryDirectory() as folder, hush:
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                inner, tuple(map(torch.from_numpy, _examples(graph, 0))), f"{folder}/graph.onnx",
                dynamo=False, opset_version=OPSET, do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE,
                input_names=list(graph.inputs), output_names=list(graph.outputs), dynamic_axes=free,
            )  # fmt: skip
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            raise ModelError(f"{name}: cannot be exported ({lines[-1][:160] if lines else error})") from None
        model = onnx.load(f"{folder}/graph.onnx")
    _rename(model, {tensor.name: tensor.name.removeprefix(_OWN) for tensor in model.graph.initializer})
    return model, inner


def _examples(graph: Graph, number: int) -> list[np.ndarray]:
    rng = np.random.default_rng(number)
    sizes = graph.sizes[number]
    return [rng.uniform(port.low, port.high, port.shape(sizes)).astype(np.float32) for port in graph.inputs.values()]


def _rename(model: Any, names: Mapping[str, str]) -> None:
    for tensor in model.graph.initializer:
        tensor.name = names[tensor.name]
    for node in model.graph.node:
        node.ClearField("doc_string")
        for at, name in enumerate(node.input):
            node.input[at] = names.get(name, name)


def _compact(model: Any) -> None:
    """Keep one of each constant, where tracing writes one for every use, and give results short names."""
    first: dict[bytes, str] = {}
    same: dict[str, str] = {}
    kept = []
    for node in model.graph.node:
        for at, name in enumerate(node.input):
            node.input[at] = same.get(name, name)
        if node.op_type == "Constant":
            value = node.attribute[0].SerializeToString(deterministic=True)
            if value in first:
                same[node.output[0]] = first[value]
                continue
            first[value] = node.output[0]
        kept.append(node)
    fixed = {port.name for port in (*model.graph.input, *model.graph.output, *model.graph.initializer)}
    short: dict[str, str] = {}
    for number, node in enumerate(kept):
        node.name = str(number)
        for at, name in enumerate(node.input):
            node.input[at] = short.get(name, name)
        for at, name in enumerate(node.output):
            if name and name not in fixed:
                node.output[at] = short[name] = f"{number}.{at}"
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _leave_out(model: Any, named: Mapping[str, np.ndarray]) -> None:
    """Let tensors that the weights file holds be named only."""
    from onnx import TensorProto

    for tensor in model.graph.initializer:
        if tensor.name in named:
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", WEIGHTS), ("offset", "0"), ("length", str(named[tensor.name].nbytes))):
                tensor.external_data.add(key=key, value=value)


def _about(card: Mapping[str, Any], graph: Graph, name: str, weights: Mapping[str, list[int]]) -> dict[str, Any]:
    """Say what a graph is for, what goes in and out, and how audio becomes that."""
    ports = {
        side: {
            key: {"axes": list(port.axes), "about": port.about, "range": [port.low, port.high]}
            for key, port in found.items()
        }
        for side, found in (("inputs", graph.inputs), ("outputs", graph.outputs))
    }
    kept = {}
    for key in ("kind", "frontend", "labels", "licence"):
        if key in card and len(json.dumps(card[key])) <= _LONGEST:
            kept[key] = card[key]
    made = {"architecture": card["architecture"], "settings": card["settings"], "graph": name, **kept, **ports}
    made["facts"] = dict(graph.facts)
    made["checked"] = [dict(sizes) for sizes in graph.sizes]
    return {**made, "weights": dict(weights)} if weights else made


def _compare(content: bytes, named: Mapping[str, np.ndarray], graph: Graph, inner: Any, name: str) -> float:
    """Run both runtimes at every size; return the largest difference (ModelError above the tolerance)."""
    import torch

    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        path.write_bytes(content)
        session = open_session(path, named)
    for number, sizes in enumerate(graph.sizes):
        inputs = _examples(graph, number)
        try:
            found = session.run(None, dict(zip(graph.inputs, inputs, strict=True)))
        except Exception as error:  # its exceptions have no common ancestor of their own
            why = str(error).splitlines()[0][:160]
            raise ModelError(f"{name}: runs at one length only, not at {sizes} ({why})") from None
        with torch.inference_mode():
            wanted = inner(*map(torch.from_numpy, inputs))
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        for key, one, other in zip(graph.outputs, found, wanted, strict=True):
            other = other.numpy()
            if one.shape != other.shape:
                raise ModelError(f"{name}: {key} is {one.shape} in ONNX Runtime, {other.shape} in PyTorch, at {sizes}")
            apart = float(np.abs(one - other).max(initial=0)) / max(1.0, float(np.abs(other).max(initial=0)))
            if not apart <= TOLERANCE:
                raise ModelError(f"{name}: {key} differs by {apart:.1e} between ONNX Runtime and PyTorch, at {sizes}")
            worst = max(worst, apart)
    return worst


def place_graphs(folder: str | os.PathLike[str], *, force: bool = False) -> dict[str, float]:
    """Put the graphs of a model folder beside its weights, where commands find them.

    Args:
        folder: of the model.
        force: replace those that are there.

    Returns:
        Name of the graph -> largest difference from PyTorch.

    Raises:
        ModelError, MissingExtraError: as `export_onnx`.
        InputError: there are graphs already.
    """
    module, card, graphs = load_exportable(os.fspath(folder))
    for name in graphs:
        check_free(Path(folder) / f"{name}.onnx", force=force)
    made = {name: export_onnx(module, graph, card, weights=False, name=name) for name, graph in graphs.items()}
    for name, (content, _) in made.items():
        with atomic_file(Path(folder) / f"{name}.onnx", force=force) as temporary:
            temporary.write_bytes(content)
    return {name: worst for name, (_, worst) in made.items()}
