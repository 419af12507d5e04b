"""Makes guacamol.json: what guacamol 0.5.5 says of molecules of tests/data/moses.

    pip install numpy "scipy<2" rdkit joblib && pip install --no-deps guacamol==0.5.5
    python tests/data/guacamol/make.py

guacamol was written for the packages of 2020. What they no longer have is put in its place before its modules are
imported, and its benchmarks then run as they are; the Frechet ChemNet Distance is left out.
"""

import gzip
import json
import sys
import types
from pathlib import Path

import numpy as np
import scipy

scipy.histogram = np.histogram
for name in ("fcd", "joblib"):
    module = sys.modules.setdefault(name, types.ModuleType(name))
    module.Parallel = module.delayed = None

from guacamol import distribution_learning_benchmark as benchmarks  # noqa: E402
from guacamol.distribution_matching_generator import DistributionMatchingGenerator  # noqa: E402

HERE = Path(__file__).parent
COUNT = 500


def lines(path):
    return gzip.decompress(path.read_bytes()).decode().split()


class Given(DistributionMatchingGenerator):
    """Gives texts in their order."""

    def __init__(self, texts):
        self._texts = iter(texts)

    def generate(self, number_samples):
        return [next(self._texts) for _ in range(number_samples)]


if __name__ == "__main__":
    drawn = lines(HERE.parent / "moses" / "generated.smi.gz")
    training = lines(HERE.parents[2] / "data" / "molecules" / "moses-sample.smi.gz")[2000 : 2000 + COUNT]
    found = {}
    for benchmark in (
        benchmarks.ValidityBenchmark(COUNT),
        benchmarks.UniquenessBenchmark(COUNT),
        benchmarks.NoveltyBenchmark(COUNT, training),
        benchmarks.KLDivBenchmark(COUNT, training),
    ):
        result = benchmark.assess_model(Given(drawn))
        found[benchmark.name] = result.score
        found |= result.metadata.get("kl_divs", {})
    (HERE / "guacamol.json").write_text(json.dumps(found, indent=1) + "\n")
