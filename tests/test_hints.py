"""Every option that an error or a hint names is an option of some command."""

import ast
import re
from pathlib import Path

import audiokit
from audiokit.engine.table import COMMANDS, load

#: What Typer itself offers, and the option of an example in docstrings.
OTHERS = {"--by", "--help", "--version", "--install-completion", "--show-completion", "--schema"}


def options() -> set[str]:
    from audiokit.engine.option import Option, declared_in
    from audiokit.engine.settings import BatchOptions, OneOutput, SaveOptions
    from audiokit.engine.shell import OUT

    holders = [load(where) for where, _ in COMMANDS.values()]
    for group in [found for found in holders if hasattr(found, "table")]:
        holders += [group.find(name) for name in group.table]
    declared = [OUT, *(o for shared in (BatchOptions, OneOutput, SaveOptions) for o in declared_in(shared))]
    for found in holders:
        declared += getattr(found, "options", ())
        declared += [o for group in getattr(found, "groups", {}).values() for o in declared_in(group)]
    typed = [o for o in declared if isinstance(o.about, Option)]
    return {flag for o in typed for flag in (o.about.flag or o.flag).split("/")}


def test_every_option_that_is_named_exists():
    known, unknown = options() | OTHERS, []
    assert {"--to", "--jobs", "--part", "--no-limiter", "--clip"} <= known
    for path in Path(audiokit.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                continue
            for name in re.findall(r"(?<![\w-])--[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?![\w-])", node.value):
                if name not in known:
                    unknown.append(f"{path.name}:{node.lineno}: {name}")
    assert not unknown, "\n".join(unknown)
