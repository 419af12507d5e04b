"""Executes notebooks and writes them back with their outputs. What they write goes to a folder of its own."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

EXAMPLES = Path(__file__).parents[1] / "examples"
PARAMETERS = "parameters"  # tag of the cell with the sizes
MINUTES = 60.0  # a cell may take


def main(paths: list[Path]) -> None:
    """Executes each notebook."""
    for path in paths:
        with tempfile.TemporaryDirectory() as folder:
            notebook = execute(path, Path(folder))
        nbformat.write(without_bars(notebook), path)
        print(path)


def execute(path: Path, folder: Path, parameters: str = "") -> NotebookNode:
    """The notebook executed in a folder, its cell of parameters replaced if others are given.

    Raises nbclient.exceptions.CellExecutionError if a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if parameters and PARAMETERS in cell.metadata.get("tags", ()):
            cell.source = parameters
    client = NotebookClient(notebook, timeout=60 * MINUTES, resources={"metadata": {"path": str(folder)}})
    return client.execute()


def without_bars(notebook: NotebookNode) -> NotebookNode:
    """Removes progress bars and what a kernel says of itself: they are of one execution."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_bar(output)]
    return notebook


def _is_bar(output: NotebookNode) -> bool:
    return output.get("name") == "stderr" or "application/vnd.jupyter.widget-view+json" in output.get("data", {})


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or sorted(EXAMPLES.glob("*.ipynb")))
