"""Makes this folder's files with the classes of REINVENT4: a small prior, and its log-probabilities of 100 molecules.

    git clone https://github.com/MolecularAI/REINVENT4 REINVENT4
    pip install torch==2.13.0 numpy xxhash
    python tests/data/reinvent/make.py REINVENT4

The prior has 2 LSTM layers of 32 units and reads 16 numbers a token. It learned for 300 steps from 4,000 molecules of
the sample that comes with seqtutor. It was made with commit 4309467 (version 4.8.24).
"""

import gzip
import importlib
import json
import sys
import time
import types
import uuid
from pathlib import Path

HERE = Path(__file__).parent
SAMPLE = HERE.parents[2] / "data" / "molecules" / "moses-sample.smi.gz"


def reinvent(repository):
    """Its modules of the model, without what their packages import beside them."""
    for name in ("reinvent", "reinvent.models"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(Path(repository) / name.replace(".", "/"))]
    names = ("reinvent.models.model", "reinvent.models.vocabulary", "meta_data")
    return [importlib.import_module(f"reinvent.models.{name}") for name in names]


def main():
    """Writes both files."""
    import torch

    model_module, vocabulary_module, meta_data = reinvent(sys.argv[1])
    torch.manual_seed(0)
    smiles = gzip.decompress(SAMPLE.read_bytes()).decode().split()[:4000]
    tokenizer = vocabulary_module.SMILESTokenizer()
    model = model_module.Model(
        vocabulary=vocabulary_module.create_vocabulary(smiles, tokenizer),
        tokenizer=tokenizer,
        meta_data=meta_data.ModelMetaData(None, meta_data.HASH_FORMAT, uuid.UUID(int=0), "MOSES", time.time()),
        network_params={"layer_size": 32, "num_layers": 2, "cell_type": "lstm", "embedding_layer_size": 16},
        max_sequence_length=128,
    )
    adam = torch.optim.Adam(model.network.parameters(), 1e-2)
    for step in range(300):
        chosen = smiles[40 * step % 4000 :][:40]
        loss = model.likelihood_smiles(chosen).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    model.set_mode("inference")
    model.save(HERE / "small.prior")
    with torch.no_grad():  # one by one: in a batch its likelihood would count the padding
        found = {text: -float(model.likelihood_smiles([text])) for text in smiles[:100]}
    (HERE / "log_p.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
