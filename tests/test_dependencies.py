"""Nothing is required that nothing uses, and nothing is used that is not declared."""

import re
import sys

from tests.bench.bench_dependencies import FOLDER, pieces
from tests.bench.dependencies.decisions import PIECES, REQUIRED
from tests.bench.dependencies.packages import declared, imports, module_of
from tests.conftest import ROOT


def test_every_required_package_is_imported_somewhere():
    used = imports()
    unused = [name for name in declared()[0] if module_of(name) not in used]
    assert not unused, f"required, but never imported: {unused}"


def test_every_import_is_declared():
    required, extras = declared()
    known = {module_of(name) for name in [*required, *(name for names in extras.values() for name in names)]}
    foreign = {name: files for name, files in imports().items() if name not in sys.stdlib_module_names}
    undeclared = {name: sorted(files) for name, files in foreign.items() if name not in known | {"audiokit"}}
    assert not undeclared, f"imported, but neither required nor in an extra: {undeclared}"


def test_the_table_says_why_each_package_is_required():
    assert sorted(REQUIRED) == sorted(declared()[0])
    table = (FOLDER / "packages.md").read_text()
    assert re.findall(r"^\| ([a-z-]+) \|", table, re.M)[1:] == declared()[0], "run the bench: packages"


def test_every_decision_is_about_a_file_that_is_there_and_measured():
    table = pieces()
    for file, library in PIECES:
        assert (ROOT / "audiokit" / file).is_file(), file
        assert re.search(rf"`{file}` \| {re.escape(library)}", table), f"{file} beside {library} is not measured"
