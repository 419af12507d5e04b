"""YAML as settings are written in it: a key once, and no number or time that people do not mean."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from seqtutor.system.input_files import read_text

MOST = 1 << 20  # bytes of a file of settings; the longest that come with seqtutor have some thousands
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which makes plain values only."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """As PyYAML's, but a key that stands there twice is an error."""
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if twice := next((name for i, name in enumerate(names) if name in names[:i]), None):
            raise yaml.MarkedYAMLError(problem=f"'{twice}' is there twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)

    def construct_number(self, node: yaml.ScalarNode) -> Any:
        """A number; but 1:30:00, which YAML 1.1 takes for 5400, stays text."""
        if _BASE_60.fullmatch(node.value):
            return node.value
        return self.construct_yaml_int(node) if node.tag.endswith(":int") else self.construct_yaml_float(node)


for _kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.construct_number)


def parse(text: str) -> Any:
    """The values of a YAML text. Raises YAMLError, ValueError or RecursionError."""
    return yaml.load(text, _Loader)


def read(path: Path) -> Any:
    """The values of a YAML file. Raises as `parse` and `read_text`."""
    return parse(read_text(path, MOST))
