"""Imports run one way: each module may import only from the rows above it, and heavy packages only where allowed."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "seqtutor"

# Lowest layer first. A module may import seqtutor modules of strictly lower layers.
LAYERS = [
    ["seqtutor", "errors", "estimate", "interrupt", "progress", "runtime", "cells", "seen"],
    ["transforms", "files", "replicas", "cluster", "kl_control"],
    ["cache", "board"],
    ["domains.neighbours"],
    ["domains.base"],
    ["textfiles", "rejections"],
    ["domains", "domains.music", "domains.molecules", "domains.chain"],
    ["config", "sources", "rewards", "tables", "grid"],
    ["corpus", "frontier"],
    ["describe"],
    ["model", "optimum", "rundir", "checkpoint", "batches", "tune.losses", "tune.replay", "magenta"],
    ["tune.targets", "rollout"],
    ["tune.variants"],
    ["primers"],
    ["policy", "particles", "tune.learner", "tune.best"],
    ["load"],
    ["pretrain", "tune.loop", "sample", "given"],
    ["score", "evaluate", "export", "report.charts", "report.style"],
    ["report", "report.collect", "sweep"],
    ["report.page", "spread"],
    ["cli"],
    ["__main__"],
]
HEAVY = {"tensorflow", "keras", "rdkit", "music21", "matplotlib", "pretty_midi", "pandas", "ray"}
MAY_IMPORT_TENSORFLOW = {
    "cells", "model", "rollout", "policy", "particles", "tune.losses", "tune.targets", "tune.variants", "tune.learner",
    "tune.loop", "pretrain", "score", "export", "magenta", "replicas",
}  # fmt: skip


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "seqtutor"


def layer_of(name):
    """The layer of a module: that of the longest row it is or lies in; and that row."""
    parts = name.split(".")
    for size in range(len(parts), 0, -1):
        for number, row in enumerate(LAYERS):
            if ".".join(parts[:size]) in row:
                return number, ".".join(parts[:size])
    if name == "tune":
        return 0, "tune"
    raise AssertionError(f"{name} stands in no layer: add it to LAYERS")


def imports(path, everywhere):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if everywhere else tree.body
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                below = ROOT.parent / node.module.replace(".", "/") / f"{alias.name}.py"
                yield f"{node.module}.{alias.name}" if below.exists() else node.module


FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_run_one_way(path):
    name = module_name(path)
    layer, unit = layer_of(name)
    for target in imports(path, everywhere=True):
        if not target.startswith("seqtutor"):
            continue
        other = target.removeprefix("seqtutor").removeprefix(".") or "seqtutor"
        other_layer, other_unit = layer_of(other)
        inside = unit == other_unit and unit in ("domains.music", "domains.molecules", "cli")
        lazy_registry = other == "domains" and name == "config"
        assert inside or lazy_registry or other_layer < layer, f"{name} may not import {other}"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_heavy_packages_load_late(path):
    name = module_name(path)
    allowed = {"tensorflow", "keras"} if name in MAY_IMPORT_TENSORFLOW else set()
    at_top = {target.split(".")[0] for target in imports(path, everywhere=False)}
    assert not (at_top & HEAVY) - allowed
