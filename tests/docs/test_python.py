"""docs/python.md: its blocks run in their order, as a reader types them, at trial size; so do the notebooks."""

import gzip
import sys
from itertools import islice

import nbformat
import pytest

import seqtutor as st
from seqtutor import config
from tests.docs.test_docs import blocks
from tests.support.places import ROOT

sys.path.append(str(ROOT / "scripts"))
from execute_notebooks import EXAMPLES, PARAMETERS, execute

TRIAL = {
    "model.units": 8, "model.lookahead": False, "pretrain.epochs": 0.2, "pretrain.samples": 0, "tune.rounds": 2,
    "tune.batch": 8, "tune.minibatch": 8, "tune.replay_ratio": 1.0, "tune.lookahead": False, "sample.batch": 512,
}  # fmt: skip
PARAMETERS_OF_A_TRIAL = """
PRETRAIN = {"model.units": 8, "model.lookahead": False, "pretrain.epochs": 0.2, "pretrain.samples": 0}
PRETRAIN |= {"data.name": "%s"}
TUNE = {"tune.rounds": 2, "tune.batch": 8, "tune.minibatch": 8, "tune.replay_ratio": 1.0, "tune.lookahead": False}
TEMPERATURES = [1, 2]
NUM = 20
POPULATION = 2
"""
FEW = 300  # molecules, of the thousands of the sample, whose figures an evaluation needs
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
LARGEST = 10**6  # bytes of a notebook


@pytest.fixture
def at_trial_size(monkeypatch):
    """Sizes in a config are those of a trial; a run that is resumed may have more rounds."""
    load = config.load

    def small(source, settings=()):
        asked = dict(settings)
        longer = {"tune.rounds": 3} if "tune.rounds" in asked else {}
        return load(source, {**asked, **TRIAL, **longer})

    monkeypatch.setattr(config, "load", small)


@pytest.mark.slow
def test_every_block_runs(at_trial_size, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "python.md"
    names = {}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)
    said = capsys.readouterr().out
    assert "unknown variant 'phi'" in said
    assert names["longer"].step == 3 and names["fresh"].step == 2
    assert {path.name for path in tmp_path.iterdir()} == {
        "compared", "drawn.npz", "exported-model", "many", "runs", "tune.mid", "tunes",
    }  # fmt: skip
    assert len(st.Samples(names["tuned"].domain, None, tmp_path / "many")) == 5000


def test_every_public_name_is_on_the_page():
    page = (ROOT / "docs" / "python.md").read_text()
    for name in set(st.__all__) - {"convert_reinvent", "import_magenta", "import_reinvent", "VARIANT_NAMES"}:
        assert f"`{name}" in page or f"st.{name}" in page, name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_was_executed_and_is_small(path):
    assert path.stat().st_size < LARGEST
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    shown = [output for cell in code for output in cell.outputs]
    assert not [output for output in shown if output.output_type == "error" or output.get("name") == "stderr"]
    pages = [output.data["text/html"] for output in shown if "text/html" in output.get("data", {})]
    assert any("<svg" in page for page in pages) and any("data:image/png" in page for page in pages)
    assert sum(PARAMETERS in cell.metadata.get("tags", ()) for cell in code) == 1
    assert str(ROOT) not in path.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    """At trial size, in a kernel of its own; its bars are there while it runs."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with gzip.open(ROOT / "data" / "molecules" / "moses-sample.smi.gz", "rt") as file:
        (tmp_path / "few.smi").write_text("".join(islice(file, FEW)))
    data = {"melodies": "sample-melodies", "molecules": str(tmp_path / "few.smi")}[path.stem]
    executed = execute(path, tmp_path, PARAMETERS_OF_A_TRIAL % data)
    was = nbformat.read(path, as_version=4)
    for cell, before in zip(executed.cells, was.cells, strict=True):
        if cell.cell_type == "code":
            kinds = [set(output.get("data", {})) for output in cell.outputs if output.output_type == "execute_result"]
            assert kinds == [
                set(output.get("data", {})) for output in before.outputs if output.output_type == "execute_result"
            ]
    assert "widgets" in executed.metadata or any(
        output.get("name") == "stderr" for cell in executed.cells for output in cell.get("outputs", ())
    )
