"""Man pages come from the program itself and are clean roff."""

import shutil
import subprocess

import pytest

from audiokit.cli import COMMANDS
from audiokit.stages.train.group import train
from tests.man import main


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("man")
    main(str(folder))
    return {path.name: path for path in folder.iterdir()}


def test_every_command_has_a_page_with_options_examples_and_statuses(pages):
    wanted = {f"audiokit-{name}.1" for name in COMMANDS} | {f"audiokit-train-{name}.1" for name in train.table}
    assert wanted <= set(pages) and "audiokit.1" in pages
    text = pages["audiokit-normalize.1"].read_text()
    assert ".SH OPTIONS" in text and "\\-\\-to" in text and ".SH EXAMPLES" in text and ".SH EXIT STATUS" in text
    assert [name for name, path in pages.items() if ".SH EXAMPLES" not in path.read_text()] == ["audiokit.1"]
    assert all("Examples:" not in path.read_text() for path in pages.values())


def test_groff_has_nothing_to_say(pages):
    if not shutil.which("groff"):
        pytest.skip("no groff on this machine")
    done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", *pages.values()], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
