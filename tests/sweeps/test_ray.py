"""Sweeps and molecules on real Ray clusters of this machine; skipped where Ray is not installed."""

import json
import os
import secrets
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqtutor.cli.main import run
from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.molecules.workers import DIED, TIMED_OUT
from seqtutor.errors import UserError
from tests.support.commands import error_of
from tests.support.places import CONFIGS, ROOT

CONFIG = str(CONFIGS / "chain.yaml")
GRID = [
    "--variants", "psi", "--c", "0.5", "--seeds", "3", "--num", "50", "--quiet", "--set", "tune.rounds=60",
    "--set", "tune.batch=8", "--set", "tune.minibatch=8", "--set", "tune.replay_ratio=1", "--set",
    "tune.evaluate_every=1",
]  # fmt: skip
SMALL = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
CHANGES_ITSELF = """
from pathlib import Path
if Path({begun!r}).exists():
    Path(__file__).write_text(Path(__file__).read_text() + "# changed")

def f(tokens, texts):
    return [float(len(set(text))) for text in texts]
"""
QUICK = {  # a dead machine is missed after about a second
    "health_check_initial_delay_ms": 0, "health_check_period_ms": 300, "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _environment():
    """Set before Ray is imported, which reads it once. The token is these clusters' alone, not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        for name, value in {**token, "RAY_USAGE_STATS_ENABLED": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def prior(tmp_path_factory):
    path = tmp_path_factory.mktemp("cluster") / "prior"
    args = ["pretrain", CONFIG, "--out", str(path), "--quiet", "--set", "pretrain.epochs=0.2", "--set", "model.units=8"]
    assert run(args) == 0
    return path


@pytest.fixture
def cluster(monkeypatch):
    """A head and a second machine, of one core each."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # a worker of a worker finds the tests' own module
    made = Cluster(initialize_head=True, head_node_args={**SMALL, "_system_config": QUICK})
    try:
        made.add_node(**SMALL)
        made.wait_for_nodes()
        monkeypatch.setenv("RAY_ADDRESS", made.address)
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def sweep(prior, out, *more):
    return run(["sweep", CONFIG, "--prior", str(prior), "--out", str(out), *GRID, *more])


def newest(point):
    return max((path.name for path in (point / "checkpoints").glob("step-*")), default="")


def kill_in_mid_sweep(cluster, out, seen):
    """Kills the second machine without a word when the points on both machines have a few checkpoints."""
    node = next(node for node in cluster.worker_nodes)
    while sum(newest(point) > "step-00000005" for point in out.glob("*-seed*")) < 2:
        time.sleep(0.02)
    cluster.remove_node(node, allow_graceful=False)
    seen |= {point.name: newest(point) for point in out.glob("*-seed*")}


@pytest.mark.slow
def test_a_machine_is_killed_and_nothing_is_lost(cluster, prior):
    import ray

    local, out, seen = prior.parent / "local", prior.parent / "ray", {}
    killer = threading.Thread(target=kill_in_mid_sweep, args=(cluster, out, seen))
    killer.start()
    assert sweep(prior, out, "--engine", "ray") == 0
    killer.join()
    assert not ray.is_initialized()
    assert len(cluster.list_all_nodes()) == 1
    killed_within = [name for name, step in seen.items() if "step-00000005" < step < "step-00000060"]
    assert killed_within

    assert sweep(prior, local) == 0
    for name in ("frontier.csv", "summary.csv"):
        one, other = (pd.read_csv(path / name) for path in (local, out))
        drop = ["seconds"] if "seconds" in one else []
        pd.testing.assert_frame_equal(one.drop(columns=drop), other.drop(columns=drop), check_exact=True)
    assert set(pd.read_csv(out / "summary.csv").status) == {"done"}
    for point in local.glob("*-seed*"):
        histories = [pd.read_csv(path / point.name / "history.csv").drop(columns="seconds") for path in (local, out)]
        pd.testing.assert_frame_equal(*histories, check_exact=True)
        arrays = [dict(np.load(p / point.name / "checkpoints/step-00000060/arrays.npz")) for p in (local, out)]
        assert arrays[0].keys() == arrays[1].keys()
        for key, value in arrays[0].items():
            np.testing.assert_array_equal(value, arrays[1][key], err_msg=f"{point.name} {key}")
        trees = [json.loads((path / point.name / "summary.json").read_text()) for path in (local, out)]
        assert trees[0] == trees[1]


@pytest.mark.slow
def test_a_reward_file_that_changes(cluster, prior, tmp_path, capsys, monkeypatch):
    """Between two points of a sweep, when it may have done work, and before --resume: never are two rewards mixed."""
    path, out = tmp_path / "mine.py", tmp_path / "sweep"
    path.write_text(CHANGES_ITSELF.format(begun=str(out / "summary.csv")))
    monkeypatch.chdir(tmp_path)  # from where nothing is imported, there as here
    for name in ("random", "multiprocessing", "numpy", "ray", "pip"):
        Path(f"{name}.py").write_text(f"open({str(tmp_path / 'EXECUTED')!r}, 'a').write('{name} ')\nraise SystemExit")
    more = ["--out", str(out), "--engine", "ray", "--reward", f"{path}:f"]
    args = ["sweep", CONFIG, "--prior", str(prior), *GRID, *more]
    line = error_of(capsys, *args)
    assert f"{path}:f on " in line and "is not the file that the sweep began with; put that one there" in line
    assert "the reward file has changed since the training began" in error_of(capsys, *args, "--resume")
    assert not (tmp_path / "EXECUTED").exists()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999"])
def test_no_cluster_at_the_address(prior, tmp_path, monkeypatch, capsys, address):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", address)
    args = ["sweep", CONFIG, "--prior", str(prior), "--out", str(tmp_path / "s"), *GRID, "--engine", "ray"]
    assert f"no Ray cluster at RAY_ADDRESS={address}, or it asks for a token; start one" in error_of(capsys, *args)
    assert not (tmp_path / "s").exists()


def test_ray_is_not_installed(prior, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    args = ["sweep", CONFIG, "--prior", str(prior), "--out", str(tmp_path / "s"), *GRID, "--engine", "ray"]
    assert 'install it with: pip install "seqtutor[ray]"' in error_of(capsys, *args)
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_molecules_are_examined_on_the_cluster_though_a_machine_is_killed(cluster, monkeypatch):
    """The same results as here, in order; one that hangs is given up, one that ends its worker is named."""
    smiles = [f"{'C' * length}{end}" for length in range(1, 60) for end in ("", "O", "N", "(", "c1ccccc1", "F", "=O")]
    orders = [f"m{i}" for i in range(200)] + ["spin", "exit", "killed"]
    with Pool(1) as here:
        expected = here.map(smiles)
    monkeypatch.setenv("SEQTUTOR_WORKERS", "ray")
    with Pool() as pool, Pool(limit=0.2, module="tests.domains.molecules.test_molecule_pool") as odd:
        pids, until = set(), time.monotonic() + 60
        while len(pids) < 2 and time.monotonic() < until:  # until both machines have a process that works
            pids |= {molecule.canonical for molecule in odd.map(f"pid:{time.monotonic()}:{i}" for i in range(512))}
        assert len(pids) == 2
        pending = pool.submit(smiles)
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        assert str(pending.result()) == str(expected)
        found = odd.map(orders)
    assert [molecule.canonical for molecule in found[:-3]] == orders[:-3]
    assert [molecule.reason for molecule in found[-3:]] == [TIMED_OUT, DIED, DIED]


def test_an_unknown_place_for_workers(monkeypatch):
    monkeypatch.setenv("SEQTUTOR_WORKERS", "rya")
    with pytest.raises(UserError, match="SEQTUTOR_WORKERS is 'rya'; set it to ray"), Pool() as pool:
        pool.map(["C"])


@pytest.mark.slow
def test_a_benchmark_on_a_cluster_is_the_one_of_one_machine(cluster, tmp_path):
    import seqtutor
    from tests.support.commands import untrained

    untrained(tmp_path / "prior", "molecules", length=8)
    settings = {"tune.batch": 64, "tune.rounds": 3, "tune.embedding": 16}
    how = {"calls": 20, "seeds": 1, "tasks": ("qed", "median1"), "settings": settings, "quiet": True}
    there = seqtutor.benchmark("pmo", tmp_path / "prior", engine="ray", out=tmp_path / "ray", **how)
    here = seqtutor.benchmark("pmo", tmp_path / "prior", out=tmp_path / "local", **how)
    rows = [[{name: row[name] for name in row if name != "seconds"} for row in found.rows] for found in (there, here)]
    assert rows[0] == rows[1] and len(rows[0]) == 2
