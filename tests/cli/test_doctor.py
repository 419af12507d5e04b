"""`seqtutor doctor`: a text to paste, and rewards on known values."""

import os
import platform
import re
from pathlib import Path

from seqtutor.api import doctor as examination
from seqtutor.cli.main import run
from tests.support.places import ROOT


def test_the_text_has_no_paths_and_no_names(capsys, monkeypatch):
    monkeypatch.setattr(examination, "TIMES", 1)
    assert run(["doctor"]) == 0
    said, error = capsys.readouterr()
    assert error == "" and "should be" not in said
    for secret in (str(Path.home()), os.getcwd(), os.environ["SEQTUTOR_CACHE"], platform.node()):
        assert secret not in said
    rows = dict(re.split(r"\s{2,}| (?=\d)", line, maxsplit=1) for line in said.splitlines() if "  " in line)
    assert {"seqtutor", "tensorflow", "cores", "memory", "cache", "optional", "training", "drawing"} <= rows.keys()
    assert int(rows["drawing"].split()[0].replace(",", "")) > 0


def test_a_reward_that_is_not_what_it_should_be(capsys, monkeypatch):
    monkeypatch.setattr(examination, "_speed", list)
    monkeypatch.setattr(examination, "QED", 0.6)
    assert run(["doctor"]) == 1
    assert re.search(r"^QED of aspirin +0.550122, but should be 0.6$", capsys.readouterr().out, re.MULTILINE)


def test_the_speeds_are_those_of_the_page():
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert f"| melodies 1x100 | {examination.TRAINED:,} |" in page
    assert f"| melodies of 32, 1x100 | {examination.DRAWN:,} |" in page
