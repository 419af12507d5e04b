"""The sections of a config: every setting with its type, range, default, unit and meaning."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

Count = Annotated[int, Field(le=10**9)]
AtOnce = Annotated[int, Field(ge=1, le=2**16)]  # sequences in memory together
WEIGHTS = 10**8  # of a network, at the most: what learns has six arrays of that size
EMBEDDING = 10**4  # numbers a token
VariantName = Literal["q", "psi", "g", "pcl", "tb", "dap", "pg", "dpg", "rl-only"]
VARIANT_NAMES: tuple[str, ...] = get_args(VariantName)
VARIANT_SUMMARIES: dict[str, str] = {
    "q": "Q-learning with the log prior in the reward",
    "psi": "psi-learning: soft values, log prior in the reward",
    "g": "G-learning: soft values weighted by the prior",
    "pcl": "path consistency on sub-paths of a sequence",
    "tb": "trajectory balance: path consistency on whole sequences",
    "dap": "REINVENT's augmented likelihood",
    "pg": "policy gradient with the KL term in the return",
    "dpg": "likelihood of weighted populations: KL(pi* || pi)",
    "rl-only": "Q-learning without any prior: the control",
}


def _between(least: float, most: float) -> AfterValidator:
    def check(value: float) -> float:
        if not least <= value <= most:
            raise ValueError(f"input should be from {least:g} to {most:g}")
        return value

    return AfterValidator(check)


def _setting(default: Any, meaning: str, unit: str = "", **limits: Any) -> Any:
    """A setting with its meaning, for docs/settings.md, its unit, and limits as pydantic's `Field` has them."""
    return Field(default, description=meaning, json_schema_extra={"unit": unit} if unit else None, **limits)


Positive = Annotated[float, Field(gt=0), _between(1e-30, 1e30)]  # float32 can take it
Rate = Annotated[float, Field(gt=0), _between(1e-30, 1e6)]  # of Adam, whose steps are as large; float32 can take them
Temperature = Annotated[float, Field(gt=0), _between(1e-6, 1e6)]  # logits divided by it stay finite


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation is not bool:
            raise ValueError(f"{str(value).lower()} is not a number or a name")
        return value


class DataConfig(_Section):
    """Training data and how it is divided."""

    name: str = _setting("", "a data set's name (`seqtutor data list`) or a path")
    validation: float = _setting(0.05, "share of the sequences that early stopping is judged by", ge=0, lt=0.5)
    test: float = _setting(0.05, "share of the sequences that the final cross-entropy is measured on", ge=0, lt=0.5)
    max_length: Count = _setting(128, "longer sequences are cut into pieces of this length", "tokens", ge=2)


class ModelConfig(_Section):
    """The recurrent network."""

    cell: Literal["lstm", "gru"] = _setting("lstm", "the kind of recurrent cell")
    layers: int = _setting(1, "recurrent layers", "layers", ge=1, le=16)
    units: Count | tuple[Count, ...] = _setting(100, "units of every layer, or a list with those of each", "units")
    reads_begin: bool = _setting(True, "the network reads a begin token; else the first token follows its state zero")
    embedding: int = _setting(
        0,
        "numbers that a table learns for each token, read by the first layer; 0: it reads tokens",
        "numbers",
        ge=0,
        le=EMBEDDING,
    )
    lookahead: bool = _setting(
        False, "the network is told what the domain knows of a sequence that is being written, where it knows something"
    )

    @property
    def sizes(self) -> tuple[int, ...]:
        """The units of each layer."""
        return (self.units,) * self.layers if isinstance(self.units, int) else self.units

    def widened(self, units: int, embedding: int = 0) -> ModelConfig:
        """The same network with so many units in every layer and numbers a token; 0 leaves them as they are."""
        asked = {"units": units, "embedding": embedding}
        return self.model_copy(update={name: number for name, number in asked.items() if number})

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

    epochs: float = _setting(
        20, "passes over the training data, at the most; may be a fraction", "epochs", gt=0, le=1e6
    )
    batch: AtOnce = _setting(128, "sequences of one step", "sequences")
    learning_rate: Rate = _setting(3e-3, "highest learning rate; after the warm-up it falls by a half cosine to 1 %")
    warmup: Count = _setting(100, "the learning rate rises linearly over this time", "steps", ge=0)
    clip_norm: Positive = _setting(5.0, "largest norm of the gradient of all weights")
    weight_decay: float = _setting(0.0, "decoupled weight decay, for each step and unit of learning rate", ge=0, le=1e6)
    evaluate_every: Count = _setting(200, "time between validations; each writes a checkpoint", "steps", ge=1)
    patience: Count = _setting(10, "training stops after so many validations without improvement", "validations", ge=1)
    samples: int = _setting(3, "sequences drawn and shown at each validation", "sequences", ge=0, le=1000)
    precision: Literal["float32", "mixed_float16"] = _setting(
        "float32", "of the recurrent layers while they learn; weights, sums and all else are float32"
    )


class TuneConfig(_Section):
    """KL-control. One round draws a batch of sequences, scores it, stores it, then learns from the replay."""

    variant: VariantName = _setting("psi", "how to tune (`seqtutor tune --help` has a line on each)")
    reward: str = _setting(
        "",
        "a built-in name, a weighted sum (qed:2,sa:1), file.py:function, command:WORDS or rest:URL; empty: that of the "
        "domain",
    )
    c: Positive = _setting(1.0, "temperature of KL-control: a reward r counts as r / c", "reward per nat")
    discount: float = _setting(1.0, "factor on later rewards, for each token", ge=0, le=1)
    trace: float = _setting(0.0, "lambda, how far targets look ahead; 0 is one step", ge=0, le=1)
    path_length: Count = _setting(10, "length of a sub-path, for the variants pcl and dpg", "tokens", ge=1)
    rounds: Count = _setting(300, "length of the tuning, at the most", "rounds", ge=1)
    calls: Count = _setting(
        0, "the run ends after so many different valid sequences were scored; 0: no limit", "sequences", ge=0
    )
    until: float | None = _setting(
        None, "the run ends after the first round whose mean reward is so high; null: it goes on", "reward"
    )
    initial: str = _setting(
        "", "a run tuned from the same prior, the stage before, whose policy this one begins with; empty: the prior's"
    )
    batch: AtOnce = _setting(128, "sequences drawn in a round", "sequences")
    particles: AtOnce = _setting(
        1, "size of each population that is drawn; 1 draws from the policy itself", "sequences"
    )
    units: Count = _setting(
        0, "width of each layer of the tuned network, at least the prior's; 0: the same", "units", ge=0
    )
    embedding: int = _setting(
        0,
        "numbers a token in a table before the first layer of the tuned network; 0: as the prior's",
        "numbers",
        ge=0,
        le=EMBEDDING,
    )
    lookahead: bool = _setting(
        False,
        "the network is told what each next token would earn, and what reward or domain count, where they can say",
    )
    minibatch: AtOnce = _setting(64, "sequences of one update", "sequences")
    replay_ratio: float = _setting(
        2.0, "how often each drawn sequence is learned from, on average", "times", gt=0, le=1e6
    )
    buffer: int = _setting(4096, "newest sequences, kept for replay", "sequences", ge=1, le=10**6)
    priority: float = _setting(0.0, "exponent of prioritised replay; 0 draws uniformly", ge=0, le=1)
    learning_rate: Rate = _setting(1e-3, "highest learning rate; from it the rate falls linearly to its final share")
    warmup: Count = _setting(10, "the learning rate rises linearly over this time", "rounds", ge=0)
    final_rate: float = _setting(0.1, "the last round's learning rate as a share of the highest", ge=0, le=1)
    clip_norm: Positive = _setting(5.0, "largest norm of the gradient of all weights")
    weight_decay: float = _setting(
        0.0, "decoupled weight decay, for each update and unit of learning rate", ge=0, le=1e6
    )
    huber: Positive = _setting(10.0, "TD errors above it count linearly, not squared", "nats")
    value_scale: Positive = _setting(1.0, "one unit of the value head; a large one learns levels fast", "nats")
    value_shapes: bool = _setting(True, "the value's gradient shapes the recurrent layers, not its head alone")
    target_rate: float = _setting(
        0.05, "share of the way to the network that the target network moves in an update", gt=0, le=1
    )
    exploration: Literal["boltzmann", "epsilon-greedy"] = _setting(
        "boltzmann", "how a round's sequences are drawn from the policy"
    )
    temperature: Temperature = _setting(1.0, "of Boltzmann exploration; above 1 it is more random than the policy")
    epsilon: float = _setting(0.01, "share of random tokens in epsilon-greedy exploration", ge=0, le=1)
    primer: str = _setting("start", "what sequences begin with: start, random, tokens as text, or a file of them")
    evaluate_every: Count = _setting(25, "time between checkpoints", "rounds", ge=1)
    best: int = _setting(100, "best different sequences of all rounds, kept in best.csv", "sequences", ge=0, le=100_000)
    best_batch: int = _setting(
        0,
        "of the tune.best best sequences, how many are learned from beside each minibatch; it moves the optimum",
        "sequences",
        ge=0,
        le=2**16,
    )

    best_updates: Count = _setting(
        0,
        "further updates in each round, each from tune.best_batch of the best alone; they move the optimum",
        "updates",
        ge=0,
    )
    offspring: int = _setting(
        0,
        "children of the best molecules, scored in each round beside those drawn; they come into the memory of "
        "tune.best_batch",
        "sequences",
        ge=0,
        le=2**16,
    )

    @model_validator(mode="after")
    def _whole_populations(self) -> TuneConfig:
        if (self.offspring or self.best_updates) and not self.best_batch:
            which = "offspring" if self.offspring else "best_updates"
            raise ValueError(f"tune.{which} needs the memory of tune.best_batch, which is 0; give that 1 or more")
        if self.best_batch and not self.best:
            raise ValueError("tune.best_batch asks for the best sequences, and tune.best is 0; give it 1 or more")
        if self.batch % self.particles:
            raise ValueError(
                f"tune.batch is {self.batch}: give a multiple of tune.particles, which is {self.particles}"
            )
        return self


class SampleConfig(_Section):
    """Drawing sequences."""

    batch: AtOnce = _setting(1024, "sequences drawn at a time; which ones they are depends on it", "sequences")
    temperature: Temperature = _setting(1.0, "below 1 it sharpens the policy, above 1 it flattens it")
    primer: str = _setting("", "as tune.primer; empty: the same")


class EvaluateConfig(_Section):
    """Statistics of drawn sequences."""

    num: Count = _setting(1000, "sequences drawn from each run", "sequences", ge=2)
    reference: str = _setting(
        "", "data set or path that novelty is measured against; empty: the run's data set, all of it"
    )


class Config(_Section):
    """One experiment. `domain` holds the domain's name and its own options."""

    seed: int = _setting(0, "decides every random number of the experiment", ge=0, lt=2**31)
    domain: dict[str, Any] = Field(description="the domain's name, and its options")
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    pretrain: PretrainConfig = PretrainConfig()
    tune: TuneConfig = TuneConfig()
    sample: SampleConfig = SampleConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
