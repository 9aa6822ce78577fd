"""The manual cannot lie: generated parts are up to date, and every shell and Python block of README and docs/ runs."""

import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from audiokit.cli import COMMANDS
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text() for path in PAGES}
#: Programs of others whose blocks run where they are installed; those of further programs are only shown.
THEIRS = ("sox", "ffmpeg")


def test_generated_parts_are_up_to_date():
    pages = [name for name, text in TEXTS.items() if "[[[cog" in text]
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "--diff", *pages], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, "run: make readme\n" + done.stdout[-3000:] + done.stderr


def test_the_readme_is_short():
    assert len(TEXTS["README.md"].splitlines()) <= 250


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_page_with_lines_that_run_and_an_example(name):
    blocks = re.findall(r"^```sh\n(.*?)^```", TEXTS[f"docs/commands/{name}.md"], re.M | re.S)
    assert any(f"audiokit {name} " in block for block in blocks), f"docs/commands/{name}.md runs no {name}"
    assert (ROOT / "examples" / name).is_dir(), f"examples/{name} is missing"


def _links():
    for name, text in {**TEXTS, "CONTRIBUTING.md": (ROOT / "CONTRIBUTING.md").read_text()}.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            yield name, target


def test_links_lead_somewhere_here():
    lost = []
    for name, target in _links():
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        page = (ROOT / name).parent / path if path else ROOT / name
        if not page.exists() or (anchor and anchor not in _anchors(page)):
            lost.append(f"{name}: {target}")
    assert lost == []


def test_the_page_on_installing_names_every_extra():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert re.findall(r"^\| `(\w+)` \|", TEXTS["docs/install.md"], re.M) == list(extras)


def test_pages_of_the_site_link_to_pages_of_the_site():
    outside = [(name, target) for name, target in _links() if name.startswith("docs/") and _leaves(name, target)]
    assert outside == []


def _leaves(name, target):
    place = os.path.normpath(os.path.join(os.path.dirname(name), target.partition("#")[0] or "."))
    return not re.match(r"[a-z]+:", target) and not place.startswith("docs")


def test_files_that_pages_name_are_there():
    for name, text in TEXTS.items():
        for path in re.findall(r"`((?:audiokit|tests|examples|docs)/[\w./-]+)`", text):
            wanted = re.search(r"gain|NAME|[A-Z]{2,}", path) is None
            assert not wanted or (ROOT / path).exists(), f"{name} names {path}"


def _anchors(page):
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_pictures_are_small_and_made_by_their_scripts():
    shown = {target.split("/")[-1] for _, target in _links() if target.endswith((".svg", ".png"))}
    folder = ROOT / "docs/pictures"
    there = {path.name for path in folder.iterdir() if path.suffix in (".svg", ".png")}
    assert shown == there
    scripts = "".join(path.read_text() for path in folder.iterdir() if path.suffix in (".py", ".sh"))
    for name in there:
        assert name in scripts and (folder / name).stat().st_size < 120_000, name


def test_the_picture_of_the_chain_is_what_its_script_draws(tmp_path):
    script = ROOT / "docs/pictures/chain.py"
    subprocess.run([sys.executable, script, tmp_path / "chain.svg"], check=True)
    assert (tmp_path / "chain.svg").read_text() == script.with_suffix(".svg").read_text()
    drawn = script.read_text()
    assert [name for name in COMMANDS if f'"{name}"' not in drawn] == ["run", "models", "config"]


@pytest.fixture
def workbench(made_once, tmp_path):
    """A folder of its own for every block, so that blocks neither need nor disturb each other."""
    return shutil.copytree(made_once, tmp_path / "work")


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    """A folder with the files that the manual speaks of: song.wav, other.wav, voice.wav, songs/."""
    folder = tmp_path_factory.mktemp("manual")
    maker = ROOT / "examples/songs/make_songs.py"
    subprocess.run([sys.executable, maker, folder / "made", "--seconds", "9"], check=True)
    (folder / "songs").mkdir()
    for name, source in (
        ("song.wav", "pop/mixture.wav"),
        ("other.wav", "trio/mixture.wav"),
        ("voice.wav", "pop/vocals.wav"),
    ):
        (folder / name).write_bytes((folder / "made" / source).read_bytes())
    for name in ("one.wav", "two.wav"):
        (folder / "songs" / name).write_bytes((folder / "made/pop/keys.wav").read_bytes())
    return folder


def _blocks(language, *titles):
    blocks = []
    for name, text in TEXTS.items():
        found = re.findall(rf'^```{language}(?: title="(\S+)")?\n(.*?)^```', text, re.M | re.S)
        for index, (title, block) in enumerate(found):
            if title in titles:
                blocks.append(pytest.param(block, id=f"{name.removeprefix('docs/')}-{title}{index}"))
    return blocks


def _run(block, folder):
    env = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block], cwd=folder, env=env, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, f"{block}\n{done.stderr}"


@pytest.mark.parametrize("block", _blocks("sh", "", "audiokit"))
def test_shell_blocks_run(workbench, block):
    _run(block, workbench)


@pytest.mark.parametrize("block", _blocks("sh", *THEIRS))
def test_blocks_of_other_programs_run_where_they_are(workbench, block):
    lacking = [name for name in THEIRS if re.search(rf"\b{name} ", block) and not shutil.which(name)]
    if lacking:
        pytest.skip(f"no {lacking[0]} on this machine")
    _run(block, workbench)


@pytest.mark.parametrize("block", _blocks("python", ""))
def test_python_blocks_run(workbench, block):
    done = subprocess.run([sys.executable, "-c", block], cwd=workbench, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, f"{block}\n{done.stderr}"


def test_blocks_of_librosa_run(workbench):
    """All in one process: each would import librosa for itself."""
    blocks = [parameter.values[0] for parameter in _blocks("python", "librosa")]
    assert blocks
    test_python_blocks_run(workbench, "\n".join(blocks))


@pytest.mark.parametrize("block", _blocks("toml", ""))
def test_toml_blocks_are_toml(block):
    assert tomllib.loads(block)
