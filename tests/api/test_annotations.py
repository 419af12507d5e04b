"""Annotations of the Python API name things that are there, so that tools can look them up at run time too."""

from typing import get_type_hints

import pandas as pd
import pytest

import seqtutor
from seqtutor import config
from seqtutor.sweeps.frontier import Row
from seqtutor.sweeps.grid import Point

LATE = {"pd": pd, "Point": Point, "Row": Row}  # imported for annotations alone
FUNCTIONS = [name for name in seqtutor.__all__ if name.islower()]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_they_can_be_looked_up(name):
    hints = get_type_hints(getattr(seqtutor, name), localns=LATE)
    assert "return" in hints
    if "config" in hints:
        assert set(config.Source.__args__) <= set(hints["config"].__args__)
