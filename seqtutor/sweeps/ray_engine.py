"""A sweep on a Ray cluster: each point is a task of Ray's, and one whose machine dies continues elsewhere.

A point continues from the newest checkpoint in its run folder, so all machines must see the folders of the sweep and of
the prior under the same paths, and have the same seqtutor installed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from seqtutor.domains.reward_spec import make_reward, sha256_of
from seqtutor.errors import UserError
from seqtutor.runs.run import load_run
from seqtutor.sweeps.sweep import Engine, Job, finish
from seqtutor.system import ray_cluster, temporary, tensorflow_setup

DEATHS = 10  # how many times a point may lose its machine or process before the sweep gives up
PATIENCE = 60.0  # seconds that interrupted points have to finish their round and write a checkpoint


@contextlib.contextmanager
def connection() -> Iterator[ModuleType]:
    """Ray, connected, as a context. Raises UserError as `ray_cluster.connect` does."""
    ray = ray_cluster.connect()
    try:
        yield ray
    finally:
        ray.shutdown()


@contextlib.contextmanager
def engine(prior: Path) -> Iterator[Engine]:
    """The engine of a sweep from a prior, as a context. Raises UserError as `ray_cluster.connect` does."""
    with connection() as ray:
        yield lambda jobs: _spread(ray, prior.resolve(), jobs)


def _spread(ray: ModuleType, prior: Path, jobs: Sequence[Job]) -> Generator[Job, None, None]:
    """Runs the unfinished jobs; see `run_tasks`."""
    yield from (job for job in jobs if job.finished)
    left = {job.point.name: job for job in jobs if not job.finished}
    calls = {name: (job, prior, Path.cwd()) for name, job in left.items()}
    yield from (left[name] for name, _ in run_tasks(ray, _finish, calls))


def run_tasks(
    ray: ModuleType, function: Callable[..., Any], calls: Mapping[str, tuple[Any, ...]]
) -> Generator[tuple[str, Any], None, None]:
    """Calls a function with each of the arguments, wherever there is a core, or a GPU where the cluster has some.

    Args: function: begins again where an earlier call of it, on a machine that died, stopped; calls: arguments by name.
    Yields the name of each call that has ended, and what it returned.
    Raises ConnectionError for one that is lost again and again, and what a call raised.
    """
    share = {"num_gpus": 1} if ray.cluster_resources().get("GPU") else {"num_cpus": 1}
    task = ray.remote(max_retries=DEATHS, **share)(function)
    running = {task.remote(*arguments): name for name, arguments in calls.items()}
    try:
        while running:
            (done,), _ = ray.wait(list(running))
            name = running.pop(done)
            try:
                found = ray.get(done)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayError as error:
                lost = f"{name} was lost {DEATHS + 1} times ({type(error).__name__}); continue with --resume"
                raise ConnectionError(lost) from error
            yield name, found
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
    loaded = loaded.drawing({key: value for key, value in job.config.domain.items() if key != "name"})
    _refuse_another_reward(job)
    with make_reward(loaded.domain, job.config.tune.reward, job.config.tune.batch) as reward:
        finish(job, loaded, reward, quiet=True)


def _refuse_another_reward(job: Job) -> None:
    """Raises UserError if the file of the reward is not, on this machine and now, the one that the sweep began with."""
    began, now = job.run.about().get("reward"), sha256_of(job.config.tune.reward)
    if isinstance(began, dict) and now != began.get("sha256"):
        raise UserError(
            f"{job.config.tune.reward} on {temporary.host()} is not the file that the sweep began with; put that one "
            "there, and continue with --resume"
        )
