"""Fill in the generated parts of README.md: run `make readme`; a test checks that nothing is out of date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _run(*arguments: str) -> str:
    import os

    env = {**os.environ, "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    done = subprocess.run([sys.executable, "-m", "audiokit", *arguments], capture_output=True, text=True, env=env)
    return done.stdout.rstrip()


def help_of(*command: str) -> str:
    """The help of one command as a Markdown block."""
    line = " ".join(["audiokit", *command, "--help"])
    return folded(f"<code>{line}</code>", f"```text\n$ {line}\n{_run(*command, '--help')}\n```")


def folded(summary: str, body: str) -> str:
    """Markdown that opens when its summary is clicked, so that the page stays short."""
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"


def command_table() -> str:
    """Every command with its line, from the program's own table."""
    from audiokit.cli import COMMANDS

    rows = [f"| [`{name}`](#{name}) | {line} |" for name, (_, line) in COMMANDS.items()]
    return "\n".join(["| command | does |", "|---|---|", *rows])


def recipe_table() -> str:
    """Every training recipe with its line."""
    from audiokit.stages.train.group import train

    rows = [f"| `train {name}` | {line} |" for name, (_, line) in train.table.items()]
    return "\n".join(["| recipe | trains |", "|---|---|", *rows])


def model_table() -> str:
    """Every model that ships, from its own card."""
    import json

    rows = []
    for card_file in sorted((ROOT / "audiokit/weights").glob("*/model.json")):
        card = json.loads(card_file.read_text())
        size = (card_file.parent / "weights.safetensors").stat().st_size / 1e6
        licence = card.get("licence", "MIT")
        rows.append(
            f"| `{card_file.parent.name}` | {card['kind']} | {card['architecture']} | {size:.1f} MB | {licence} |"
        )
    return "\n".join(["| model | for | architecture | size | licence |", "|---|---|---|---|---|", *rows])


#: Result file -> heading, in the order of the README; files that are not listed come last under their own name.
HEADINGS = {
    "commands": "Each command beside what you would otherwise run",
    "startup": "Start-up",
    "throughput": "A folder of many files",
    "memory": "Memory",
}


def benchmarks() -> str:
    """Every results table that a bench wrote (tests/bench/results/NAME.md), under a heading each."""
    found = {path.stem: path.read_text().rstrip() for path in sorted((ROOT / "tests/bench/results").glob("*.md"))}
    names = [name for name in HEADINGS if name in found] + [name for name in found if name not in HEADINGS]
    return "\n\n".join(
        f"**{HEADINGS[name]}**\n\n{found[name]}" if name in HEADINGS else folded(f"<b>{name}</b>", found[name])
        for name in names
    )
