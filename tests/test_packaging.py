"""What setup.cfg promises: the oldest packages and the Pythons that are tested are the ones that it allows."""

import configparser
import re

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import seqtutor
from tests.support.places import ROOT

SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")


def lines(path):
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def test_the_oldest_packages_are_the_oldest_that_setup_cfg_allows():
    allowed = [Requirement(line) for line in SETUP["options"]["install_requires"].split("\n") if line]
    floors = {
        each.name: Version(*(part.version for part in each.specifier if part.operator == ">=")) for each in allowed
    }
    tried = [Requirement(line) for line in lines(ROOT / "tests" / "oldest.txt")]
    assert {each.name: Version(str(each.specifier).removeprefix("==")) for each in tried} == floors


def test_the_pythons_that_are_named_are_those_that_are_allowed():
    allowed = SpecifierSet(SETUP["options"]["python_requires"])
    inside = [f"3.{minor}" for minor in range(100) if allowed.contains(f"3.{minor}")]
    classified = re.findall(r"Python :: (3\.\d+)", SETUP["metadata"]["classifiers"])
    (tried,) = re.findall(r"^PYTHONS=\((.*)\)$", (ROOT / "scripts/test-pythons").read_text(), re.MULTILINE)
    assert inside == classified == tried.split()
    for script in ("README.md", "scripts/environment"):
        assert f"Python {inside[0]} to {inside[-1]}" in (ROOT / script).read_text()


def test_the_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    released = re.findall(r"^## \[(\S+)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert (citation["version"], citation["date-released"]) == released[0]
    assert citation["version"] == seqtutor.__version__
