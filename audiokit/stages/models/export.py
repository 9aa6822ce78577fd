"""`models export`: weights for other programs, the network as ONNX, or the whole folder."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from audiokit.errors import UsageError, shown
from audiokit.io.files import atomic_file, atomic_folder, check_free
from audiokit.models.folder import checkpoint
from audiokit.models.folder.graph import MAIN
from audiokit.stages.models.catalogue import verify


def export_model(model: str, out: str | None, *, force: bool, quiet: bool) -> None:
    """Write a model's weights as one file, or its whole folder.

    Raises:
        InputError: the target exists.
        ModelError: the model is unknown.
        UsageError: no target, or its suffix names no format.
    """
    if out is None:
        raise UsageError("models export needs a target", hint="-o FILE.safetensors, -o FOLDER/, or --onnx")
    folder = checkpoint.find(model)
    verify(model)
    suffix = Path(out).suffix if not out.endswith("/") else ""
    if suffix in (".pt", ".pth"):
        import torch

        state = checkpoint.read_safetensors(folder / checkpoint.WEIGHTS)
        with atomic_file(out, force=force) as temporary:
            torch.save(state, temporary)
    elif suffix == ".safetensors":
        with atomic_file(out, force=force) as temporary:
            shutil.copyfile(folder / checkpoint.WEIGHTS, temporary)
    elif suffix:
        raise UsageError(f"{out}: models are not written as {suffix}", hint="use .safetensors, .pt, .onnx or a folder")
    else:
        with atomic_folder(out.rstrip("/"), force=force) as temporary:
            for path in (folder / checkpoint.CARD, folder / checkpoint.WEIGHTS, *sorted(folder.glob("*.onnx"))):
                shutil.copyfile(path, temporary / path.name)
    if not quiet:
        print(shown(f"{model} -> {out}"), file=sys.stderr)


def export_network(model: str, out: str | None, *, force: bool, quiet: bool) -> None:
    """Write a network as ONNX files that hold its weights, or, without a target, as graphs into its own folder.

    Raises:
        InputError: a target exists.
        ModelError: the model is unknown, or its network is not exported.
        MissingExtraError: the extra `export` is not installed.
        UsageError: the target is no .onnx file.
    """
    from audiokit.models.folder.export import export_onnx, load_exportable, place_graphs

    folder = checkpoint.find(model)
    if out is None:
        for name, worst in place_graphs(folder, force=force).items():
            _say(model, folder / f"{name}.onnx", worst, quiet)
        return
    if Path(out).suffix != ".onnx":
        raise UsageError(f"{out}: --onnx writes a .onnx file", hint=f"-o {Path(out).name or 'network'}.onnx")
    if checkpoint.read_card(folder)["architecture"] == "mdx-net":  # the file that was imported
        held = checkpoint.read_arrays(folder / checkpoint.WEIGHTS)["onnx"]
        with atomic_file(out, force=force) as temporary:
            temporary.write_bytes(held.tobytes())
        if not quiet:
            print(f"{model} -> {out}", file=sys.stderr)
        return
    module, card, graphs = load_exportable(model)
    main = MAIN if MAIN in graphs else next(iter(graphs))
    targets = {name: Path(out) if name == main else Path(out).with_suffix(f".{name}.onnx") for name in graphs}
    for target in targets.values():
        check_free(target, force=force)
    made = {name: export_onnx(module, graph, card, name=name) for name, graph in graphs.items()}
    for name, (content, worst) in made.items():
        with atomic_file(targets[name], force=force) as temporary:
            temporary.write_bytes(content)
        _say(model, targets[name], worst, quiet)


def _say(model: str, target: Path, worst: float, quiet: bool) -> None:
    if not quiet:
        print(f"{shown(model)} -> {shown(target)} (differs from PyTorch by {worst:.1e} at most)", file=sys.stderr)
