"""Plots look the same whatever settings of matplotlib's there are: a file `matplotlibrc` may lie in any folder."""

import ast

import numpy as np

from seqtutor.domains.music.render import write_png
from tests.support.places import ROOT


def test_settings_of_a_folder_change_no_plot(tmp_path):
    import matplotlib as mpl

    write_png(np.arange(2, 18), tmp_path / "plain.png")
    with mpl.rc_context({"text.usetex": True, "font.size": 40.0, "axes.facecolor": "red"}):
        write_png(np.arange(2, 18), tmp_path / "other.png")
    assert (tmp_path / "other.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


def test_every_function_that_draws_has_its_own_settings():
    found = []
    for path in (ROOT / "seqtutor").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and "figure = Figure(" in ast.unparse(node):
                found.append(node.name)
                assert "own_settings()" in map(ast.unparse, node.decorator_list), f"{path}: {node.name}"
    assert len(found) == 3
