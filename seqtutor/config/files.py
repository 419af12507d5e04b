"""Where a config comes from: a YAML file, a preset by its name, a dictionary, or a Config; with settings changed.

Unknown keys are refused with the nearest valid names. A file may begin with `extends: other.yaml` (relative to itself)
or `extends: music` (a preset), and then lists only what differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from seqtutor.config import strict_yaml
from seqtutor.config.sections import Config
from seqtutor.errors import UserError, shown, unknown_name
from seqtutor.system.files import packaged

Source = Config | Mapping[str, Any] | str | Path
_NOTHING: Mapping[str, Any] = {}
DEPTH = 8  # configs that may extend one another


def load(source: Source, settings: Mapping[str, Any] = _NOTHING) -> Config:
    """The config of a file, a preset's name, nested dictionaries or a Config, with settings changed.

    A run's config.yaml will do too; its section `run`, which says how the run came about, is left out.

    Args: settings: values by `section.key`, as {"tune.rounds": 50}.
    Raises UserError on anything wrong, naming the key, the value and the mend.
    """
    if isinstance(source, Config):
        return changed(source, settings, "config") if settings else source
    if isinstance(source, Mapping):
        tree, where = _extended(dict(source), Path(), "config"), "config"
    else:
        path = locate(source)
        tree, where = _read_tree(path), str(path)
    tree.pop("run", None)
    return from_tree(_with(tree, settings), where)


def in_a_run(source: Source) -> Path | None:
    """The run folder that a config, or one that it extends, is in, at any depth; None if there is none.

    Whoever made such a folder may have been anyone, so a config in it names no code to run.
    """
    if isinstance(source, Config):
        return None
    tree: Any = source
    path, folder = Path(), Path()
    for _ in range(DEPTH):
        if not isinstance(tree, Mapping):
            path = locate(tree)
            if (found := next(filter(_is_run, path.resolve().parents), None)) is not None:
                return found
            tree, folder = _parsed(path), path.parent
        if (base := tree.get("extends")) is None:
            return None
        tree = _base(folder, base)
    return None


def _is_run(folder: Path) -> bool:
    if any(folder.glob("checkpoints/step-*")):
        return True
    file = folder / "config.yaml"
    if not file.is_file():
        return False
    try:
        return "run" in _parsed(file)
    except UserError:  # whatever it is
        return False


def presets() -> dict[str, Path]:
    """The configs that come with seqtutor, by name, sorted."""
    return {path.stem: path for path in sorted(packaged("configs").glob("*.yaml"), key=lambda path: path.stem)}


def summary(path: Path) -> str:
    """What a preset is for: the first sentence of the comment that it begins with."""
    return path.read_text(encoding="utf-8").removeprefix("# ").partition(".")[0]


def locate(source: str | Path) -> Path:
    """The file of a path or of a preset's name. Raises UserError with the nearest ones if there is none."""
    path, preset = Path(source), presets().get(str(source))
    if path.exists() and not (preset and path.is_dir()):  # a folder is no config; it may be the run of one
        return path
    if preset:
        return preset
    beside = [str(p) for p in sorted(path.parent.glob("*.yaml"))] if path.parent.is_dir() else []
    raise unknown_name("config file", str(path), [*beside, *presets()])


def assignments(items: Iterable[str]) -> dict[str, Any]:
    """Values by key of `section.key=value` items, as --set has them; the last of a key counts. Raises UserError."""
    settings: dict[str, Any] = {}
    for item in items:
        key, equals, text = item.partition("=")
        if not equals:
            raise UserError(f"--set {item}: write it as section.key=value")
        try:
            settings[key.strip()] = strict_yaml.parse(text)
        except (yaml.YAMLError, ValueError, RecursionError):
            raise UserError(f"--set {item}: the value is not valid YAML") from None
    return settings


def from_tree(tree: dict[str, Any], where: str) -> Config:
    """Checks nested dictionaries against the schema. Raises UserError naming the key, the value and the mend."""
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        raise _explain(error.errors()[0], where) from None
    _check_domain(config.domain, where)
    return config


def changed(config: Config, settings: Mapping[str, Any], where: str) -> Config:
    """The config with settings changed. Raises UserError as `load` does."""
    return from_tree(_with(to_tree(config), settings), where)


def to_tree(config: Config) -> dict[str, Any]:
    """Plain dictionaries of a config, as they are in YAML."""
    return config.model_dump(mode="json")


def _read_tree(path: Path, depth: int = 0) -> dict[str, Any]:
    return _extended(_parsed(path), path.parent, str(path), depth)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        tree = strict_yaml.read(path)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        why = getattr(error, "problem", None) or " ".join(str(error).split())
        raise UserError(f"{path}{line}: not valid YAML ({why})") from None
    except (OSError, ValueError, RecursionError) as error:  # a ValueError is of bytes, or of a date or number
        raise UserError(f"cannot read config {path}: {error}") from None
    if not isinstance(tree, dict):
        raise UserError(f"{path}: a config is a mapping of sections ({', '.join(Config.model_fields)})")
    return tree


def _extended(tree: dict[str, Any], folder: Path, where: str, depth: int = 0) -> dict[str, Any]:
    """A config's tree with that of the file or preset it extends below it; `folder`: where a file is looked for."""
    base = tree.pop("extends", None)
    if base is None:
        return tree
    if depth > DEPTH:
        raise UserError(f"{where}: `extends` goes round in a circle")
    return _merge(_read_tree(locate(_base(folder, base)), depth + 1), tree)


def _base(folder: Path, name: object) -> Path:
    """The file that `extends: name` in a folder means."""
    path = folder / str(name)
    if not path.exists():  # the copy of a preset extends the preset that it came with
        path = presets().get(Path(str(name)).stem, path)
    return path


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both else value
    return merged


def _with(tree: dict[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The tree with values by `section.key` set in it."""
    for key, value in settings.items():
        *sections, last = key.split(".")
        inner = tree
        for section in sections:
            inner = inner.setdefault(section, {})
            if not isinstance(inner, dict):
                raise UserError(f"{key}={value}: '{section}' is not a section")
        inner[last] = value
    return tree


def _check_domain(section: dict[str, Any], where: str) -> None:
    from seqtutor.domains import domain_class

    if not isinstance(section.get("name"), str):
        raise UserError(f"{where}: domain.name is missing; say which domain, e.g. `name: music`")
    defaults = domain_class(section["name"]).defaults
    for key, value in section.items():
        if key == "name":
            continue
        if key not in defaults:
            raise unknown_name("key", f"domain.{key}", [f"domain.{k}" for k in ("name", *defaults)], where)
        kind = type(defaults[key])
        if not isinstance(value, (int, float) if kind is float else kind) or (kind is int and isinstance(value, bool)):
            raise UserError(f"{where}: domain.{key} is {shown(value)}, expected {kind.__name__}")


def _explain(error: Any, where: str) -> UserError:
    path = [str(part) for part in error["loc"]][:2]  # section and key; after them is how pydantic tried a union
    key = ".".join(path)
    if error["type"] == "extra_forbidden":
        keys = {
            name: list(getattr(field.annotation, "model_fields", ())) for name, field in Config.model_fields.items()
        }
        if len(path) == 2:
            return unknown_name("key", key, [f"{path[0]}.{name}" for name in keys[path[0]]], where)
        elsewhere = [f"{section}.{key}" for section, names in keys.items() if key in names]  # its section is missing
        return unknown_name("key", key, elsewhere or keys, where)
    if error["type"] == "missing":
        return UserError(f"{where}: {key} is missing")
    if error["type"] == "literal_error":
        allowed = str(error["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        return unknown_name(key.split(".")[-1], str(error["input"]), allowed, f"{where}, {key}")
    why = error["msg"].removeprefix("Value error, ")
    if (
        len(path) == 1 and error["type"] == "value_error" and isinstance(error["input"], dict)
    ):  # of a whole section: the message names its keys
        return UserError(f"{where}: {why}")
    return UserError(f"{where}: {key} is {shown(error['input'])}: {why[0].lower()}{why[1:]}")
