"""The table of commands says of each what the command itself says first."""

import pytest

from audiokit.engine import table


@pytest.mark.parametrize("name", [name for name, (where, _) in table.COMMANDS.items() if ":" in where])
def test_the_line_in_the_table_is_the_first_of_the_docstring(name):
    where, line = table.COMMANDS[name]
    assert table.load(where).summary == line and table.load(where).name == name
