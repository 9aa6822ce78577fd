"""`page`: one self-contained listening page for folders, files or a training run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from audiokit.engine.command import command
from audiokit.engine.option import Argument, Option
from audiokit.engine.settings import FILES, Force, Quiet
from audiokit.errors import UsageError, shown


@command()
def page(
    places: Annotated[
        list[str], Argument("Folders of audio, pictures, scores and metrics, and files to compare.", "FOLDER|FILE...")
    ],
    *,
    out: Annotated[
        str | None, Option("Default for one folder: index.html in it.", short="-o", metavar="PAGE.html", group=FILES)
    ] = None,
    title: Annotated[str | None, Option("Heading (default: the folder's or the page's name).")] = None,
    embed: Annotated[
        Literal["auto", "flac", "mp3", "link"],
        Option("How audio travels inside the page: auto is FLAC while it is small, then MP3 and a link to each file."),
    ] = "auto",
    exclude: Annotated[
        list[str] | None, Option("Leave out paths below the folder that match; may be given again.", metavar="PATTERN")
    ] = None,
    limit: Annotated[int, Option("Show at most so many audio files.", min=1)] = 200,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Build one self-contained listening page for folders, files or a training run.

    It holds players, pictures, recipes, scores and training curves, and needs no network and no server. Switching
    between tracks keeps the position, so that two versions of a sound can be compared at the same moment, as loud as
    they are or with their loudness matched.

    Examples:
        audiokit page results/
        audiokit page before.wav after.wav -o compare.html
        audiokit page runs/style -o style.html --title "Piano to strings"
    """
    from audiokit.io.files import atomic_file
    from audiokit.listen.collect import collect
    from audiokit.listen.render import render

    target = _target(places, out)
    html = render(
        collect(list(map(Path, places)), page=target, embed=embed, title=title, limit=limit, exclude=exclude or ())
    )
    with atomic_file(target, force=force) as temporary:
        temporary.write_text(html, encoding="utf-8")
    if not quiet:
        print(shown(f"{', '.join(places)} -> {target}"), file=sys.stderr)


def _target(places: Sequence[str], out: str | None) -> Path:
    """The file to write; a folder gets an index.html.

    Raises:
        UsageError: it is not said, standard output, or a file that no browser takes for a page.
    """
    if out is None and (len(places) > 1 or Path(places[0]).is_file()):
        raise UsageError(
            f"{', '.join(places)}: a page of files, or of several folders, needs a name", hint="-o page.html"
        )
    if out is None or out.endswith("/") or Path(out).is_dir():
        return Path(places[0] if out is None else out) / "index.html"
    if out == "-" or Path(out).suffix.lower() not in (".html", ".htm"):
        named = "page" if out == "-" else Path(out).stem
        raise UsageError(f"{out}: a page is a file that ends in .html", hint=f"-o {named}.html")
    return Path(out)
