"""Sequence Tutor: tune a sequence generator by reinforcement learning, close to the data it was trained on."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from seqtutor.api import (
        Benchmark,
        Evaluation,
        Run,
        Samples,
        Sweep,
        benchmark,
        convert_reinvent,
        evaluate,
        export,
        fit_ratings,
        import_magenta,
        import_reinvent,
        load_run,
        play,
        pretrain,
        rate,
        report,
        sample,
        score,
        sweep,
        tune,
    )
    from seqtutor.config import VARIANT_NAMES, Config
    from seqtutor.domains.checks import check_domain
    from seqtutor.errors import Diverged, UserError

# Public names and where they are found; nothing is imported before it is asked for (PEP 562).
_PUBLIC = {
    **dict.fromkeys(
        ("Benchmark", "Evaluation", "Run", "Samples", "Sweep", "benchmark", "convert_reinvent", "evaluate", "export",
         "fit_ratings", "import_magenta", "import_reinvent", "load_run", "play", "pretrain", "rate", "report", "sample",
         "score", "sweep", "tune"),
        "seqtutor.api"),
    **dict.fromkeys(("VARIANT_NAMES", "Config"), "seqtutor.config"),
    **dict.fromkeys(("Diverged", "UserError"), "seqtutor.errors"),
    "check_domain": "seqtutor.domains.checks",
}  # fmt: skip

__all__ = [
    "VARIANT_NAMES", "Benchmark", "Config", "Diverged", "Evaluation", "Run", "Samples", "Sweep", "UserError",
    "benchmark", "check_domain", "convert_reinvent", "evaluate", "export", "fit_ratings", "import_magenta",
    "import_reinvent", "load_run", "play", "pretrain", "rate", "report", "sample", "score", "sweep", "tune",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'seqtutor' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
