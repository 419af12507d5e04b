"""Writes the pages that are made from the program itself: docs/cli.md, docs/settings.md, docs/settings.schema.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import yaml

from seqtutor.cli.main import commands
from seqtutor.config import Config, load, presets, to_tree
from seqtutor.domains import domain_class
from seqtutor.domains.base import Domain

DOCS = Path(__file__).parents[1] / "docs"
MADE = "<!-- ./scripts/generate-docs writes this page: change the program, not the page. -->"
WIDTH = 100  # of the help texts
DOMAINS = ("music", "molecules", "chain")  # those that come with seqtutor
JSON_TYPES: dict[type, str] = {int: "integer", float: "number", bool: "boolean", str: "string"}
INTRODUCTION = (
    "A config is a YAML file of these sections. `--set SECTION.KEY=VALUE` changes one value for one command.",
    "The last column has the presets whose value is not the default: `seqtutor pretrain music` takes the preset music.",
    "A file may begin with `extends: music`, the name of a preset or another file, and then lists only what differs.",
    "An editor that knows YAML schemas completes and checks a config with [the schema](settings.schema.json). "
    "Say where it is in the config's first line:",
)
EXTENDS = "the config that this one changes: a file, relative to this one, or the name of a preset"


def main() -> None:
    """Writes every page."""
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
        print(DOCS / name)


def pages() -> dict[str, str]:
    """The text of each page by its name."""
    return {
        "cli.md": cli_page(),
        "settings.md": settings_page(),
        "settings.schema.json": json.dumps(schema(), indent=1, ensure_ascii=False) + "\n",
    }


# docs/cli.md


def cli_page() -> str:
    """The help of every command, and its examples as commands."""
    parts = [
        MADE,
        "# Commands",
        "The help of every command, as `seqtutor COMMAND --help` shows it.",
    ]
    for name, command, context in _commands(commands, click.Context(commands, info_name="seqtutor")):
        text, _, examples = _help(command, context).partition("\n\n  Example")
        lines = [line.strip() for line in examples.splitlines()[1:]]
        parts += [f"## {name}", _fenced("text", text), _fenced("bash", "\n".join(lines))]
    return "\n\n".join(parts) + "\n"


def _commands(group: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command with its full name and context, a group before its members."""
    yield context.command_path, group, context
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield from _commands(command, click.Context(command, context, info_name=name))


def _help(command: click.Command, context: click.Context) -> str:
    context.terminal_width = WIDTH
    context.help_option_names = ["-h", "--help"]
    return command.get_help(context)


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


# docs/settings.schema.json


def schema() -> dict[str, Any]:
    """The JSON schema of a config file, for editors: as pydantic makes it, with the options of each domain."""
    tree = Config.model_json_schema()
    sections = {name: _without_titles(section) for name, section in tree.pop("$defs").items()}
    properties = {name: _section(field, sections) for name, field in tree["properties"].items() if name != "domain"}
    domain = {
        "type": "object",
        "description": tree["properties"]["domain"]["description"],
        "properties": {"name": {"type": "string", "examples": list(DOMAINS)}},
        "allOf": [_domain_schema(domain_class(name)) for name in DOMAINS],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "seqtutor config",
        "description": tree["description"],
        "type": "object",
        "additionalProperties": False,
        "anyOf": [
            {"required": ["domain"], "properties": {"domain": {"required": ["name"]}}}, {"required": ["extends"]},
        ],
        "properties": {
            "extends": {"type": "string", "description": EXTENDS},
            "seed": properties.pop("seed"), "domain": domain, **properties,
            "run": {"type": "object", "description": "in a run's folder: how the run came about"},
        },
    }  # fmt: skip


def _section(field: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any]:
    """A section's schema instead of a reference to it."""
    if "$ref" not in field:
        return _without_titles(field)
    return sections[field["$ref"].rpartition("/")[2]]


def _without_titles(tree: Any) -> Any:
    """The schema without the titles that pydantic makes of names, and with the unit in the description."""
    if isinstance(tree, list):
        return [_without_titles(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    found = {key: _without_titles(value) for key, value in tree.items() if key != "title" or isinstance(value, dict)}
    if isinstance(unit := found.pop("unit", None), str):
        found["description"] += f" ({unit})"
    return found


def _domain_schema(domain: type[Domain]) -> dict[str, Any]:
    """The options of a domain, which hold if the section names it."""
    options = {
        name: {"type": JSON_TYPES[type(value)], "default": value, "description": domain.option_meanings[name]}
        for name, value in domain.defaults.items()
    }
    named = {"required": ["name"], "properties": {"name": {"const": domain.name}}}
    return {"if": named, "then": {"properties": {"name": {}, **options}, "additionalProperties": False}}


# docs/settings.md


def settings_page() -> str:
    """Every setting in tables, a section each."""
    trees = {name: to_tree(load(path)) for name, path in presets().items()}
    parts = [
        MADE,
        "# Settings",
        *INTRODUCTION,
        _fenced("yaml", "# yaml-language-server: $schema=docs/settings.schema.json\nextends: music"),
        f"## seed\n\n{_table([('seed', schema()['properties']['seed'])], 'seed', trees)}",
    ]
    for name in DOMAINS:
        domain = domain_class(name)
        own = {preset: tree for preset, tree in trees.items() if tree["domain"]["name"] == name}
        options = list(_domain_schema(domain)["then"]["properties"].items())[1:]
        parts.append(f"## domain, where its name is {name}\n\n{_table(options, 'domain', own)}")
    for name, field in Config.model_fields.items():
        if name in ("seed", "domain"):
            continue
        assert field.annotation is not None
        settings = [(key, _with_unit(name, key)) for key in field.annotation.model_fields]
        about = " ".join(str(field.annotation.__doc__).split())
        parts.append(f"## {name}\n\n{about}\n\n{_table(settings, name, trees)}")
    return "\n\n".join(parts) + "\n"


def _with_unit(section: str, key: str) -> dict[str, Any]:
    """A setting as pydantic describes it, with its unit apart."""
    return Config.model_fields[section].annotation.model_json_schema()["properties"][key]


def _table(settings: list[tuple[str, dict[str, Any]]], section: str, trees: dict[str, dict[str, Any]]) -> str:
    rows = ["| setting | meaning | unit | type | allowed | default | presets |", "|---|---|---|---|---|---|---|"]
    for key, facts in settings:
        values = {
            preset: (tree[section].get(key, facts["default"]) if isinstance(tree[section], dict) else tree[section])
            for preset, tree in trees.items()
        }
        cells = [
            f"`{key}`" if key == section else f"`{section}.{key}`", facts["description"], facts.get("unit", ""),
            _type(facts), _allowed(facts), _value(facts["default"]), _presets(values, facts["default"]),
        ]  # fmt: skip
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows)


def _type(facts: dict[str, Any]) -> str:
    if "anyOf" in facts:
        return " or ".join(_type(one) for one in facts["anyOf"])
    names = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text",
             "null": "null"}  # fmt: skip
    return "list of whole numbers" if facts["type"] == "array" else names[facts["type"]]


def _allowed(facts: dict[str, Any]) -> str:
    """The limits or the names, as a reader sees them."""
    if "enum" in facts:
        return ", ".join(f"`{name}`" for name in facts["enum"])
    least = [f"at least {facts['minimum']:g}"] if "minimum" in facts else []
    least += [f"more than {facts['exclusiveMinimum']:g}"] if "exclusiveMinimum" in facts else []
    most = [f"at most {facts['maximum']:,}"] if "maximum" in facts else []
    most += [f"less than {facts['exclusiveMaximum']:,}"] if "exclusiveMaximum" in facts else []
    return ", ".join(re.sub(r"\.0$", "", limit) for limit in (*least, *most))


def _presets(values: dict[str, Any], default: Any) -> str:
    """The values that are not the default, each with the presets that have it."""
    others: dict[str, list[str]] = {}
    for preset, value in values.items():
        if value != default:
            others.setdefault(_value(value), []).append(preset)
    return "; ".join(f"{value} in {', '.join(names)}" for value, names in others.items())


def _value(value: Any) -> str:
    """A value as it is written in YAML; empty text is left out."""
    if value == "":
        return ""
    return f"`{yaml.safe_dump(value, default_flow_style=True).removesuffix('...' + chr(10)).strip()}`"


if __name__ == "__main__":
    main()
