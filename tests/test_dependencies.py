"""Nothing is required that nothing uses, and nothing is used that is not declared."""

import sys

from tests.bench.dependencies.packages import declared, imports, module_of


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
