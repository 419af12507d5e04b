"""Heavy packages load late, only where allowed, so that `seqtutor --help` needs none. import-linter checks the rest."""

import ast

import pytest

from tests.support.places import ROOT

PACKAGE = ROOT / "seqtutor"
HEAVY = {"tensorflow", "keras", "rdkit", "music21", "matplotlib", "pretty_midi", "pandas", "ray", "jinja2"}
MAY_IMPORT_TENSORFLOW = {
    "kl_control.losses", "kl_control.targets", "kl_control.variants", "policy.rnn_cells", "policy.sequence_model",
    "domains.molecules.lookahead", "domains.music.lookahead", "domains.music.next_rewards",
    "policy.particles", "policy.policy", "policy.sampler", "policy.seen", "pretraining.trainer", "pretraining.replicas",
    "tuning.learner", "tuning.offspring", "tuning.tuner",
    "evaluation.score", "exchange.saved_model", "exchange.magenta",
}  # fmt: skip
FILES = sorted(PACKAGE.rglob("*.py"))


def module_name(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "seqtutor"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_heavy_packages_load_late(path):
    body = ast.parse(path.read_text(encoding="utf-8")).body
    at_top = {alias.name.split(".")[0] for node in body if isinstance(node, ast.Import) for alias in node.names}
    at_top |= {(node.module or "").split(".")[0] for node in body if isinstance(node, ast.ImportFrom)}
    allowed = {"tensorflow", "keras"} if module_name(path) in MAY_IMPORT_TENSORFLOW else set()
    assert not (at_top & HEAVY) - allowed
