"""One experiment, one config: sections of settings, read from YAML, checked, changed, written back."""

from seqtutor.config.files import (
    Source,
    assignments,
    changed,
    from_tree,
    in_a_run,
    load,
    locate,
    presets,
    summary,
    to_tree,
)
from seqtutor.config.sections import (
    VARIANT_NAMES,
    VARIANT_SUMMARIES,
    Config,
    DataConfig,
    EvaluateConfig,
    ModelConfig,
    PretrainConfig,
    SampleConfig,
    TuneConfig,
)

__all__ = [
    "VARIANT_NAMES", "VARIANT_SUMMARIES", "Config", "DataConfig", "EvaluateConfig", "ModelConfig", "PretrainConfig",
    "SampleConfig", "Source", "TuneConfig", "assignments", "changed", "from_tree", "in_a_run", "load", "locate",
    "presets", "summary", "to_tree",
]  # fmt: skip
