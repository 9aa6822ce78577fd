"""What is required: where it is used, what it weighs, and what its import costs."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, files, requires
from pathlib import Path

from packaging.requirements import Requirement

from tests.bench.dependencies.decisions import REQUIRED
from tests.bench.dependencies.measuring import import_cost
from tests.bench.measure import table

ROOT = Path(__file__).parents[3]
#: Distributions whose modules are called otherwise.
MODULES = {
    "python-stretch": "python_stretch",
    "beat-this": "beat_this",
    "swift-f0": "swift_f0",
    "mir-eval": "mir_eval",
    "pillow": "PIL",
    "pyyaml": "yaml",
}
#: What is really loaded of a package that loads itself in parts.
LOADED = {
    "scipy": "import scipy.fft, scipy.ndimage",
    "librosa": "from librosa.beat import beat_track",
    "rich": "from rich.progress import Progress",
    "matplotlib": "from matplotlib.figure import Figure; import matplotlib.backends.backend_agg",
    "safetensors": "from safetensors import safe_open",
    "pyworld": "from audiokit.dsp.voice.world import world_library; world_library()",
}


def declared() -> tuple[list[str], dict[str, list[str]]]:
    """Names that are required, and those of each extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    def names(lines: list[str]) -> list[str]:
        return [re.split(r"[<>=!~ \[;]", line)[0].lower().replace("_", "-") for line in lines]

    return names(project["dependencies"]), {
        extra: names(lines) for extra, lines in project["optional-dependencies"].items()
    }


def module_of(distribution: str) -> str:
    """The module a distribution is imported by."""
    return MODULES.get(distribution, distribution)


def imports() -> dict[str, set[str]]:
    """Top-level modules that the package imports, by statement or by name, and the files that do."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "audiokit").rglob("*.py")):
        file = str(path.relative_to(ROOT / "audiokit"))
        for node in _loading(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("find_spec", "_package"):
                names = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            for name in names:
                found.setdefault(name.split(".")[0], set()).add(file)
    return found


def _loading(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes of a tree without those that only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        yield node
        yield from _loading(node)


def megabytes(distribution: str) -> float:
    """What a distribution weighs installed, without what it requires itself."""
    try:
        listed = files(distribution) or []
    except PackageNotFoundError:
        return float("nan")
    paths = [Path(str(entry.locate())) for entry in listed if not str(entry).endswith(".pyc")]
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def closure(names: Iterable[str]) -> set[str]:
    """Distributions that come with some, themselves included."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            lines = requires(name) or []
        except PackageNotFoundError:
            continue
        found.add(name)
        for line in lines:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                waiting.append(needed.name)
    return found


def required_table() -> str:
    """Make the table of what is required."""
    used, names = imports(), declared()[0]
    everything = closure(names)
    rows = []
    for name in names:
        places = sorted(used.get(module_of(name), ()))
        folders = sorted({"/".join(place.split("/")[:2]) if place.count("/") > 1 else place for place in places})
        where = ", ".join(f"`{folder}`" for folder in folders[:3]) + (" ..." if len(folders) > 3 else "")
        gone = everything - closure(other for other in names if other != name)
        alone = sum(megabytes(one) for one in gone)
        rows.append([name, f"{len(places)}: {where}", megabytes(name), alone, round(cost(name), 2), REQUIRED[name]])
    total = sum(megabytes(name) for name in everything)
    header = ["required", "files that import it", "MB", "MB that would leave with it", "import, s", "why"]
    return f"{table(header, rows)}\n\nAll {len(everything)} distributions together: {total:.0f} MB."


def cost(name: str) -> float:
    """Processor time of importing what is used of a distribution."""
    return import_cost(LOADED.get(name, f"import {module_of(name)}"))
