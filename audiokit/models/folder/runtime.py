"""Run networks on arrays: in ONNX Runtime on the processor, in PyTorch on GPUs and where a model has no graph.

    network = open_network("denoiser", kind="denoise")
    mask, *state = network.run(spectrum, *state)

A model folder with graphs (`network.onnx` and others beside its weights, made by `audiokit models export --onnx`) runs
in ONNX Runtime, whose import costs a tenth of PyTorch's. A graph holds no weights, it names them: both runtimes read
the same `weights.safetensors`. What they compute is equal within 1e-4.

The environment decides where --device leaves a choice: AUDIOKIT_RUNTIME=onnx or torch.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from audiokit.errors import DamagedError, ModelError, ParameterError
from audiokit.io.told import detail
from audiokit.models.folder.checkpoint import WEIGHTS, check_kind, find, load, pick_device, read_arrays, read_card
from audiokit.models.folder.graph import MAIN, graphs_of

RUNTIMES = ("auto", "onnx", "torch")
#: Where a graph says what it is made for.
METADATA = "audiokit"
# Bytes of input above which a run's memory is given back after it.
_MUCH = 1 << 22
# What shows that a machine has a GPU that PyTorch may use, without importing it.
_GPUS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


class Network(Protocol):
    """A network that is ready to run.

    Attributes:
        name: how errors call it.
        card: its model card.
        runtime: "onnx" or "torch".
    """

    name: str
    card: dict[str, Any]
    runtime: str

    @property
    def settings(self) -> Mapping[str, Any]:
        """The arguments that built it."""

    def run(self, *inputs: np.ndarray, graph: str = MAIN) -> tuple[np.ndarray, ...]:
        """Run one of its graphs on float32 arrays in the order of `inputs(graph)`."""

    def inputs(self, graph: str = MAIN) -> dict[str, tuple[int | str, ...]]:
        """Names and axes of what a graph takes; words are axes of any size."""

    def facts(self, graph: str = MAIN) -> Mapping[str, Any]:
        """What else the network tells those who run a graph, such as how far it sees."""

    def weight(self, name: str) -> np.ndarray:
        """One of its stored arrays."""


def open_network(spec: str, *, kind: str | None = None, device: str = "auto") -> Network:
    """Load a model, ready to run; the last few stay loaded in this process.

    Args:
        spec: name or folder.
        kind: what it must be for (the card's `kind`).
        device: "cpu" is ONNX Runtime where the model has graphs; "cuda" and "mps" are PyTorch; "auto" is a GPU where
            there is one, else the processor.

    Raises:
        ModelError: unknown, of another kind, without the graphs that AUDIOKIT_RUNTIME=onnx asks for, or its weights
            do not fit.
        DamagedError: its weights or graphs cannot be read.
        ParameterError: AUDIOKIT_RUNTIME is none of its values, or excludes the device.

    >>> network = open_network("denoiser", kind="denoise", device="cpu")
    >>> network.runtime, network.inputs()["spectrum"]
    ('onnx', ('batch', 2, 'frames', 257))
    """
    return _opened(str(find(spec)), str(spec), kind, device, _wished_runtime(device))


@lru_cache(maxsize=8)
def _opened(folder: str, spec: str, kind: str | None, device: str, wished: str) -> Network:
    card = read_card(folder)
    if kind is not None:
        check_kind(card, kind, name=spec)
    graphs = {} if wished == "torch" else find_graphs(folder, card)
    if graphs and (wished == "onnx" or on_processor(device)):
        detail(f"{spec}: model loaded, {card['architecture']}, ONNX Runtime on the processor")
        return OnnxNetwork(Path(folder), card, graphs, name=spec)
    if wished == "onnx":
        raise ModelError(
            f"{spec}: has no graph for ONNX Runtime", hint=f"make it: audiokit models export {spec} --onnx"
        )
    return TorchNetwork(*load(folder, device=device), name=spec)


def _wished_runtime(device: str) -> str:
    wished = os.environ.get("AUDIOKIT_RUNTIME") or "auto"
    if wished not in RUNTIMES:
        raise ParameterError(f"AUDIOKIT_RUNTIME={wished}: is one of {', '.join(RUNTIMES)}")
    if wished == "onnx" and device not in ("auto", "cpu"):
        raise ParameterError(f"AUDIOKIT_RUNTIME=onnx runs on the processor, not on --device {device}")
    return wished


def on_processor(device: str) -> bool:
    """Whether a device is the processor; "auto" is, where there is no GPU. PyTorch is only asked if there may be one.

    >>> on_processor("cpu")
    True
    """
    if device == "cpu":
        return True
    if device == "auto":
        # A Mac always has a GPU; for networks as small as these its processor is there sooner.
        windows = sys.platform == "win32" and Path(os.environ.get("SYSTEMROOT", ""), "System32/nvcuda.dll").exists()
        if not windows and not any(Path(path).exists() for path in _GPUS):
            return True
    return pick_device(device) == "cpu"


def find_graphs(folder: str | os.PathLike[str], card: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Find the graphs of a model folder that were made for the settings on its card.

    Returns:
        Name -> what the graph says about itself; nothing where a network of other settings left graphs behind.

    >>> from audiokit.models.folder.checkpoint import shipped
    >>> folder = shipped()["denoiser"]
    >>> list(find_graphs(folder, read_card(folder)))
    ['network']
    """
    found = {path.stem: read_metadata(path) for path in sorted(Path(folder).glob("*.onnx"))}
    # Through JSON, where tuples and lists are one.
    wanted = json.loads(json.dumps([card["architecture"], card["settings"]]))
    return {
        name: about for name, about in found.items() if [about.get("architecture"), about.get("settings")] == wanted
    }


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what audiokit wrote into an ONNX file about it, without loading the graph; {} in files of others.

    Raises:
        DamagedError: it is no ONNX file.

    References:
        onnx.proto: ModelProto holds metadata_props (14), pairs of key (1) and value (2).
    """
    try:
        data = Path(path).read_bytes()
        pairs = (dict(_fields(entry)) for number, entry in _fields(data) if number == 14)
        return next((json.loads(pair[2]) for pair in pairs if pair.get(1) == METADATA.encode()), {})
    except (IndexError, ValueError, KeyError) as error:
        raise DamagedError(f"{path}: not readable as ONNX ({error})") from None


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number and bytes of every field of a protobuf message that has a length; numbers are passed over."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == 2:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise ValueError("it is cut short")
            yield key >> 3, data[at : at + size]
            at += size
        elif wire == 0:
            _, at = _varint(data, at)
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise ValueError("unknown kind of field")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def threads() -> int:
    """How many threads a network may use: OMP_NUM_THREADS, or the processors that this process may run on.

    Workers of --jobs find their share in OMP_NUM_THREADS.

    >>> threads() >= 1
    True
    """
    given = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if given.isdigit() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


#: Architectures that run on one thread, which takes a tenth of `invert`: the number of threads changes their last
#: bits, and the search for phases that starts from them multiplies those.
ALONE = ("mel2linear",)


class OnnxNetwork:
    """A model folder in ONNX Runtime: a graph is loaded when it is first run."""

    runtime = "onnx"

    def __init__(self, folder: Path, card: dict[str, Any], graphs: Mapping[str, Mapping[str, Any]], *, name: str):
        self.name, self.card = name, card
        self._folder, self._graphs = folder, graphs
        self._weights = read_arrays(folder / WEIGHTS)
        self._sessions: dict[str, Any] = {}
        for about in graphs.values():
            _check_weights(about.get("weights", {}), self._weights, name)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The arguments that built it."""
        return self.card["settings"]

    def run(self, *inputs: np.ndarray, graph: str = MAIN) -> tuple[np.ndarray, ...]:
        """Run one of its graphs on float32 arrays in the order of `inputs(graph)`."""
        session = self._session(graph)
        names = (port.name for port in session.get_inputs())
        feed = {name: np.ascontiguousarray(x, np.float32) for name, x in zip(names, inputs, strict=True)}
        return tuple(session.run(None, feed, _thrifty() if sum(x.nbytes for x in feed.values()) > _MUCH else None))

    def inputs(self, graph: str = MAIN) -> dict[str, tuple[int | str, ...]]:
        """Names and axes of what a graph takes; words are axes of any size."""
        return {port.name: tuple(port.shape) for port in self._session(graph).get_inputs()}

    def facts(self, graph: str = MAIN) -> Mapping[str, Any]:
        """What else the network tells those who run a graph, such as how far it sees."""
        return self._graphs[graph].get("facts", {})

    def weight(self, name: str) -> np.ndarray:
        """One of its stored arrays."""
        return self._weights[name]

    def _session(self, graph: str) -> Any:
        if graph not in self._sessions:
            if graph not in self._graphs:
                raise ModelError(f"{self.name}: has no part {graph!r}", hint=f"there are: {', '.join(self._graphs)}")
            weights = {name: self._weights[name] for name in self._graphs[graph].get("weights", {})}
            count = 1 if self.card.get("architecture") in ALONE else threads()
            self._sessions[graph] = open_session(self._folder / f"{graph}.onnx", weights, count=count)
        return self._sessions[graph]


def open_session(
    path: str | os.PathLike[str],
    weights: Mapping[str, np.ndarray] | None = None,
    *,
    content: bytes | None = None,
    count: int | None = None,
) -> Any:
    """Load an ONNX file into ONNX Runtime on the processor.

    Args:
        path: the file.
        weights: arrays that it names but does not hold.
        content: what the file holds, where it was read already; `path` is its name then.
        count: how many threads; as `threads` says unless given.

    Returns:
        An onnxruntime.InferenceSession; the same inputs give the same numbers.

    Raises:
        DamagedError: the file cannot be read.
    """
    onnxruntime = _onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = count or threads(), 1
    options.use_deterministic_compute = True
    # Threads that wait in a loop would cost processor time, which other workers need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Sizes differ from call to call: plans for memory would be made and kept for each.
    options.enable_mem_pattern = False
    if weights:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(x)) for x in weights.values()]
        options.add_external_initializers(list(weights), values)
    try:
        return onnxruntime.InferenceSession(content or os.fspath(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common ancestor of their own
        raise DamagedError(f"{path}: ONNX Runtime cannot load it ({str(error).splitlines()[0][:160]})") from None


@lru_cache(maxsize=1)
def _onnxruntime() -> Any:
    # Versions of today report every session to its maker, over the network and from a folder of its own in the
    # user's cache, unless it is told not to before it is imported. Nothing here talks to anyone unasked.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    return onnxruntime


@lru_cache(maxsize=1)
def _thrifty() -> Any:
    """Options of a run after which ONNX Runtime gives its memory back, of which it else keeps the most it ever took."""
    options = _onnxruntime().RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def _check_weights(wanted: Mapping[str, Sequence[int]], state: Mapping[str, np.ndarray], name: str) -> None:
    for key, shape in wanted.items():
        if key not in state:
            raise ModelError(f"{name}: the weights do not fit the graph: missing {key}")
        if list(state[key].shape) != list(shape):
            raise ModelError(
                f"{name}: the weights do not fit the graph: {key} is {state[key].shape}, expected {tuple(shape)}"
            )


class TorchNetwork:
    """A network in PyTorch, on any device, behind the same face.

    Args:
        module: the network, on its device.
        card: its model card.
        name: how errors call it.
    """

    runtime = "torch"

    def __init__(self, module: Any, card: Mapping[str, Any], *, name: str = "the network") -> None:
        self.name, self.card, self.module = name, dict(card), module
        self._graphs = graphs_of(module)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The arguments that built it."""
        return getattr(self.module, "settings", None) or self.card["settings"]

    def run(self, *inputs: np.ndarray, graph: str = MAIN) -> tuple[np.ndarray, ...]:
        """Run one of its graphs on float32 arrays in the order of `inputs(graph)`."""
        import torch

        device = next(self.module.parameters()).device
        tensors = [torch.from_numpy(np.ascontiguousarray(x, np.float32)).to(device) for x in inputs]
        with torch.inference_mode():
            found = self._graph(graph).function(*tensors)
        return tuple(y.float().cpu().numpy() for y in (found if isinstance(found, tuple) else (found,)))

    def inputs(self, graph: str = MAIN) -> dict[str, tuple[int | str, ...]]:
        """Names and axes of what a graph takes; words are axes of any size."""
        return {name: port.axes for name, port in self._graph(graph).inputs.items()}

    def facts(self, graph: str = MAIN) -> Mapping[str, Any]:
        """What else the network tells those who run a graph, such as how far it sees."""
        return self._graph(graph).facts

    def weight(self, name: str) -> np.ndarray:
        """One of its stored arrays."""
        return self.module.state_dict()[name].float().cpu().numpy()

    def _graph(self, graph: str) -> Any:
        if graph not in self._graphs:
            raise ModelError(f"{self.name}: has no part {graph!r}", hint=f"there are: {', '.join(self._graphs)}")
        return self._graphs[graph]
