"""What seqtutor does, as functions; `import seqtutor` offers them, and the commands call them."""

from seqtutor.api.benchmarking import Benchmark, benchmark
from seqtutor.api.evaluation import Evaluation, evaluate, score
from seqtutor.api.outputs import convert_reinvent, export, import_magenta, import_reinvent, report
from seqtutor.api.playing import play
from seqtutor.api.rating import fit_ratings, rate
from seqtutor.api.runs import Run, load_run
from seqtutor.api.samples import Samples, sample
from seqtutor.api.sweeping import Sweep, sweep
from seqtutor.api.training import pretrain, tune

__all__ = [
    "Benchmark", "Evaluation", "Run", "Samples", "Sweep", "benchmark", "convert_reinvent", "evaluate", "export",
    "fit_ratings", "import_magenta", "import_reinvent", "load_run", "play", "pretrain", "rate", "report", "sample",
    "score", "sweep", "tune",
]  # fmt: skip
