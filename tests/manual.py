"""What the generated parts of README.md and docs/ are made of; `make readme` fills them in, a test looks.

cog calls these functions from the pages. Everything comes from where it is said once: declarations, model cards, and
the tables that the benches wrote.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def command_table(folder: str) -> str:
    """Every command with its line, linked to its page in a folder ("docs/commands/", "")."""
    from audiokit.cli import COMMANDS

    rows = [f"| [`{name}`]({folder}{name}.md) | {line} |" for name, (_, line) in COMMANDS.items()]
    return "\n".join(["| command | does |", "|---|---|", *rows])


def recipe_table() -> str:
    """Every training recipe with its line, linked to its options further down the page."""
    from audiokit.stages.train.group import train

    rows = [f"| [`train {name}`](#train-{name}) | {line} |" for name, (_, line) in train.table.items()]
    return "\n".join(["| recipe | trains |", "|---|---|", *rows])


def reference(name: str) -> str:
    """Everything that a command's declaration says: what flows, the options in their groups, the examples of its help.

    A group of commands (`train`, `models`) has a section for each.
    """
    from audiokit.engine.table import find

    found = find(name)
    if hasattr(found, "table"):
        return "\n\n".join(
            f"## {name} {inner}\n\n{_about(found.find(inner), f'{name} {inner}', '###')}" for inner in found.table
        )
    return _about(found, name, "##")


def _about(found: Any, name: str, level: str) -> str:
    from audiokit.engine.shell import declared_by, headings

    parts = []
    if level == "###":
        parts.append(found.summary)
    if hasattr(found, "reads"):
        parts.append(_flows(found))
    options = {o.name: o for o in declared_by(found) if not getattr(o.about, "hidden", False)}
    under = headings(options.values())
    for heading in dict.fromkeys(under.values()):
        rows = [_row(options[name]) for name in under if under[name] == heading]
        parts.append("\n".join([f"{level} {heading}\n", "| option | meaning |", "|---|---|", *rows]))
    examples = _examples(found)
    if examples:
        parts.append(f"{level} Examples of the help\n\n```text\n{examples}\n```")
    parts.append(f"`audiokit {name} --schema` prints these options as JSON, for front-ends.")
    return "\n\n".join(parts)


def _flows(stage: Any) -> str:
    reads = " or ".join(kind.kind for kind in stage.reads) or "nothing"
    writes = " or ".join(kind.kind for kind in stage.writes)
    several = ", several at once" if stage.many else ""
    door = f"audiokit.{stage.function.__name__}"
    return f"Reads {reads}{several}; writes {writes}. From Python: `{door}(...)`; in a chain: `... | {stage.name}`."


def _examples(found: Any) -> str:
    _, _, rest = inspect.cleandoc(found.__doc__ or "").partition("Examples:\n")
    return inspect.cleandoc("\n" + rest.partition("\n\n")[0]) if rest else ""


def _row(option: Any) -> str:
    """One option as a row: what is typed, and what it means, its choices, range and default."""
    about = option.about
    if not hasattr(about, "flag"):
        return f"| <code>{_cell(about.metavar)}</code> | {_cell(about.help)} |"
    typed = [*([about.short] if about.short else []), about.flag or option.flag]
    value = "" if option.is_flag else " " + _placeholder(option)
    said = [_cell(option.help)]
    limits = _limits(about)
    if limits:
        said.append(limits)
    if option.default not in (None, False, inspect.Parameter.empty) and not (option.is_flag and "/" in typed[-1]):
        said.append(f"Default: <code>{_cell(str(option.default))}</code>.")
    if option.is_flag and "/" in typed[-1]:
        said.append(f"Default: <code>{typed[-1].split('/')[0 if option.default else 1]}</code>.")
    return f"| <code>{_cell(', '.join(typed) + value)}</code> | {' '.join(said)} |"


def _placeholder(option: Any) -> str:
    if option.about.metavar:
        return str(option.about.metavar)
    if option.choices:
        return "|".join(option.choices)
    if option.is_source:
        return "FILE"
    return "N" if int in option.kinds and float not in option.kinds else "X" if float in option.kinds else "TEXT"


def _limits(about: Any) -> str:
    if about.min is None and about.max is None:
        return ""
    if about.max is None:
        return f"At least {about.min:g}."
    return f"At most {about.max:g}." if about.min is None else f"{about.min:g} to {about.max:g}."


def _cell(text: str) -> str:
    """Text as a cell of a Markdown table: no bar, and nothing that reads as markup."""
    return escape(text, quote=False).replace("|", "&#124;").replace("*", "&#42;").replace("_", "&#95;")


def remote_table() -> str:
    """What can be fetched, with size and terms."""
    from audiokit.models.folder.remotes import REMOTE

    rows = [f"| `{name}` | {r.about} | {r.told_size} | {r.licence} |" for name, r in REMOTE.items()]
    return "\n".join(["| model | what it is | size | terms as published |", "|---|---|---|---|", *rows])


def model_table() -> str:
    """Every model that ships, from its own card."""
    rows = []
    for card_file in sorted((ROOT / "audiokit/weights").glob("*/model.json")):
        card = json.loads(card_file.read_text())
        size = (card_file.parent / "weights.safetensors").stat().st_size / 1e6
        licence = card.get("licence", "MIT")
        rows.append(
            f"| `{card_file.parent.name}` | {card['kind']} | {card['architecture']} | {size:.1f} MB | {licence} |"
        )
    return "\n".join(["| model | for | architecture | size | licence |", "|---|---|---|---|---|", *rows])


#: Result file -> heading, in the order of the page; files that are not listed come last under their own name.
HEADINGS = {
    "commands": "Each command beside what you would otherwise run",
    "commands-long": "The same with ten minutes",
    "startup": "Start-up",
    "folders": "Folders of short files",
    "memory": "Memory",
    "networks": "Networks in ONNX Runtime",
    "growth": "How cost grows",
    "run": "run: a chain in one process",
    "run-memory": "run: memory by length and by stages",
    "split": "split: separation",
    "denoise": "denoise: noise taken away",
    "normalize": "normalize: loudness reached",
    "mix": "mix: sums",
    "beats": "align-beats: beats, alignment and keys",
    "invert": "invert: phases found",
    "mel": "invert: mel bands to audio",
    "vocoder": "invert: vocoders",
    "mel-vocoder": "invert: mel inverter and vocoder",
    "stylize": "stylize: trained models",
    "restyle": "stylize: the style of one recording",
    "groove": "stylize: off-beats moved",
    "generate": "generate: notes",
    "velocity": "generate: velocity",
    "pitch": "Pitch trackers in noise and rooms",
    "morph": "morph: from one clip to another",
    "score": "score: measures",
}


def benchmarks() -> str:
    """Every results table that a bench wrote (tests/bench/results/NAME.md), under a heading each, and how to repeat it.

    Before them, the rows in which something else is faster.
    """
    found = list(_results())
    made = {name: path.stem for path in sorted((ROOT / "tests/bench").glob("bench_*.py")) for name in _published(path)}
    parts = [_losses({name: text for name, _, text in found})]
    for name, heading, text in found:
        bench = made.get(name, f"bench_{name.partition('-')[0]}")
        known = (ROOT / f"tests/bench/{bench}.py").exists()
        kept = (ROOT / f"tests/bench/results/rows/{name}.json").exists()
        row = " --seconds 600" if name == "commands-long" else ""
        row += "`, or one row of it: `--only ROW" if kept else ""
        again = f"\n\nTo repeat: `python -m tests.bench.{bench}{row}`" if known else ""
        parts.append(f"## {heading}\n\n{text}{again}")
    return "\n\n".join(part for part in parts if part)


def _published(bench: Path) -> list[str]:
    """Names of the results that a bench writes."""
    return re.findall(r"publish\(\s*\"([a-z-]+)\"", bench.read_text())


def _folder_losses(text: str) -> list[str]:
    """Folders that are less than so many times as fast as the loop, or as one job, that they are measured by."""
    rows, kind, command = [], "", ""
    for label, *cells in _cells(text):
        if " files of " in label:
            kind = label.rpartition(": ")[2]
        elif label.startswith("`audiokit"):
            command = "`" + label.strip("`").split()[1] + "`"
            wanted = _FOLDERS_WANTED.get(kind, 1.0)
            if float(cells[1].rstrip("x")) < wanted:
                rows.append(
                    f"| {command} | a folder: {kind}, beside a loop | {cells[1]} as fast, of {wanted:g}x wanted |"
                )
        elif label.startswith("with") and float(cells[3].rstrip("x")) < _JOBS_WANTED:
            said = f"{cells[3]} as fast as one job, of {_JOBS_WANTED}x wanted"
            rows.append(f"| {command} {label.removeprefix('with ')} | a folder: {kind} | {said} |")
    return rows


def _losses(results: dict[str, str]) -> str:
    """Whole commands that something else beats, that grow faster than their input, or that start slowly."""
    rows, command = [], ""
    for name, long in (("commands", "a minute"), ("commands-long", "ten minutes")):
        for label, *cells in _cells(results.get(name, "")):
            command = label.strip("*") if label.startswith("**") else command
            said = re.search(r"audiokit is ([0-9.]+)x", cells[-1])
            if said and float(said[1]) < 1:
                rows.append(f"| {command} | {long}, beside {label} | {cells[-1]} |")
    for label, *cells in _cells(results.get("growth", "")):
        if cells[4] not in ("-", "slope") and float(cells[4]) > _LINEAR:
            rows.append(f"| {label} | longer and longer input | time grows with the power {cells[4]} of the length |")
        if (grown := _grown_mb(cells[5:9])) > _FLAT_MB:
            rows.append(f"| {label} | longer and longer input | {grown:.0f} MB more for each ten minutes |")
    for label, *cells in _cells(results.get("startup", "")):
        limit = _STARTS_MS["onnxruntime" in cells[-1]]
        if (
            len(cells) == 3
            and not label.startswith("`")
            and re.fullmatch(r"[0-9.]+", cells[0])
            and float(cells[0]) > limit
        ):
            rows.append(f"| `{label}` | a second of audio | {cells[0]} ms of processor time, of {limit} wanted |")
    rows += _folder_losses(results.get("folders", ""))
    if not rows:
        return ""
    header = ["| command | where | |", "|---|---|---|"]
    told = "Whole commands that something else beats, that grow faster than their input, that start slowly, or whose "
    told += "folders take longer than was aimed at:\n"
    return "\n".join(["## What loses\n", told, *header, *rows])


#: From these on, a row is named among those that lose: power of the length, MB for each ten minutes, ms to start
#: without a network and with one.
_LINEAR, _FLAT_MB, _STARTS_MS = 1.1, 40, (350, 900)
#: How many times as fast as a loop a folder shall be, and with two jobs as with one.
_FOLDERS_WANTED = {"log-mel": 3.0, "complex STFT": 2.0}
_JOBS_WANTED = 1.8


def _cells(text: str) -> Iterator[list[str]]:
    """Cells of every row of the tables in a text."""
    for line in text.splitlines():
        if line.startswith("|") and not line.startswith("|---"):
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def _grown_mb(peaks: list[str]) -> float:
    """MB for each ten minutes between the two longest of 10 s, 1, 10 and 60 minutes that were measured."""
    known = [(m, float(mb)) for m, mb in zip((1 / 6, 1, 10, 60), peaks, strict=False) if mb.isdigit()]
    if len(known) < 3:
        return 0.0
    (before, less), (last, more) = known[-2:]
    return 10 * (more - less) / (last - before)


def _results() -> Iterator[tuple[str, str, str]]:
    """Name, heading and text of every result."""
    found = {path.stem: path.read_text().strip() for path in sorted((ROOT / "tests/bench/results").glob("*.md"))}
    for name in [*(name for name in HEADINGS if name in found), *(name for name in found if name not in HEADINGS)]:
        yield name, HEADINGS.get(name, name), found[name]
