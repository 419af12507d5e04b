"""Makes the priors that come with seqtutor, priors/NAME: trains them, halves their precision, and checks the loss.

python scripts/make_priors.py music                 # minutes; needs music21, whose three free collections it takes
python scripts/make_priors.py molecules             # an hour; needs `seqtutor data fetch moses`
python scripts/make_priors.py music --run RUN       # packs a run that was trained already
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import yaml

import seqtutor as st
from seqtutor.data import corpus as corpora
from seqtutor.data.batches import Batches
from seqtutor.domains.music.data_sets import FOLDERS, corpus_folder
from seqtutor.runs import checkpoint
from seqtutor.runs.run import Run, rebuild

ROOT = Path(__file__).parents[1]
FREE = ("airds", "oneills", "ryans")  # of music21's collections; the fourth, Essen's, is not for commercial use
ALLOWED = 0.001  # nats a token that half precision may cost
PRIORS = {
    "music": (
        "melodies: Aird's, O'Neill's and Ryan's collections, LSTM of 100 units",
        "melodies in the public domain; weights CC0-1.0",
    ),
    "molecules": ("molecules: MOSES, LSTM of 256 units, told what is open", "MIT, as MOSES"),
}


def main() -> None:
    """Makes one prior."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=PRIORS)
    parser.add_argument("--run", type=Path, help="a run of this prior's config and data")
    args = parser.parse_args()
    data = tunes(ROOT / "runs" / "priors" / "tunes") if args.name == "music" else "moses"
    trained = st.load_run(args.run) if args.run else train(args.name, str(data))
    pack(args.name, trained, str(data))


def tunes(folder: Path) -> Path:
    """The ABC files of the free collections, copied to one folder."""
    root = corpus_folder()
    assert root is not None, "pip install music21"
    for name in FREE:
        shutil.copytree(root / FOLDERS[name], folder / FOLDERS[name], dirs_exist_ok=True)
    return folder


def train(name: str, data: str) -> Run:
    """The prior of the config of the same name."""
    return st.pretrain(name, data=data, out=ROOT / "runs" / "priors" / name, resume=True)


def pack(name: str, run: Run, data: str) -> None:
    """Writes a run's best checkpoint to priors/NAME in half precision."""
    folder, (description, licence) = ROOT / "priors" / name, PRIORS[name]
    folder.mkdir(parents=True, exist_ok=True)
    saved = checkpoint.load_best(run.path / "checkpoints")
    halves = {f"prior/{key}": array.astype(np.float16) for key, array in saved.group("prior").items()}
    np.savez_compressed(folder / "arrays.npz", **halves)
    whole, half = (loss(each, data) for each in (run, halved(run, saved, halves)))
    assert half - whole < ALLOWED, (whole, half)
    config = {**saved.meta["config"], "data": {**saved.meta["config"]["data"], "name": "" if name == "music" else data}}
    sha256 = hashlib.sha256((folder / "arrays.npz").read_bytes()).hexdigest()
    about = {
        "description": description, "licence": licence, "command": f"python scripts/make_priors.py {name}",
        "test_loss": round(half, 4), "test_loss_float32": round(whole, 4), "sha256": sha256,
    }  # fmt: skip
    run_section = {"kind": "prior", **{name: about[name] for name in ("description", "licence", "command")}}
    (folder / "config.yaml").write_text(yaml.safe_dump({**config, "run": run_section}, sort_keys=False))
    meta = {"format": checkpoint.FORMAT, "step": saved.step, "about": about, **saved.meta, "config": config}
    meta.pop("sha256", None)
    (folder / "checkpoint.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
    print(f"{folder}: {(folder / 'arrays.npz').stat().st_size:,} bytes, {about}")


def halved(run: Run, saved: checkpoint.Checkpoint, halves: dict[str, np.ndarray]) -> Run:
    """The run with the weights that half precision leaves."""
    arrays = {name: array.astype(np.float32) for name, array in halves.items()}
    return rebuild(run.path, checkpoint.Checkpoint(saved.step, saved.meta, arrays))


def loss(run: Run, data: str) -> float:
    """The mean cross-entropy of a token of the test split, in nats."""
    corpus = corpora.load(run.domain, data)
    parts = corpora.split(corpus, run.config.data, run.config.seed)
    batches = Batches(corpus, parts["test"], 256, run.config.data.max_length, corpus.vocabulary.pad)
    total = 0.0
    for tokens, lengths in batches.fixed():
        log_p = run.policy.log_probs(tokens, np.zeros((len(tokens), 0), np.int32))[1].numpy()
        total -= float(log_p[np.arange(tokens.shape[1]) < lengths[:, None]].sum(dtype=np.float64))
    return total / batches.tokens


if __name__ == "__main__":
    main()
