"""Makes this folder's files: 5,000 molecules, and what molsets 0.3.1 says of them.

    pip download --no-deps molsets==0.3.1 && unzip molsets-0.3.1-py3-none-any.whl -d MOLSETS
    pip install numpy scipy pandas torch rdkit tqdm
    python tests/data/moses/make.py MOLSETS

molsets was written for the packages of 2020. What they no longer have is put in its place before its modules are
imported, and its metrics then run as they are; the Frechet ChemNet Distance is left out.
"""

import gzip
import json
import random
import sys
import types
from pathlib import Path

HERE = Path(__file__).parent
SAMPLE = HERE.parents[2] / "data" / "molecules" / "moses-sample.smi.gz"
ODD = ("[N+]", "[O-]", "I", "P", "S", "Br", "N=N", "C=O", "c1ccc(N)cc1", "C#N", "C1CCCCCCC1", "[nH]", "C", "(", "1")


def lines(first, last):
    """Molecules of the sample that comes with seqtutor."""
    return gzip.decompress(SAMPLE.read_bytes()).decode().split("\n")[first:last]


def generated():
    """3,500 molecules of the sample, 500 of them again, and 1,000 with one letter replaced; many are not valid."""
    rng = random.Random(0)
    whole = lines(0, 3500)
    changed = []
    for text in lines(3500, 4500):
        place = rng.randrange(len(text))
        changed.append(text[:place] + rng.choice(ODD) + text[place + 1 :])
    mixed = whole + whole[:500] + changed
    rng.shuffle(mixed)
    return mixed


def import_metrics(folder):
    """molsets' module of metrics, with what it misses in today's packages."""
    import numpy
    import pandas

    sys.path.insert(0, folder)
    numpy.NaN = numpy.nan
    pandas.DataFrame.append = lambda self, other, sort: pandas.concat([self, other], sort=sort)
    without = type("FCD", (), {"__init__": lambda self, **_: None, "__call__": lambda self, **_: float("nan")})
    without.precalc = lambda self, _: None
    for name, members in {
        "fcd_torch": {"FCD": without},
        "matplotlib": {"pyplot": None},
        "rdkit.six": {"iteritems": dict.items},
        "moses": {"__path__": [f"{folder}/moses"]},
        "moses.metrics": {"__path__": [f"{folder}/moses/metrics"]},
        "moses.dataset": {"get_dataset": None, "get_statistics": None},
        "moses.metrics.NP_Score.npscorer": {},
    }.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(members)
    from moses.metrics import metrics

    return metrics


def main():
    """Writes both files."""
    from rdkit import Chem

    metrics = import_metrics(sys.argv[1])
    smiles = generated()
    (HERE / "generated.smi.gz").write_bytes(gzip.compress("".join(f"{s}\n" for s in smiles).encode(), mtime=0))
    train = [Chem.MolToSmiles(Chem.MolFromSmiles(text)) for text in lines(0, 2000)]  # two were spelt otherwise in 2020
    found = metrics.get_all_metrics(
        smiles, k=[1000, 10000], train=train, test=lines(8000, 10000), test_scaffolds=lines(12000, 13000)
    )
    numbers = {name: float(value) for name, value in found.items() if not name.startswith("FCD")}
    (HERE / "molsets.json").write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
