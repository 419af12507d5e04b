"""A sweep on a Ray cluster: each point is a task of Ray's, and one whose machine dies goes on elsewhere.

A point goes on from the newest checkpoint in its run folder, so all machines must see the folders of the sweep and of
the prior under the same paths, and have the same seqtutor installed. Ray is the extra `seqtutor[ray]`.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqtutor import runtime
from seqtutor.errors import UserError
from seqtutor.load import load_run
from seqtutor.rewards import make_reward
from seqtutor.sweep import Engine, Job, finish

DEATHS = 10  # how many times a point may lose its machine or process before the sweep gives up
PATIENCE = 60.0  # seconds that interrupted points have to finish their round and write a checkpoint


@contextlib.contextmanager
def engine(prior: Path) -> Iterator[Engine]:
    """The engine of a sweep from a prior: on the cluster at RAY_ADDRESS, or one found or started on this machine.

    Raises UserError if Ray is not installed or there is no cluster at RAY_ADDRESS.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to Ray's makers
    try:
        import ray
    except ImportError:
        raise UserError('--engine ray needs Ray; install it with: pip install "seqtutor[ray]"') from None
    address = os.environ.get("RAY_ADDRESS", "")
    try:
        _probe(address)
        ray.init(log_to_driver=False, logging_level="ERROR", include_dashboard=False)
    except (OSError, OverflowError):
        raise UserError(f"no Ray cluster at RAY_ADDRESS={address}; start one with `ray start`, or unset it") from None
    try:
        yield lambda jobs: _spread(prior.resolve(), jobs)
    finally:
        ray.shutdown()


def _probe(address: str) -> None:
    """Raises OSError, or OverflowError, where nothing listens at HOST:PORT, which Ray would try for two minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _spread(prior: Path, jobs: Sequence[Job]) -> Iterator[Job]:
    """Runs the unfinished jobs wherever there is a core, or a GPU where the cluster has some."""
    import ray

    share = {"num_gpus": 1} if ray.cluster_resources().get("GPU") else {"num_cpus": 1}
    task = ray.remote(max_retries=DEATHS, **share)(_finish)
    yield from (job for job in jobs if job.finished)
    running = {task.remote(job, prior, Path.cwd()): job for job in jobs if not job.finished}
    try:
        while running:
            (done,), _ = ray.wait(list(running))
            job = running.pop(done)
            try:
                ray.get(done)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayError as error:
                lost = f"{job.point.name} was lost {DEATHS + 1} times ({type(error).__name__}); go on with --resume"
                raise ConnectionError(lost) from error
            yield job
    finally:
        if running:
            for task in running:
                ray.cancel(task)
            ray.wait(list(running), num_returns=len(running), timeout=PATIENCE)


def _finish(job: Job, prior: Path, folder: Path) -> None:
    """The task: finishes a job in a process of Ray's, in the folder that its relative paths start from."""
    os.chdir(folder)
    runtime.setup()
    loaded = load_run(prior)
    with make_reward(loaded.domain, job.config.tune.reward, job.config.tune.batch) as reward:
        finish(job, loaded, reward, quiet=True)
