"""Inputs mangled at random, each by a seed: what test_fuzz.py gives the commands.

`python -m tests.support.mutate KIND SEED FOLDER` writes the files of a case into a folder and prints its command line.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml

from tests.support.mutated_files import melodies_case, midi_case, molecules_case, npz_case
from tests.support.mutated_formats import (
    abc_case,
    magenta_case,
    musicxml_case,
    parquet_case,
    reinvent_case,
    reward_case,
    sdf_case,
    toml_case,
)
from tests.support.mutations import VALUES, chance, mangled, other_array
from tests.support.places import ROOT

DRAWN = 0.03  # share of the damaged runs that are drawn from: each takes TensorFlow a second


# Configs


def config_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """A config with other bytes or values, or a --set; its data are nowhere, so that nothing is trained."""
    data = rng.choice(sorted((ROOT / "configs").glob("*.yaml"))).read_bytes()
    base = data.replace(b"extends: ", f"extends: {ROOT}/configs/".encode())
    path = folder / "config.yaml"
    args = ["pretrain", str(path), "--data", "nowhere", "--out", str(folder / "out"), "--quiet"]
    way = rng.choice(("bytes", "bytes", "value", "value", "set"))
    if way == "value":
        base = yaml.safe_dump(_other_value(yaml.safe_load(base), rng), allow_unicode=chance(rng, 0.5)).encode()
    elif way == "set":
        key = rng.choice(("tune.c", "model.units", "domain.length", "seed", "domain", "data.name", "run.x", ""))
        args += ["--set", f"{key}={_flow(rng.choice(VALUES))}".replace("\0", "\\0")]
    path.write_bytes(mangled(base, rng) if way == "bytes" else base)
    return args


def _flow(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True).strip()


def _other_value(tree: object, rng: random.Random) -> object:
    """The tree with one value anywhere in it replaced, or with a key more."""
    if not isinstance(tree, dict) or not tree or chance(rng, 0.1):
        return rng.choice(VALUES)
    if chance(rng, 0.1):
        return {**tree, rng.choice(("x", 1, None, "lenght", "unit", (1, 2))): rng.choice(VALUES)}
    key = rng.choice(list(tree))
    return {**tree, key: _other_value(tree[key], rng)}


# Runs


def run_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """A run folder with one file mangled, or with other arrays or another description under a right hash."""
    name = rng.choice(("prior", "psi"))
    run = folder / "run"
    shutil.copytree(runs / name, run, ignore=shutil.ignore_patterns("tensorboard", "samples"))
    saved = _loaded(run / "checkpoints")
    files = [run / "config.yaml", *(run / "checkpoints").glob("best.json"), *[saved / "checkpoint.json"] * 2]
    way = rng.choice((*files, saved / "arrays.npz", "meta", "meta", "arrays", "arrays"))
    if way == "meta":
        meta = json.loads((saved / "checkpoint.json").read_text())
        meta.pop("digest", None)  # else that is all that is found
        (saved / "checkpoint.json").write_text(json.dumps(_other_value(meta, rng), skipkeys=True))
    elif way == "arrays":
        _other_arrays(saved, rng)
    else:
        way.write_bytes(mangled(way.read_bytes(), rng))
    kind = "csv" if chance(rng, DRAWN) else "nothing"  # refused once the run is loaded
    return ["sample", str(run), "--num", "2", "--format", kind, "--out", str(folder / "out"), "--quiet"]


def _loaded(folder: Path) -> Path:
    """The checkpoint that a command would load."""
    if (folder / "best.json").exists():
        return folder / f"step-{json.loads((folder / 'best.json').read_text())['step']:08d}"
    return sorted(folder.glob("step-*"))[-1]


def resume_case(rng: random.Random, folder: Path, runs: Path) -> list[str]:
    """As `run_case`, or with a mangled history, and gone on with."""
    run_case(rng, folder, runs)
    run = folder / "run"
    if chance(rng, 0.4):
        (run / "history.csv").write_bytes(mangled((run / "history.csv").read_bytes(), rng))
    more = ["--resume"] if chance(rng, 0.9) else ["--force"]
    if "kind: prior" in (runs / "prior" / "config.yaml").read_text() and (run / "summary.json").exists():
        return ["pretrain", str(runs / "prior.yaml"), "--out", str(run), "--quiet", *more]
    return ["tune", str(runs / "psi.yaml"), "--prior", str(runs / "prior"), "--out", str(run), "--quiet", *more]


def _other_arrays(saved: Path, rng: random.Random) -> None:
    """Rewrites arrays.npz with an array changed or left out, and its hash in checkpoint.json."""
    import hashlib

    with np.load(saved / "arrays.npz") as file:
        arrays = dict(file)
    name = rng.choice(list(arrays))
    array = arrays.pop(name)
    if chance(rng, 0.8):
        flat = array.reshape(1, -1) if array.ndim < 2 else array
        arrays[name] = other_array(flat, rng) if chance(rng, 0.6) else np.full_like(array, rng.choice((0, 1, 2**20)))
    np.savez(saved / "arrays.npz", allow_pickle=True, **arrays)
    meta = json.loads((saved / "checkpoint.json").read_text())
    meta.pop("digest", None)
    meta["sha256"] = hashlib.sha256((saved / "arrays.npz").read_bytes()).hexdigest()
    (saved / "checkpoint.json").write_text(json.dumps(meta))


KINDS: dict[str, Callable[[random.Random, Path, Path], list[str]]] = {
    "midi": midi_case, "melodies": melodies_case, "molecules": molecules_case, "config": config_case, "npz": npz_case,
    "run": run_case, "resume": resume_case, "abc": abc_case, "sdf": sdf_case, "parquet": parquet_case,
    "reinvent": reinvent_case, "magenta": magenta_case, "reward": reward_case, "toml": toml_case,
    "musicxml": musicxml_case,
}  # fmt: skip


def make(kind: str, seed: int, folder: Path, runs: Path) -> list[str]:
    """Writes the files of a case into an empty folder; returns its command line. `runs`: see `train`."""
    return KINDS[kind](random.Random(f"{kind} {seed}"), folder, runs)


def train(folder: Path) -> None:
    """Trains a prior of words and tunes it: folder/prior and folder/psi, with the configs prior.yaml and psi.yaml."""
    from seqtutor.cli.main import run

    sizes = {
        "domain": {"name": "chain", "letters": 3, "length": 4}, "data": {"name": str(folder / "words.txt")},
        "model": {"units": 4}, "pretrain": {"epochs": 2, "batch": 8, "evaluate_every": 10},
        "tune": {"rounds": 4, "batch": 4, "minibatch": 4, "buffer": 16, "evaluate_every": 2},
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(0)
    words = ("".join(rng.choices("abc", (3, 2, 1), k=4)) for _ in range(60))
    (folder / "words.txt").write_text("\n".join(words) + "\n")
    for name in ("prior", "psi"):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(sizes))
    prior, psi = str(folder / "prior"), str(folder / "psi")
    assert run(["pretrain", str(folder / "prior.yaml"), "--out", prior, "--quiet"]) == 0
    assert run(["tune", str(folder / "psi.yaml"), "--prior", prior, "--out", psi, "--quiet"]) == 0


def main(kind: str, seed: str, folder: str) -> None:
    """Writes one case and prints its command."""
    import shlex

    case = Path(folder) / f"{kind}-{seed}"
    case.mkdir(parents=True)
    if kind in ("run", "resume") and not (Path(folder) / "runs").exists():
        train(Path(folder) / "runs")
    print("seqtutor", shlex.join(make(kind, int(seed), case, Path(folder) / "runs")))


if __name__ == "__main__":
    main(*sys.argv[1:])
