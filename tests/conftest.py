"""Fixtures for the tests of the commands: the domains of letters.py and untrained runs of them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from seqtutor.domains import GROUP

SYMBOLS = "abcdefz"
DOMAINS = {"letters": "tests.letters:Letters", "stems": "tests.letters:Stems"}


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs the test domains beside the built-in ones, as another package would."""
    installed = metadata.entry_points

    def entry_points(**chosen: str):
        found = list(installed(**chosen))
        return (
            found + [metadata.EntryPoint(*item, GROUP) for item in DOMAINS.items()]
            if chosen["group"] == GROUP
            else found
        )

    monkeypatch.setattr(metadata, "entry_points", entry_points)


@pytest.fixture
def make_run(letters: None, tmp_path: Path) -> Callable[..., Path]:
    """Makes an untrained run and returns its folder: a prior, or with a variant a policy of other random weights."""
    from seqtutor import checkpoint, config, load
    from seqtutor.domains import domain_class
    from seqtutor.model import SequenceModel
    from seqtutor.rundir import RunDir

    def make(name: str = "prior", variant: str = "", domain: str = "letters", **tune: object) -> Path:
        sections = {
            "domain": {"name": domain}, "model": {"units": 8}, "sample": {"batch": 16},
            "tune": {"variant": variant or "psi", **tune},
        }  # fmt: skip
        resolved = config.from_tree(sections, "test")
        words = domain_class(domain)().with_vocabulary(SYMBOLS)
        kind = "tuned" if variant else "prior"
        groups = {}
        for seed, group in enumerate(("prior", "online") if variant else ("prior",)):
            network = SequenceModel(resolved.model, words.vocabulary.size, seed)
            network.weights["logits/kernel"].assign(3.0 * network.weights["logits/kernel"])  # far from uniform
            groups[group] = network.get()
        run = RunDir(tmp_path / "runs" / name)
        run.create(resolved, {"kind": kind}, resume=False, force=False)
        meta = {"kind": kind, **load.describe(resolved, words)}
        checkpoint.save(run.checkpoints, checkpoint.Checkpoint(7, meta, checkpoint.join(**groups)), best=True)
        return run.path

    return make


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A file of words: four good ones, one that is no word, one with a letter the runs do not know."""
    path = tmp_path / "words.txt"
    path.write_text("bad\ncafe\n4\ndeaf\nfez\nxd\n")
    return path
