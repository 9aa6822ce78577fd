"""The notebook runs from top to bottom, and its results show themselves."""

import pytest

from tests.conftest import ROOT


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_the_notebook_runs_and_its_results_are_seen_and_heard():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(ROOT / "examples/notebook.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "clear the outputs before it is kept"
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT / "examples")}}).execute()
    shown = [
        "".join(output.data.get("text/html", ""))
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "execute_result"
    ]
    players = [html.count("<audio controls") for html in shown]
    assert players == [1, 1, 2, 0, 1, 0]
    assert all("https:" not in html and "http:" not in html for html in shown)
    assert "normalize" in shown[1] and "denoise → normalize" in shown[4]
