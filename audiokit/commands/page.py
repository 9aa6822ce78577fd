"""`audiokit page`: one self-contained listening page for a folder or a training run."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import Force, Quiet


def page(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Folder of audio, pictures, scores and metrics.")],
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="PAGE.html", help="Default: index.html in the folder.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Heading (default: the folder's name).")] = None,
    embed: Annotated[
        str, typer.Option(metavar="auto|flac|mp3|link", help="How audio travels inside the page.")
    ] = "auto",
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many audio files.")] = 200,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Build one self-contained listening page: players, pictures, recipes, scores, training curves.

    The page needs no network and no server. Switching between tracks keeps the position, so that two versions of a
    sound can be compared at the same moment.

    \b
    Examples:
      audiokit page results/
      audiokit page runs/style -o style.html --title "Piano to strings"
    """
    import sys
    from pathlib import Path

    from audiokit.errors import ParameterError
    from audiokit.io.files import atomic_file
    from audiokit.listen.collect import collect
    from audiokit.listen.render import render

    if embed not in ("auto", "flac", "mp3", "link"):
        raise ParameterError(f"--embed {embed}: must be auto, flac, mp3 or link")
    target = Path(out) if out else Path(folder) / "index.html"
    html = render(collect(Path(folder), embed=embed, title=title, limit=limit))
    with atomic_file(target, force=force) as temporary:
        temporary.write_text(html, encoding="utf-8")
    if not quiet:
        print(f"{folder} -> {target}", file=sys.stderr)
