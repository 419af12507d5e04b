"""The measurements of scripts/bench. Each runs alone in a process and returns {figure: number}.

usage: python scripts/measure.py '["drawing", SECONDS, ARGUMENTS...]'
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import tried
from common import MOLECULES, MUSIC, corpus_of, rate


def lstm_flops(units, layers, actions, look_up=False):
    """Floating-point operations a token of a forward pass: two a weight of every product that is carried out.

    The first layer's input product is one when learning; when drawing it is a look-up.
    """
    sizes = [0 if look_up else actions + 1] + [units] * layers
    return 2 * (sum(4 * units * (below + units) for below in sizes[:-1]) + units * actions)


def matmul(seconds):
    """float32 products of 1024 x 1024 by TensorFlow on all cores, and by numpy as it is built and set up here."""
    import tensorflow as tf

    a = np.random.default_rng(0).random((1024, 1024), np.float32)
    b = tf.constant(a)

    def rate_of(product):
        return rate(lambda: np.asarray(product()).size * 2 * 1024 / 1e9, seconds)

    return {"GFLOP/s": rate_of(lambda: tf.matmul(b, b)), "numpy GFLOP/s": rate_of(lambda: a @ a)}


def rdkit(seconds):
    """Parsing, QED and synthetic accessibility, on one core."""
    from rdkit import Chem
    from rdkit.Chem import QED
    from rdkit.Contrib.SA_Score import sascorer

    corpus, domain = corpus_of(MOLECULES)[1:]
    pieces = [corpus.tokens[corpus.offsets[i] : corpus.offsets[i + 1]] for i in range(2000)]
    lines = iter([domain.decode(np.asarray(piece, np.int32)) for piece in pieces] * 1000)

    def work():
        for _ in range(200):
            molecule = Chem.MolFromSmiles(next(lines))
            QED.qed(molecule)
            sascorer.calculateScore(molecule)
        return 200

    return {"molecules/s a core": rate(work, seconds)}


def pretraining(seconds, config, units, layers, batch):
    from seqtutor.system import tensorflow_setup

    tensorflow_setup.setup()
    from seqtutor.data.corpus import split
    from seqtutor.pretraining.trainer import Trainer

    overrides = (f"model.units={units}", f"model.layers={layers}", f"pretrain.batch={batch}", "pretrain.epochs=10000")
    resolved, corpus, domain = corpus_of(config, *overrides)
    trainer = Trainer(resolved, corpus, split(corpus, resolved.data, 0))
    steps = trainer.steps()
    tokens = rate(lambda: next(steps), seconds)
    padding = trainer._train.padding(np.random.default_rng(0))
    flops = 3 * tokens * lstm_flops(units, layers, domain.vocabulary.size) / 1e9
    sequences = tokens * len(trainer._train._lengths) / trainer._train.tokens
    return {"tokens/s": tokens, "sequences/s": sequences, "GFLOP/s": flops, "padding": padding}


def drawing(seconds, config, units, layers, batch, length):
    """Sequences of a fresh network: of random tokens, and of random length where there is an end token."""
    from seqtutor.system import tensorflow_setup

    tensorflow_setup.setup()
    from seqtutor.policy.policy import Policy
    from seqtutor.policy.sampler import Sampler
    from seqtutor.policy.sequence_model import SequenceModel

    resolved, _, domain = corpus_of(config, f"model.units={units}", f"model.layers={layers}", f"domain.length={length}")
    policy = Policy(SequenceModel(resolved.model, domain.vocabulary.size))
    sampler = Sampler(policy, domain.vocabulary, length)
    rng, tokens, drawn = np.random.default_rng(0), 0, 0

    def work():
        nonlocal tokens, drawn
        lengths = sampler.draw(rng.random((batch, length), np.float32), np.zeros((batch, 0), np.int32)).lengths
        tokens, drawn = tokens + int(lengths.sum()), drawn + batch
        return batch

    sequences = rate(work, seconds)
    flops = sequences * tokens / drawn * lstm_flops(units, layers, domain.vocabulary.size, look_up=True) / 1e9
    return {"sequences/s": sequences, "tokens a sequence": tokens / drawn, "GFLOP/s": flops}


def tuning(seconds, config, units, layers, *overrides):
    """Rounds of tuning from a fresh prior, and where their wall time goes."""
    from seqtutor.system import tensorflow_setup

    tensorflow_setup.setup()
    from seqtutor.domains.reward_spec import make_reward
    from seqtutor.policy.sequence_model import SequenceModel
    from seqtutor.tuning import loop

    settings = (f"model.units={units}", f"model.layers={layers}", "tune.rounds=100000", *overrides)
    resolved, _, domain = corpus_of(config, *settings)
    spent = {}
    reward = make_reward(domain, resolved.tune.reward, resolved.tune.batch)
    parts = [(loop.Sampler, "draw", "drawing"), (loop.Tuner, "_update", "learning"), (type(reward), "start", "scoring")]
    for owner, name, part in (*parts, *((loop.Replay, name, "replay") for name in ("draw", "add", "update"))):
        setattr(owner, name, _timed(getattr(owner, name), part, spent))
    tuner = loop.Tuner(resolved, domain, SequenceModel(resolved.model, domain.vocabulary.size), reward)
    for number in range(2):  # the second is the first that learns from the replay
        start_tokens = tuner.round(number)[0]["tokens"]
    before, start = dict(spent), time.perf_counter()
    while time.perf_counter() - start < seconds:
        number += 1
        steps = tuner.round(number)[0]["tokens"] - start_tokens
    wall = time.perf_counter() - start
    shares = {f"{part} %": 100 * (spent[part] - before.get(part, 0.0)) / wall for part in spent}
    learned = steps / wall * resolved.tune.replay_ratio
    flops = 4 * learned * lstm_flops(units, layers, domain.vocabulary.size) / 1e9  # online there and back, and target
    return {"steps/s": steps / wall, "learned/s": learned, "GFLOP/s": flops / shares["learning %"] * 100, **shares}


def _timed(function, part, spent):
    """The function, which adds the seconds it takes to spent[part]; a function that it returns does too."""

    def timed(*args, **kwargs):
        start = time.perf_counter()
        out = function(*args, **kwargs)
        spent[part] = spent.get(part, 0.0) + time.perf_counter() - start
        return _timed(out, part, spent) if callable(out) else out

    return timed


def rounds(seconds, prior, *overrides):
    """Rounds of tuning a prior of molecules, against the time that scoring what they drew takes alone.

    Also, a molecule: the processor time of all but its scoring, and the time of a core that scoring alone takes.
    """
    from seqtutor.system import tensorflow_setup

    tensorflow_setup.setup()
    from seqtutor import config as configs
    from seqtutor.domains.reward_spec import make_reward
    from seqtutor.runs.run import load_run
    from seqtutor.tuning import loop

    run = load_run(Path(prior))
    resolved = configs.changed(run.config, configs.assignments(("tune.rounds=100000", *overrides)), prior)
    drawn, draw = [], loop.Sampler.draw

    def remember(*args):
        drawn.append(draw(*args))
        return drawn[-1]

    loop.Sampler.draw = remember
    with make_reward(run.domain, resolved.tune.reward, resolved.tune.batch) as reward:
        tuner = loop.Tuner(resolved, run.domain, run.policy.prior, reward)
        for number in range(2):
            tuner.round(number)
        drawn.clear()
        start, busy = time.perf_counter(), time.process_time()
        while time.perf_counter() - start < seconds:
            number += 1
            valid = tuner.round(number)[0]["valid"]
        wall, busy = time.perf_counter() - start, time.process_time() - busy
    count = sum(len(batch.tokens) for batch in drawn)
    domain = type(run.domain)(run.domain.options, run.domain.vocabulary)  # one that has scored nothing yet
    with make_reward(domain, resolved.tune.reward) as reward:
        reward(*drawn[0][:2])
        start = time.perf_counter()
        for batch in drawn[1:]:
            reward(*batch[:2])
        alone = (time.perf_counter() - start) * len(drawn) / (len(drawn) - 1)
    cores = 1e3 * tensorflow_setup.cores()  # milliseconds of processor time a second
    return {
        "molecules/s": count / wall, "valid": valid, "wall / scoring alone": wall / alone,
        "network, ms of a core": 1e3 * busy / count, "scoring, ms of a core": cores * alone / count,
    }  # fmt: skip


def quality(seconds, prior, mean):
    """Psi-learning of a melody prior, with c = 1 and discount 0.95, until a round's mean reward is `mean`."""
    from seqtutor.system import tensorflow_setup

    tensorflow_setup.setup()
    from seqtutor import config as configs
    from seqtutor.domains.reward_spec import make_reward
    from seqtutor.runs.run import load_run
    from seqtutor.tuning import loop

    run = load_run(Path(prior))
    same = {name: getattr(run.config, name) for name in ("domain", "data", "model")}
    over = ("tune.c=1", "tune.discount=0.95", "tune.primer=random", "tune.rounds=200")
    resolved = configs.load(MUSIC, configs.assignments(over)).model_copy(update=same)
    tuner = loop.Tuner(resolved, run.domain, run.policy.prior, make_reward(run.domain, ""))
    start, number = time.perf_counter(), 0
    row = first = tuner.round(0)[0]
    while row["reward"] < mean and number < resolved.tune.rounds - 1:
        number += 1
        row = tuner.round(number)[0]
    found = {"seconds, compiling included": time.perf_counter() - start, "rounds": number + 1}
    return found | {"first round": first["reward"], "last round": row["reward"]}


def scoring(seconds, config):
    """The default reward of sequences of the corpus (melodies: of random tokens), none scored twice."""
    from seqtutor.domains.reward_spec import make_reward

    resolved, corpus, domain = corpus_of(config)
    reward, rng, at = make_reward(domain, resolved.tune.reward), np.random.default_rng(0), 0
    length = domain.length

    def work():
        nonlocal at
        if config == MUSIC:
            tokens, lengths = rng.integers(0, domain.vocabulary.size, (4096, length)), np.full(4096, length)
        else:
            rows = range(at, at + 512)
            pieces = [corpus.tokens[corpus.offsets[i] : corpus.offsets[i + 1]] for i in rows]
            lengths, at = np.array([len(piece) for piece in pieces]), (at + 512) % (len(corpus) - 512)
            tokens = np.full((512, lengths.max()), domain.vocabulary.pad)
            for row, piece in zip(tokens, pieces, strict=True):
                row[: len(piece)] = piece
        reward(tokens.astype(np.int32), lengths.astype(np.int32))
        return len(tokens)

    return {"sequences/s": rate(work, seconds)}


def command(seconds, *arguments):
    """Wall time and peak memory of a command as a user starts it."""
    start = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(arguments)}")
    return {"seconds": time.perf_counter() - start, "MB": usage.ru_maxrss / 1024}


MEASUREMENTS = {
    function.__name__: function
    for function in (
        matmul,
        rdkit,
        pretraining,
        tried.pytorch,
        drawing,
        tuning,
        rounds,
        quality,
        scoring,
        command,
        tried.unrolling,
    )
}

if __name__ == "__main__":
    name, *arguments = json.loads(sys.argv[1])
    print(json.dumps(MEASUREMENTS[name](*arguments)))
