"""The commands of `models`."""

from __future__ import annotations

from typing import Annotated

from audiokit.engine.command import command
from audiokit.engine.option import Argument, Option
from audiokit.engine.settings import FILES, Force, Json, Quiet

Name = Annotated[str, Argument("A model by name or folder.", "NAME|FOLDER")]


@command(name="list")
def list_models(*, json: Json = False) -> None:
    """Show the models that are here and those that can be pulled.

    Examples:
        audiokit models list
    """
    from audiokit.stages.models.catalogue import print_list

    print_list(as_json=json)


@command()
def info(model: Name, *, json: Json = False) -> None:
    """Describe one model: what it does, what it was trained on, how good it is.

    Examples:
        audiokit models info splitter-2stems
    """
    from audiokit.stages.models.catalogue import print_card

    print_card(model, as_json=json)


@command()
def verify(
    models: Annotated[list[str] | None, Argument("All of them by default.", "[NAME|FOLDER]...")] = None,
    *,
    json: Json = False,
) -> None:
    """Load models and check that their weights are whole, fit, and are finite.

    Examples:
        audiokit models verify
        audiokit models verify runs/splitter
    """
    from audiokit.stages.models.catalogue import verify_models

    verify_models(models or [], as_json=json)


@command()
def pull(
    names: Annotated[list[str], Argument("See 'audiokit models list'.", "NAME...")],
    *,
    archive: Annotated[
        str | None, Option("What was fetched elsewhere, instead of downloading.", flag="--from", metavar="FILE")
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Fetch official models: resumable, checked against their known sums, cached.

    The terms of each are printed first, as its authors publish them, and kept in its card. Where no sum is published,
    that of the first download is recorded, and later ones must match it.

    Examples:
        audiokit models pull melband-roformer-kim
        audiokit models pull spleeter-4stems --from 4stems.tar.gz
    """
    from audiokit.stages.models.catalogue import pull_models

    pull_models(names, archive=archive, force=force, quiet=quiet)


@command(name="import")
def import_model(
    kind: Annotated[str, Argument("Whose checkpoint it is; 'list' shows all kinds.", "KIND")],
    source: Annotated[str | None, Argument("Checkpoint file or folder.", "SOURCE")] = None,
    *,
    out: Annotated[str | None, Option("Model folder to write.", short="-o", metavar="FOLDER", group=FILES)] = None,
    setting: Annotated[
        list[str] | None,
        Option("What the checkpoint does not say; repeatable.", flag="--set", metavar="NAME=VALUE"),
    ] = None,
    config: Annotated[
        str | None, Option("roformer: the YAML it was trained by.", metavar="FILE", reads=True, group=FILES)
    ] = None,
    n_fft: Annotated[int | None, Option("mdx: size of its spectra, such as 6144 or 7680.", min=16)] = None,
    dim_f: Annotated[int | None, Option("mdx: bins it takes (default: as the file says).", min=1)] = None,
    dim_t: Annotated[int | None, Option("mdx: frames it takes (default: as the file says).", min=2)] = None,
    compensate: Annotated[
        float | None, Option("mdx: factor for what it finds, such as 1.035.", min=0.1, max=10)
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Convert an official checkpoint into a model folder, unchanged.

    Examples:
        audiokit models import list
        audiokit models import spleeter pretrained_models/2stems -o models/spleeter
        audiokit models import roformer vocals.ckpt --config vocals.yaml -o models/vocals
        audiokit models import mdx Kim_Vocal_2.onnx --n-fft 7680 --compensate 1.009 -o models/kim
        audiokit models import spleeter pretrained_models/2stems -o models/spleeter-16k --set bins=1536
    """
    from audiokit.stages.models.catalogue import import_model as convert

    flags = {"config": config, "n_fft": n_fft, "dim_f": dim_f, "dim_t": dim_t, "compensate": compensate}
    given = {name: value for name, value in flags.items() if value is not None}
    convert(kind, source, out, settings=setting or [], given=given, force=force, quiet=quiet)


@command()
def export(
    model: Name,
    *,
    out: Annotated[
        str | None, Option("A .safetensors, .pt or .onnx file, or a folder.", short="-o", metavar="PATH", group=FILES)
    ] = None,
    onnx: Annotated[
        bool, Option("The network for ONNX Runtime; without -o, into the model's own folder, where commands run it.")
    ] = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write a model elsewhere: weights as one file for other programs, the network as ONNX, or the folder.

    An ONNX file holds network and weights, and says in its metadata what goes in and comes out. It is checked against
    PyTorch at three lengths. Further parts of a network lie beside the first: FILE.PART.onnx.

    Examples:
        audiokit models export splitter-2stems -o weights.safetensors
        audiokit models export splitter-2stems -o my-splitter/
        audiokit models export splitter-2stems --onnx -o splitter.onnx
        audiokit models export runs/denoiser --onnx
    """
    from audiokit.stages.models.export import export_model, export_network

    if onnx or (out or "").endswith(".onnx"):
        export_network(model, out, force=force, quiet=quiet)
    else:
        export_model(model, out, force=force, quiet=quiet)
