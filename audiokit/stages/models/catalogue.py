"""What `audiokit models` does: the models that are here, and those that could be."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audiokit.engine.talk import on_terminal, show_table
from audiokit.errors import AudiokitError, BatchError, UsageError, shown
from audiokit.models.folder import checkpoint


def installed() -> dict[str, Path]:
    """Find the shipped and the pulled models.

    Returns:
        Name -> folder, shipped ones first.
    """
    pulled = checkpoint.cache_folder() / "models"
    found = checkpoint.shipped()
    if pulled.is_dir():
        folders = (path for path in sorted(pulled.iterdir()) if (path / checkpoint.CARD).exists())
        found.update({path.name: path for path in folders if path.name not in found})
    return found


def print_list(*, as_json: bool) -> None:
    """Print the models that are here, then those that can be pulled."""
    from audiokit.models.folder.pull import REMOTE

    rows: list[dict[str, Any]] = []
    for name, folder in installed().items():
        rows.append(_row(name, folder))
    here = {row["name"] for row in rows}
    for name, remote in REMOTE.items():
        if name not in here:
            row: dict[str, Any] = {
                "name": name,
                "kind": "split",
                "state": "can be pulled",
                "bytes": None,
                "about": remote.about,
            }
            rows.append({**row, **_demucs()} if remote.kind == "demucs" else row)
    if as_json:
        for row in rows:
            print(json.dumps(row))
        return
    if on_terminal():
        sizes = [f"{row['bytes'] / 1e6:.1f} MB" if row["bytes"] else "" for row in rows]
        lines = [
            (row["name"], row["kind"] or "", row["state"], size, row["about"])
            for row, size in zip(rows, sizes, strict=True)
        ]
        show_table(("model", "for", "", "size", "about"), lines, right=[3])
        return
    width, kinds = (max(len(row[key] or "") for row in rows) for key in ("name", "kind"))
    for row in rows:
        megabytes = f"{row['bytes'] / 1e6:6.1f} MB" if row["bytes"] else " " * 9
        line = f"{row['name']:{width}}  {row['kind'] or '':{kinds}}  {row['state']:13} {megabytes}  {row['about']}"
        print(shown(line))


def _row(name: str, folder: Path) -> dict[str, Any]:
    """Tell of a model that is here; of one that is not whole too, as the others are listed nevertheless."""
    try:
        card = checkpoint.read_card(folder)
        size = (folder / checkpoint.WEIGHTS).stat().st_size
    except (AudiokitError, OSError) as error:
        reason = str(error) if isinstance(error, AudiokitError) else f"{folder}: has no {checkpoint.WEIGHTS}"
        return {"name": name, "kind": None, "state": "damaged", "bytes": None, "about": reason}
    where = "shipped" if name in checkpoint.shipped() else "pulled"
    labels = card.get("labels")
    listed = ", ".join(map(str, labels)) if isinstance(labels, list) else ""
    about = card.get("about") or listed or card["architecture"]
    return {"name": name, "kind": card.get("kind"), "state": where, "bytes": size, "about": about}


def _demucs() -> dict[str, Any]:
    """Tell whether the package of Demucs is here, and whether its weights are."""
    from audiokit.models.folder.pull import REMOTE, hub_folder
    from audiokit.models.separation.choice import DEMUCS, has_demucs

    weights = hub_folder() / REMOTE[DEMUCS].file
    about = f"{REMOTE[DEMUCS].about}; the package is {'here' if has_demucs() else 'missing'}"
    if not weights.exists():
        return {"about": f"{about}, the weights are missing"}
    return {"state": "pulled", "bytes": weights.stat().st_size, "about": f"{about}, the weights are here"}


def print_card(model: str, *, as_json: bool) -> None:
    """Print a model's card."""
    folder = checkpoint.find(model)
    card = checkpoint.read_card(folder)
    if as_json:
        print(json.dumps({"folder": str(folder), **card}))
        return
    print(shown(folder))
    for key, value in card.items():
        if key not in ("format", "version"):
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            print(shown(f"  {key}: {text}"))


def verify_models(models: Sequence[str], *, as_json: bool) -> None:
    """Load every model and check it.

    Raises:
        AudiokitError: the error of the only model.
        BatchError: some of several are not in order.
    """
    names = list(models) or list(installed())
    failures: list[AudiokitError] = []
    for name in names:
        try:
            facts = verify(name)
        except AudiokitError as error:
            failures.append(error)
            if as_json:
                print(json.dumps({"model": name, "error": str(error), "status": error.status}))
            elif len(names) > 1:
                print(shown(f"{name}: {str(error).removeprefix(f'{name}: ')}"))
        else:
            text = (
                json.dumps({"model": name, **facts})
                if as_json
                else f"{shown(name)}: {facts['parameters']} numbers, whole"
            )
            print(text)
    if len(names) == 1 and failures:
        raise failures[0]
    if failures:
        raise BatchError(f"{len(failures)} of {len(names)} models are not in order", hint="pull or copy them again")


def verify(model: str) -> dict[str, Any]:
    """Load one model and check that every number is finite.

    Raises:
        ModelError: unknown, or the weights do not fit the card.
        DamagedError: the weights are damaged, or hold NaN or infinity.
    """
    folder = checkpoint.find(model)
    card = checkpoint.read_card(folder)
    state = checkpoint.read_safetensors(folder / checkpoint.WEIGHTS)
    module = checkpoint.build(card["architecture"], card["settings"], name=model)
    checkpoint.load_weights(module, state, name=str(model))
    checkpoint.check_finite(state, str(folder))
    return {"architecture": card["architecture"], "parameters": sum(value.numel() for value in state.values())}


def pull_models(names: Sequence[str], *, archive: str | None, force: bool, quiet: bool) -> None:
    """Fetch models one after the other."""
    from audiokit.models.folder.pull import pull

    if archive is not None and len(names) > 1:
        raise UsageError("--from is one archive, for one model")
    for name in names:
        report = None if quiet else _Meter(name)
        folder = pull(name, archive=archive, force=force, report=report, tell=None if quiet else _say)
        if report is not None:
            report.end()
            print(f"{name}: {folder}", file=sys.stderr)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class _Meter:
    """Say how far a download is: in place on a terminal, every tenth otherwise."""

    def __init__(self, name: str) -> None:
        self.name, self.said, self.live = name, -1, sys.stderr.isatty()

    def __call__(self, done: int, total: int | None) -> None:
        share = int(10 * done / total) if total else done >> 24
        if share != self.said:
            self.said = share
            of = f" of {total / 1e6:.0f}" if total else ""
            print(f"{self.name}: {done / 1e6:.0f}{of} MB", file=sys.stderr, end="\r" if self.live else "\n")

    def end(self) -> None:
        """Leave the line."""
        if self.live and self.said >= 0:
            print(file=sys.stderr)


def import_model(
    kind: str,
    source: str | None,
    out: str | None,
    *,
    settings: Sequence[str],
    given: Mapping[str, Any] | None = None,
    force: bool,
    quiet: bool,
) -> None:
    """Convert a checkpoint, or list the kinds that can be; `given` are settings that have options of their own."""
    from audiokit.io.files import check_free
    from audiokit.models.folder.importers import IMPORTERS, import_checkpoint

    if kind == "list":
        width = max(map(len, IMPORTERS))
        for name, (_, about) in IMPORTERS.items():
            print(f"{name:{width}}  {about}")
        return
    if source is None or out is None:
        raise UsageError(
            "models import needs a checkpoint and -o FOLDER", hint="audiokit models import KIND SOURCE -o FOLDER"
        )
    check_free(out, force=force)
    net, card = import_checkpoint(kind, source, {**_settings(settings), **(given or {})})
    checkpoint.save(out, net, card, force=force)
    if not quiet:
        print(shown(f"{source} -> {out} ({card['architecture']})"), file=sys.stderr)


def _settings(given: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE pairs; a value that is no JSON is text."""
    settings: dict[str, Any] = {}
    for item in given:
        name, found, value = item.partition("=")
        if not found or not name:
            raise UsageError(f"--set {item}: must be NAME=VALUE")
        try:
            settings[name] = json.loads(value)
        except ValueError:
            settings[name] = value
    return settings
