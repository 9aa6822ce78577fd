"""`audiokit models`: list, describe, pull, import, export and verify models."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.cli import CONTEXT
from audiokit.engine.options import Force, Json, Quiet

app = typer.Typer(
    name="models",
    help="""List, describe, pull, import, export and verify models.

    \b
    Examples:
      audiokit models list
      audiokit models verify splitter-2stems
      audiokit models pull spleeter-4stems
    """,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,
    context_settings=CONTEXT,
)
Name = Annotated[str, typer.Argument(metavar="NAME|FOLDER", help="A model by name or folder.")]


@app.command("list", context_settings=CONTEXT)
def list_models(json: Json = False) -> None:
    """Show the models that are here and those that can be pulled.

    \b
    Examples:
      audiokit models list
    """
    from audiokit.models.folder.catalogue import print_list

    print_list(as_json=json)


@app.command(context_settings=CONTEXT)
def info(model: Name, json: Json = False) -> None:
    """Describe one model: what it does, what it was trained on, how good it is.

    \b
    Examples:
      audiokit models info splitter-2stems
    """
    from audiokit.models.folder.catalogue import print_card

    print_card(model, as_json=json)


@app.command(context_settings=CONTEXT)
def verify(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME|FOLDER]...", help="All of them by default.")
    ] = None,
    json: Json = False,
) -> None:
    """Load models and check that their weights are whole, fit, and are finite.

    \b
    Examples:
      audiokit models verify
      audiokit models verify runs/splitter
    """
    from audiokit.models.folder.catalogue import verify_models

    verify_models(models or [], as_json=json)


@app.command(context_settings=CONTEXT)
def pull(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="See 'audiokit models list'.")],
    archive: Annotated[
        str | None, typer.Option("--from", metavar="FILE", help="An archive fetched elsewhere, instead of downloading.")
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Fetch official models: resumable, checked against their known sums, cached.

    \b
    Examples:
      audiokit models pull spleeter-2stems
      audiokit models pull spleeter-4stems --from 4stems.tar.gz
    """
    from audiokit.models.folder.catalogue import pull_models

    pull_models(names, archive=archive, force=force, quiet=quiet)


@app.command("import", context_settings=CONTEXT)
def import_model(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Whose checkpoint it is; 'list' shows all kinds.")],
    source: Annotated[str | None, typer.Argument(metavar="SOURCE", help="Checkpoint file or folder.")] = None,
    out: Annotated[str | None, typer.Option("--out", "-o", metavar="FOLDER", help="Model folder to write.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="What the checkpoint does not say; repeatable."),
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Convert an official checkpoint into a model folder, unchanged.

    \b
    Examples:
      audiokit models import list
      audiokit models import spleeter pretrained_models/2stems -o models/spleeter
      audiokit models import spleeter pretrained_models/2stems -o models/spleeter-16k --set bins=1536
    """
    from audiokit.models.folder.catalogue import import_model

    import_model(kind, source, out, settings=setting or [], force=force, quiet=quiet)


@app.command(context_settings=CONTEXT)
def export(
    model: Name,
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="PATH", help="A .safetensors or .pt file of weights, or a folder.")
    ],
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write a model elsewhere: its weights as one file for other programs, or the whole folder.

    \b
    Examples:
      audiokit models export splitter-2stems -o weights.safetensors
      audiokit models export splitter-2stems -o my-splitter/
    """
    from audiokit.models.folder.catalogue import export_model

    export_model(model, out, force=force, quiet=quiet)
