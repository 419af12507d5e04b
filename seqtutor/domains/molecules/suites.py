"""The benchmarks of molecules: which tasks they have, and what others have published.

The figures of PMO are the means of 5 seeds at 10,000 calls in Gao et al. 2022, "Sample Efficiency Matters", table 2, as
remembered, to three digits; their priors were trained on ZINC 250k.
"""

from __future__ import annotations

from seqtutor.domains.base import Suite
from seqtutor.domains.molecules.tasks import TASKS

PUBLISHED = {
    "REINVENT": {
        "albuterol_similarity": 0.882, "amlodipine_mpo": 0.635, "celecoxib_rediscovery": 0.713, "deco_hop": 0.666,
        "fexofenadine_mpo": 0.784, "isomers_c7h8n2o2": 0.852, "isomers_c9h10n2o2pf2cl": 0.642, "median1": 0.356,
        "median2": 0.276, "mestranol_similarity": 0.618, "osimertinib_mpo": 0.837, "perindopril_mpo": 0.537,
        "qed": 0.941, "ranolazine_mpo": 0.760, "scaffold_hop": 0.560, "sitagliptin_mpo": 0.021,
        "thiothixene_rediscovery": 0.534, "troglitazone_rediscovery": 0.441, "valsartan_smarts": 0.178,
        "zaleplon_mpo": 0.358,
    },
    "Graph GA": {
        "albuterol_similarity": 0.838, "amlodipine_mpo": 0.661, "celecoxib_rediscovery": 0.630, "deco_hop": 0.619,
        "fexofenadine_mpo": 0.760, "isomers_c7h8n2o2": 0.862, "isomers_c9h10n2o2pf2cl": 0.719, "median1": 0.294,
        "median2": 0.273, "mestranol_similarity": 0.579, "osimertinib_mpo": 0.831, "perindopril_mpo": 0.538,
        "qed": 0.940, "ranolazine_mpo": 0.728, "scaffold_hop": 0.517, "sitagliptin_mpo": 0.433,
        "thiothixene_rediscovery": 0.479, "troglitazone_rediscovery": 0.390, "valsartan_smarts": 0.000,
        "zaleplon_mpo": 0.346,
    },
}  # fmt: skip
SOURCE = "Gao et al. 2022, table 2: means of 5 seeds at 10,000 calls, another prior"

_GUACAMOL_ALONE = ("aripiprazole_similarity", "isomers_c11h24")
_PMO_ALONE = ("isomers_c7h8n2o2", "qed")

SUITES = {
    "pmo": Suite(
        tuple(name for name in TASKS if name not in _GUACAMOL_ALONE), ("drd2", "gsk3b", "jnk3"), PUBLISHED, SOURCE
    ),
    "guacamol": Suite(tuple(name for name in TASKS if name not in _PMO_ALONE)),
}
