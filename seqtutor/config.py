"""One experiment, one YAML file: read, checked against the schema below, overridden, written back.

The classes hold every setting with its range and meaning. Unknown keys are refused with the nearest valid
names. A file may begin with `extends: other.yaml` (relative to itself) and then lists only what differs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from seqtutor.errors import UserError, shown, unknown_name

Count = Annotated[int, Field(le=10**9)]
AtOnce = Annotated[int, Field(ge=1, le=2**16)]  # sequences in memory together
WEIGHTS = 10**8  # of a network, at the most: what learns has six arrays of that size
VARIANT_NAMES = ("q", "psi", "g", "pcl", "tb", "dap", "pg", "rl-only")


def _between(least: float, most: float) -> AfterValidator:
    def check(value: float) -> float:
        if not least <= value <= most:
            raise ValueError(f"input should be from {least:g} to {most:g}")
        return value

    return AfterValidator(check)


Positive = Annotated[float, Field(gt=0), _between(1e-30, 1e30)]  # float32 can take it
Temperature = Annotated[float, Field(gt=0), _between(1e-6, 1e6)]  # logits divided by it stay finite


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataConfig(_Section):
    """Training data and how it is divided."""

    name: str = Field("", description="a data set's name (`seqtutor data list`) or a path")
    validation: float = Field(0.05, ge=0, lt=0.5, description="share held out for early stopping")
    test: float = Field(0.05, ge=0, lt=0.5, description="share held out for the final cross-entropy")
    max_length: Count = Field(128, ge=2, description="tokens; longer sequences are cut into pieces of this length")


class ModelConfig(_Section):
    """The recurrent network."""

    cell: Literal["lstm", "gru"] = "lstm"
    layers: int = Field(1, ge=1, le=16)
    units: Count | tuple[Count, ...] = Field(100, description="units of every layer, or a list with those of each")
    reads_begin: bool = Field(True, description="the begin token is an input; else the first token follows state zero")

    @property
    def sizes(self) -> tuple[int, ...]:
        """The units of each layer."""
        return (self.units,) * self.layers if isinstance(self.units, int) else self.units

    @field_validator("units", mode="after")
    @classmethod
    def _positive(cls, units: int | tuple[int, ...], info: ValidationInfo) -> int | tuple[int, ...]:
        each = (units,) if isinstance(units, int) else units
        if min(each, default=0) < 1:
            raise ValueError("every layer has at least 1 unit")
        layers = info.data.get("layers", 1)
        if not isinstance(units, int) and len(units) != layers:
            raise ValueError(f"the list is for {len(units)} layers, model.layers is {layers}")
        each = each if len(each) == layers else each * layers
        weights = sum(4 * size * (size + below) for size, below in zip(each, (0, *each), strict=False))
        if weights > WEIGHTS:
            raise ValueError(f"a network of {weights:,} weights; at most {WEIGHTS:,} are allowed")
        return units


class PretrainConfig(_Section):
    """Maximum likelihood."""

    epochs: float = Field(20, gt=0, le=1e6, description="passes over the training data, at the most; may be a fraction")
    batch: AtOnce = Field(128, description="sequences a step")
    learning_rate: Positive = Field(3e-3, description="highest rate; warm-up, then a half cosine to a hundredth")
    warmup: Count = Field(100, ge=0, description="steps of linear warm-up")
    clip_norm: Positive = Field(5.0, description="largest global gradient norm")
    weight_decay: float = Field(0.0, ge=0, le=1e30, description="decoupled, a step and unit of learning rate")
    evaluate_every: Count = Field(200, ge=1, description="steps between validations; each writes a checkpoint")
    patience: Count = Field(10, ge=1, description="validations without improvement before stopping")
    samples: int = Field(3, ge=0, le=1000, description="sequences drawn and shown at each validation")
    precision: Literal["float32", "mixed_float16"] = Field(
        "float32", description="of the recurrent layers while they learn; weights, sums and all else are float32"
    )


class TuneConfig(_Section):
    """KL-control. One round draws a batch of sequences, scores it, stores it, then learns from the replay."""

    variant: Literal[VARIANT_NAMES] = "psi"  # type: ignore[valid-type]
    reward: str = Field("", description="built-in name, weighted sum (qed:2,sa:1) or file.py:function; empty: default")
    c: Positive = Field(1.0, description="temperature: rewards count r / c, in nats")
    discount: float = Field(1.0, ge=0, le=1, description="a token")
    trace: float = Field(0.0, ge=0, le=1, description="lambda: how far targets look ahead; 0 is one step")
    path_length: Count = Field(10, ge=1, description="tokens of a sub-path (pcl)")
    rounds: Count = Field(300, ge=1)
    batch: AtOnce = Field(128, description="sequences drawn a round")
    minibatch: AtOnce = Field(64, description="sequences an update")
    replay_ratio: float = Field(2.0, gt=0, le=1e6, description="times each drawn sequence is learned from, on average")
    buffer: int = Field(4096, ge=1, le=10**6, description="sequences kept for replay")
    priority: float = Field(0.0, ge=0, le=1, description="exponent of prioritised replay; 0 draws uniformly")
    learning_rate: Positive = Field(1e-3)
    warmup: Count = Field(10, ge=0, description="rounds over which the learning rate rises to its value")
    final_rate: float = Field(0.1, ge=0, le=1, description="the last round's learning rate, as a share of the first's")
    clip_norm: Positive = Field(5.0, description="largest global gradient norm")
    weight_decay: float = Field(0.0, ge=0, le=1e30)
    huber: Positive = Field(10.0, description="TD errors beyond this count linearly, in nats")
    value_scale: Positive = Field(1.0, description="nats a unit of the value head: a large one learns levels fast")
    value_shapes: bool = Field(True, description="the value's gradient shapes the recurrent layers, not its head alone")
    target_rate: float = Field(0.05, gt=0, le=1, description="share of the way the target network moves an update")
    exploration: Literal["boltzmann", "epsilon-greedy"] = "boltzmann"
    temperature: Temperature = Field(1.0, description="of Boltzmann exploration")
    epsilon: float = Field(0.01, ge=0, le=1, description="share of random tokens")
    primer: str = Field("start", description="start, random, or text tokens or a file to start from")
    evaluate_every: Count = Field(25, ge=1, description="rounds between checkpoints")
    best: int = Field(100, ge=0, le=100_000, description="distinct sequences kept in best.csv, of all rounds; 0: none")


class SampleConfig(_Section):
    """Drawing sequences."""

    batch: AtOnce = Field(1024, description="sequences drawn at a time")
    temperature: Temperature = Field(1.0)
    primer: str = Field("", description="as tune.primer; empty: the same")


class EvaluateConfig(_Section):
    """Statistics of drawn sequences."""

    num: Count = Field(1000, ge=2, description="sequences")
    reference: str = Field("", description="data set or path for novelty; empty: the data set of the run, all of it")


class Config(_Section):
    """One experiment. `domain` holds the domain's name and its own options."""

    seed: int = Field(0, ge=0, lt=2**31)
    domain: dict[str, Any]
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    pretrain: PretrainConfig = PretrainConfig()
    tune: TuneConfig = TuneConfig()
    sample: SampleConfig = SampleConfig()
    evaluate: EvaluateConfig = EvaluateConfig()


def load(path: Path, overrides: tuple[str, ...] = ()) -> Config:
    """Reads a config file and applies `section.key=value` overrides. Raises UserError on anything wrong.

    A run's config.yaml is one too; its section `run`, which says how the run came about, is left out.
    """
    tree = _read_tree(path)
    tree.pop("run", None)
    for item in overrides:
        _override(tree, item)
    return from_tree(tree, str(path))


def from_tree(tree: dict[str, Any], where: str) -> Config:
    """Checks nested dictionaries against the schema. Raises UserError naming the key, the value and the mend."""
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        raise _explain(error.errors()[0], where) from None
    _check_domain(config.domain, where)
    return config


def changed(config: Config, overrides: tuple[str, ...], where: str) -> Config:
    """The config with `section.key=value` overrides applied. Raises UserError as `load` does."""
    tree = to_tree(config)
    for item in overrides:
        _override(tree, item)
    return from_tree(tree, where)


def to_tree(config: Config) -> dict[str, Any]:
    """Plain dictionaries of a config, as they stand in YAML."""
    return config.model_dump(mode="json")


def _read_tree(path: Path, depth: int = 0) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = [str(p) for p in sorted(path.parent.glob("*.yaml"))] if path.parent.is_dir() else []
        raise unknown_name("config file", str(path), known or ["configs/music.yaml"]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        why = getattr(error, "problem", None) or " ".join(str(error).split())
        raise UserError(f"{path}{line}: not valid YAML ({why})") from None
    except (OSError, ValueError, RecursionError) as error:  # a ValueError is of bytes, or of a date or number
        raise UserError(f"cannot read config {path}: {error}") from None
    if not isinstance(tree, dict):
        raise UserError(f"{path}: a config is a mapping of sections ({', '.join(Config.model_fields)})")
    base = tree.pop("extends", None)
    if base is None:
        return tree
    if depth > 8:
        raise UserError(f"{path}: `extends` goes round in a circle")
    return _merge(_read_tree(path.parent / str(base), depth + 1), tree)


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both else value
    return merged


def _override(tree: dict[str, Any], item: str) -> None:
    key, equals, text = item.partition("=")
    if not equals:
        raise UserError(f"--set {item}: write it as section.key=value")
    *sections, last = key.strip().split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise UserError(f"--set {item}: '{section}' is not a section")
    try:
        tree[last] = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise UserError(f"--set {item}: the value is not valid YAML") from None


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
    path = [str(part) for part in error["loc"]][:2]  # section and key; behind them is how pydantic tried a union
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
    return UserError(f"{where}: {key} is {shown(error['input'])}: {why[0].lower()}{why[1:]}")
