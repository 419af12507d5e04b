"""A sweep on a Ray cluster: each point is a task of Ray's, and one whose machine dies continues elsewhere.

A point continues from the newest checkpoint in its run folder, so all machines must see the folders of the sweep and of
the prior under the same paths, and have the same seqtutor installed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from types import ModuleType

from seqtutor.domains.reward_spec import make_reward
from seqtutor.runs.run import load_run
from seqtutor.sweeps.sweep import Engine, Job, finish
from seqtutor.system import ray_cluster, tensorflow_setup

DEATHS = 10  # how many times a point may lose its machine or process before the sweep gives up
PATIENCE = 60.0  # seconds that interrupted points have to finish their round and write a checkpoint


@contextlib.contextmanager
def engine(prior: Path) -> Iterator[Engine]:
    """The engine of a sweep from a prior, as a context. Raises UserError as `ray_cluster.connect` does."""
    ray = ray_cluster.connect()
    try:
        yield lambda jobs: _spread(ray, prior.resolve(), jobs)
    finally:
        ray.shutdown()


def _spread(ray: ModuleType, prior: Path, jobs: Sequence[Job]) -> Generator[Job, None, None]:
    """Runs the unfinished jobs wherever there is a core, or a GPU where the cluster has some."""
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
                lost = f"{job.point.name} was lost {DEATHS + 1} times ({type(error).__name__}); continue with --resume"
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
    ray_cluster.work_here()
    tensorflow_setup.setup()
    loaded = load_run(prior)
    loaded = loaded.of_length(job.config.domain.get("length", loaded.domain.length))
    with make_reward(loaded.domain, job.config.tune.reward, job.config.tune.batch) as reward:
        finish(job, loaded, reward, quiet=True)
