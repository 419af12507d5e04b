"""Domains are found by name through the entry points `seqtutor.domains`, so a package of your own can add one."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import Any

from seqtutor.domains.base import Domain
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.errors import UserError, unknown_name

GROUP = "seqtutor.domains"


def domain_names() -> list[str]:
    """Names of every installed domain, sorted. Loads none of them."""
    return sorted({entry.name for entry in metadata.entry_points(group=GROUP)})


def domain_class(name: str) -> type[Domain]:
    """The domain class of that name. Raises UserError for an unknown name or a class that is not a Domain."""
    for entry in metadata.entry_points(group=GROUP):
        if entry.name == name:
            found = entry.load()
            if not (isinstance(found, type) and issubclass(found, Domain)):
                raise UserError(f"entry point '{entry.value}' of domain '{name}' is not a seqtutor Domain class")
            return found
    raise unknown_name("domain", name, domain_names())


def make_domain(section: Mapping[str, Any], vocabulary: Vocabulary | None = None) -> Domain:
    """The domain that the section `domain` of a config describes. Raises UserError as its class does."""
    options = {key: value for key, value in section.items() if key != "name"}
    return domain_class(section["name"])(options, vocabulary)
