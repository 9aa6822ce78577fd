"""Rules of the house that no linter knows: sizes, and one name in every place."""

import ast

import pytest

from audiokit.engine.table import COMMANDS
from tests.conftest import ROOT

FILES = sorted((ROOT / "audiokit").rglob("*.py"))
#: Bodies that are longer, each for a reason that its own comment gives.
LONG = {"integrate_heap"}


def test_few_files_lie_beside_the_folders():
    assert len(list((ROOT / "audiokit").glob("*.py"))) <= 6


def test_no_file_is_two():
    assert {str(path): n for path in FILES if (n := len(path.read_text().splitlines())) > 400} == {}


def test_no_function_is_two():
    long = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                if body and body[-1].end_lineno - body[0].lineno + 1 > 60:
                    long.add(node.name)
    assert long <= LONG, f"longer than 60 lines: {long - LONG}"


def test_what_belongs_together_travels_together():
    """Only a declaration has more than 12 arguments: there one argument is one option."""
    many = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                taken = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
                declared = any(ast.unparse(by).startswith(("stage(", "command(")) for by in node.decorator_list)
                if len(taken) - (taken[:1] != [] and taken[0].arg == "self") > 12 and not declared:
                    many.add(node.name)
    assert many == set()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_one_name_in_every_place(name):
    module = name.replace("-", "_")
    code = ROOT / "audiokit/stages"
    assert (code / f"{module}.py").exists() or (code / module).is_dir()
    tests = [ROOT / f"tests/{place}" for place in (f"stages/test_{module}.py", f"stages/{module}", f"{module}ing")]
    tests.append(ROOT / "tests/engine/test_chain.py" if name == "run" else tests[0])
    assert any(place.exists() for place in tests)
    assert (ROOT / f"docs/commands/{name}.md").exists()
    examples = [path.read_text() for path in (ROOT / "examples").rglob("*") if path.suffix in (".sh", ".mk", ".chain")]
    assert (ROOT / f"examples/{name}").is_dir() or any(f"audiokit {name} " in text for text in examples)
