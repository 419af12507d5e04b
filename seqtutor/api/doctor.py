"""`doctor`: what this machine and this installation are, how fast they are, and whether the rewards are right."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtutor.config import ModelConfig
from seqtutor.domains import make_domain
from seqtutor.domains.reward_spec import make_reward
from seqtutor.system import tensorflow_setup
from seqtutor.system.cache import cache_dir
from seqtutor.system.versions import versions

if TYPE_CHECKING:
    from seqtutor.policy.sequence_model import SequenceModel

OPTIONAL = ("ray", "music21", "pyarrow", "fcd")
TRAINED, DRAWN = 493_309, 56_350  # tokens and melodies a second in docs/performance.md, 2 cores of an AMD EPYC, 1x100
QED, LOGP = 0.550122, 1.3101  # of aspirin, by RDKit; Bickerton et al. 2012 give 0.55
MELODY = -79.5334  # the music-theory reward of 0, 7, 14, .. modulo 38, as the published program has it for such tokens
BATCH, LENGTH, TIMES = 128, 64, 5


def doctor() -> list[tuple[str, str]]:
    """Lines (what, how it is) to paste into a report of a fault: no path of the user's, no name of the machine."""
    return [*_machine(), *_packages(), *_speed(), *_rewards()]


def healthy(lines: list[tuple[str, str]]) -> bool:
    """Whether the rewards are what they should be."""
    return not any("should be" in text for _, text in lines)


def _machine() -> list[tuple[str, str]]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    threads = [f"{name}={os.environ[name]}" for name in ("OMP_NUM_THREADS", "SEQTUTOR_WORKERS") if name in os.environ]
    cache = cache_dir()
    held = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file()) if cache.is_dir() else 0
    own = "in SEQTUTOR_CACHE" if "SEQTUTOR_CACHE" in os.environ else "in its usual place"
    return [
        ("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("cores", ", ".join([f"{tensorflow_setup.cores()} of {os.cpu_count()}", *threads])),
        ("memory", _size(memory)),
        ("cache", f"{own}, {_size(held)}, {_free(cache)} free"),
        ("this folder", f"{_free(Path.cwd())} free"),
    ]


def _packages() -> list[tuple[str, str]]:
    found: list[str] = []
    for name in OPTIONAL:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"no {name}")
    return [*versions().items(), ("optional", ", ".join(found))]


def _speed() -> list[tuple[str, str]]:
    tensorflow_setup.setup()
    import tensorflow as tf

    from seqtutor.policy.policy import Policy
    from seqtutor.policy.sampler import Sampler
    from seqtutor.policy.sequence_model import SequenceModel

    domain = make_domain({"name": "music"})
    model, rng = SequenceModel(ModelConfig(units=100), domain.vocabulary.size), np.random.default_rng(0)
    tokens = tf.constant(rng.integers(0, domain.vocabulary.size, (BATCH, LENGTH)), tf.int32)
    step = _training_step(model)
    policy = Policy(model)
    sampler = Sampler(policy, domain.vocabulary, domain.length)
    uniforms, none = rng.random((1024, domain.length), np.float32), np.zeros((1024, 0), np.int32)
    devices = tf.config.list_physical_devices("GPU")
    trained, drawn = _seconds(lambda: step(tokens).numpy()), _seconds(lambda: sampler.draw(uniforms, none))
    return [
        ("GPUs", str(len(devices))),
        ("training", _rate(BATCH * LENGTH / trained, "tokens", TRAINED)),
        ("drawing", _rate(1024 / drawn, "melodies", DRAWN)),
    ]


def _training_step(model: SequenceModel) -> Callable[[Any], Any]:
    """One update by maximum likelihood, as `pretrain` makes them."""
    import keras
    import tensorflow as tf

    optimizer = keras.optimizers.Adam()
    optimizer.build(model.variables)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step(tokens: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = model.unroll(tokens[:, :-1]).logits
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(tokens[:, 1:], logits))
        gradients = tape.gradient(loss, model.variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        optimizer.apply(gradients, model.variables)
        return loss

    return step  # type: ignore[no-any-return]


def _rewards() -> list[tuple[str, str]]:
    from seqtutor.domains.molecules.properties import PROPERTIES, examine

    found = dict(zip(PROPERTIES, examine("CC(=O)Oc1ccccc1C(=O)O", True, ()).values, strict=True))
    tokens = (np.arange(32) * 7 % 38)[None].astype(np.int32)
    with make_reward(make_domain({"name": "music"}), "music-theory") as reward:
        melody = float(reward(tokens, np.array([32])).total.sum())
    return [
        ("QED of aspirin", _judged(found["qed"], QED)),
        ("logP of aspirin", _judged(found["logp"], LOGP)),
        ("rules of a melody", _judged(melody, MELODY)),
    ]


def _judged(value: float, expected: float) -> str:
    return f"{value:.6g}" + ("" if abs(value - expected) < 1e-4 * abs(expected) else f", but should be {expected:g}")


def _seconds(work: Callable[[], object]) -> float:
    """The median of some calls; the first one, which makes a graph, does not count."""
    taken = []
    for _ in range(TIMES + 1):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return median(taken[1:])


def _rate(a_second: float, unit: str, measured: int) -> str:
    return f"{a_second:,.0f} {unit} a second; docs/performance.md has {measured:,} on two cores"


def _size(count: float) -> str:
    return f"{count / 1e9:,.1f} GB"


def _free(path: Path) -> str:
    there = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
    return _size(shutil.disk_usage(there).free)
