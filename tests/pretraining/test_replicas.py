"""Training on several devices: which there are, sums over them, and real workers that follow the curve of one."""

import json
import multiprocessing
import os
import signal
import socket
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from seqtutor.cli.main import run
from seqtutor.errors import UserError
from seqtutor.pretraining import loop, replicas
from seqtutor.pretraining.replicas import Replicas, every_device, is_chief
from tests.support.places import ROOT

ARGS = [
    "pretrain", str(ROOT / "configs" / "chain.yaml"), "--set", "model.units=8", "--set", "pretrain.batch=31",
    "--set", "pretrain.epochs=1.5", "--set", "pretrain.evaluate_every=5", "--set", "pretrain.weight_decay=0.001",
    "--set", "pretrain.clip_norm=0.2",
]  # fmt: skip


def work(args, printed, environment, devices, interrupted):
    """The life of a process of its own, as another machine has one; what it prints goes to a file.

    One that is to be interrupted gets Ctrl-C as it validates for the first time, however fast the machine is.
    """
    for number in (1, 2):
        os.dup2(os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.environ |= environment
    if devices:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
        names = [f"CPU:{i}" for i in range(devices)]
        loop.every_device = lambda quiet: Replicas(tf.distribute.MirroredStrategy(names))
    if interrupted:
        validate = loop.Trainer.validate
        loop.Trainer.validate = lambda trainer: os.kill(os.getpid(), signal.SIGINT) or validate(trainer)
    sys.exit(run(args))


def start(args, printed, devices=0, interrupted=False, **environment):
    """Forked from a process that has imported TensorFlow and done nothing else, to save the time of importing it."""
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=work, args=(args, printed, environment, devices, interrupted))
    process.start()
    return process


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def start_workers(*args_of_each, interrupted=None):
    """A process for each list of arguments, all of one cluster; the one of that index is interrupted."""
    workers = [f"127.0.0.1:{port}" for port in free_ports(len(args_of_each))]
    started = []
    for index, args in enumerate(args_of_each):
        config = json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
        started.append(start(args, f"{args[-1]}.{index}.txt", interrupted=index == interrupted, TF_CONFIG=config))
    return started


def ends(processes):
    """Their exit codes."""
    for process in processes:
        process.join(60)
        process.kill()
        process.join()
    return [process.exitcode for process in processes]


def two(out, *more):
    """Two workers to the end; their exit codes."""
    return ends(start_workers(*[[*ARGS, *more, "--quiet", "--out", str(out)]] * 2))


def told(out, index):
    return Path(f"{out}.{index}.txt").read_text().splitlines()[-1]


def assert_near(one, other):
    """The same curve, but for the order in which floats were added."""
    one, other = (pd.read_csv(run / "history.csv").drop(columns="seconds") for run in (one, other))
    assert len(one) > 3
    assert one.loss.iloc[-1] < 0.98 * one.loss.iloc[0]
    pd.testing.assert_frame_equal(one, other, rtol=1e-4)


def assert_same(one, other):
    files = [sorted(path.relative_to(run) for path in run.rglob("*") if path.is_file()) for run in (one, other)]
    assert [f for f in files[0] if f.parts[0] != "tensorboard"] == [f for f in files[1] if f.parts[0] != "tensorboard"]
    for file in files[0]:
        if file.name == "arrays.npz":
            with np.load(one / file) as arrays, np.load(other / file) as others:
                for name in arrays:
                    np.testing.assert_array_equal(arrays[name], others[name], err_msg=f"{file} {name}")
        elif file.name == "summary.json":
            assert (one / file).read_text() == (other / file).read_text()


@pytest.fixture(scope="module", autouse=True)
def _processes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
        multiprocessing.get_context("forkserver").set_forkserver_preload(["tensorflow", "keras", __name__])
        yield


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A run of one process without replicas."""
    out = tmp_path_factory.mktemp("replicas") / "one"
    assert ends([start([*ARGS, "--quiet", "--out", str(out)], f"{out}.txt")]) == [0]
    return out


@pytest.mark.slow
def test_two_workers_follow_the_curve_of_one_and_resume_to_the_bit(one):
    """Ctrl-C to the one that does not write stops both, with a checkpoint."""
    whole, broken = one.parent / "whole", one.parent / "broken"
    assert two(whole) == [0, 0]
    assert_near(one, whole)
    assert Path(f"{whole}.1.txt").read_text() == ""

    assert ends(start_workers(*[[*ARGS, "--out", str(broken)]] * 2, interrupted=1)) == [130, 130]
    assert told(broken, 0) == told(broken, 1) == "interrupted; --resume continues after step 6"
    assert Path(f"{broken}.1.txt").read_text().startswith("waiting for 127.0.0.1:")
    assert not (broken / "summary.json").exists()
    assert two(broken, "--resume") == [0, 0]
    assert_same(whole, broken)
    pd.testing.assert_frame_equal(
        *(pd.read_csv(run / "history.csv").drop(columns="seconds") for run in (whole, broken)), check_exact=True
    )


@pytest.mark.slow
def test_a_worker_that_dies_ends_the_other_which_says_what_to_do(tmp_path):
    out = tmp_path / "run"
    workers = start_workers(*[[*ARGS, "--set", "pretrain.epochs=100", "--quiet", "--out", str(out)]] * 2)
    while not (out / "history.csv").exists() and workers[1].is_alive():
        time.sleep(0.01)
    workers[1].kill()
    assert ends(workers) == [1, -signal.SIGKILL]
    assert told(out, 0).startswith("error: ConnectionError: a worker no longer answers; start all of them again")


@pytest.mark.slow
def test_workers_that_do_different_things_are_refused(tmp_path):
    out = tmp_path / "run"
    workers = start_workers(*([*ARGS, "--quiet", "--seed", str(seed), "--out", str(out)] for seed in (0, 1)))
    assert ends(workers) == [2, 2]
    for index in (0, 1):
        assert told(out, index).startswith("error: the workers were not started alike")
    assert not (out / "history.csv").exists()


@pytest.mark.slow
def test_three_devices_of_a_machine_follow_the_curve_of_one(one):
    """Batches of 31 are not divisible by three, and the last one of an epoch is smaller still."""
    out = one.parent / "mirrored"
    assert ends([start([*ARGS, "--quiet", "--out", str(out)], f"{out}.txt", devices=3)]) == [0]
    assert_near(one, out)


def test_one_device_has_every_row():
    single, rows = Replicas(), tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    total, whole = tf.function(lambda x: single.sum(lambda part: (tf.reduce_sum(part), part), x))(rows)
    assert total == 21
    np.testing.assert_array_equal(whole, rows)
    assert single.gather(2**53 + 1).tolist() == [2**53 + 1]
    assert single.chief


def config(**task):
    return {"cluster": {"worker": ["a:1", "b:1"]}, "task": task}


@pytest.mark.parametrize(
    ("tree", "chief"),
    [
        ({}, True),
        ({"cluster": {}}, True),
        (config(type="worker", index=0), True),
        (config(type="worker", index=1), False),
        ({"cluster": {"chief": ["a:1"], "worker": ["b:1"]}, "task": {"type": "worker", "index": 0}}, False),
        ({"cluster": {"chief": ["a:1"], "worker": ["b:1"]}, "task": {"type": "chief", "index": 0}}, True),
    ],
)
def test_who_writes_the_run(monkeypatch, tree, chief):
    monkeypatch.setenv("TF_CONFIG", json.dumps(tree))
    assert is_chief() == chief


@pytest.mark.parametrize(
    "text",
    [
        "worker", "[]", '{"cluster": ["a:1"]}', json.dumps(config()), json.dumps(config(type="worker", index=2)),
        json.dumps(config(type="worker", index=-1)), json.dumps(config(type="ps", index=0)),
        '{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)  # fmt: skip
def test_a_bad_tf_config(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    for function in (is_chief, every_device):
        with pytest.raises(UserError, match=r"TF_CONFIG is .*; write it as"):
            function()


@pytest.mark.parametrize(("gpus", "strategy"), [(0, None), (1, None), (2, "mirrored"), (8, "mirrored")])
def test_all_gpus_are_used(monkeypatch, gpus, strategy):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["gpu"] * gpus if kind == "GPU" else ["cpu"])
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda: "mirrored")
    monkeypatch.setattr(replicas, "Replicas", lambda strategy: strategy)
    assert every_device() == strategy
