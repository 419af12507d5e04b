"""The sections of a config: every setting with its type, range, default, unit and meaning."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Count = Annotated[int, Field(le=10**9)]
AtOnce = Annotated[int, Field(ge=1, le=2**16)]  # sequences in memory together
WEIGHTS = 10**8  # of a network, at the most: what learns has six arrays of that size
VariantName = Literal["q", "psi", "g", "pcl", "tb", "dap", "pg", "rl-only"]
VARIANT_NAMES: tuple[str, ...] = get_args(VariantName)


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

    variant: VariantName = "psi"
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
