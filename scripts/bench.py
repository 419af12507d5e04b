"""Speed on this machine, each figure in a process of its own, several times: median and spread, as table and JSON.

Every figure stands beside a ceiling measured in the same run: float32 matrix products by numpy on all cores for
networks, bare RDKit on one core times the cores for molecules.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
MUSIC, MOLECULES = "configs/music.yaml", "configs/molecules.yaml"
SAMPLES = {MUSIC: "data.name=sample-melodies", MOLECULES: "data.name=sample-molecules"}


def rate(work, seconds):
    """Units a second of `work()`, which returns how many it did; warmed up once, then for about `seconds`."""
    work()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        count += work()
    return count / (time.perf_counter() - start)


def lstm_flops(units, layers, actions):
    """Floating-point operations a token of a forward pass: two a weight of every product, the input's included."""
    sizes = [actions + 1] + [units] * layers
    return 2 * (sum(4 * units * (below + units) for below in sizes[:-1]) + units * actions)


# --- measurements: each runs alone in a child process and returns {figure: number} ---


def matmul(seconds):
    a = np.random.default_rng(0).random((1024, 1024), np.float32)

    def work():
        a @ a
        return 2 * 1024**3 / 1e9

    return {"GFLOP/s": rate(work, seconds)}


def rdkit(seconds):
    from rdkit import Chem
    from rdkit.Chem import QED, RDConfig

    sys.path.append(os.path.join(RDConfig.RDContribDir, "SA_Score"))
    import sascorer

    corpus, domain = _corpus(MOLECULES)[1:]
    pieces = [corpus.tokens[corpus.offsets[i] : corpus.offsets[i + 1]] for i in range(2000)]
    lines = iter([domain.decode(np.asarray(piece, np.int32)) for piece in pieces] * 1000)

    def work():
        for _ in range(200):
            molecule = Chem.MolFromSmiles(next(lines))
            QED.qed(molecule)
            sascorer.calculateScore(molecule)
        return 200

    return {"molecules/s a core": rate(work, seconds)}


def _corpus(config, *overrides):
    from seqtutor import config as configs
    from seqtutor.corpus import load
    from seqtutor.domains import domain_class

    resolved = configs.load(Path(config), (SAMPLES[config], *overrides))
    options = {key: value for key, value in resolved.domain.items() if key != "name"}
    corpus = load(domain_class(resolved.domain["name"])(options), resolved.data.name)
    return resolved, corpus, corpus.domain


def pretraining(seconds, config, units, layers, batch):
    from seqtutor import runtime

    runtime.setup()
    from seqtutor.corpus import split
    from seqtutor.pretrain import Trainer

    overrides = (f"model.units={units}", f"model.layers={layers}", f"pretrain.batch={batch}", "pretrain.epochs=10000")
    resolved, corpus, domain = _corpus(config, *overrides)
    trainer = Trainer(resolved, corpus, split(corpus, resolved.data, 0))
    steps = trainer.steps()
    tokens = rate(lambda: next(steps), seconds)
    padding = trainer._train.padding(np.random.default_rng(0))
    flops = 3 * tokens * lstm_flops(units, layers, domain.vocabulary.size) / 1e9
    return {"tokens/s": tokens, "GFLOP/s": flops, "padding": padding}


def drawing(seconds, config, units, layers, batch, length):
    from seqtutor import runtime

    runtime.setup()
    from seqtutor.model import SequenceModel
    from seqtutor.policy import Policy
    from seqtutor.rollout import Sampler

    resolved, _, domain = _corpus(config, f"model.units={units}", f"model.layers={layers}", f"domain.length={length}")
    policy = Policy(SequenceModel(resolved.model, domain.vocabulary.size))
    sampler = Sampler(policy.step, policy.initial_state, domain.vocabulary, length)
    rng, tokens, drawn = np.random.default_rng(0), 0, 0

    def work():
        nonlocal tokens, drawn
        lengths = sampler.draw(rng.random((batch, length), np.float32), np.zeros((batch, 0), np.int32)).lengths
        tokens, drawn = tokens + int(lengths.sum()), drawn + batch
        return batch

    sequences = rate(work, seconds)
    flops = sequences * tokens / drawn * lstm_flops(units, layers, domain.vocabulary.size) / 1e9
    return {"sequences/s": sequences, "tokens a sequence": tokens / drawn, "GFLOP/s": flops}


def tuning(seconds, config, units, layers, *overrides):
    """Rounds of psi-learning from a fresh prior, and where their wall time goes."""
    from seqtutor import runtime

    runtime.setup()
    from seqtutor.model import SequenceModel
    from seqtutor.rewards import make_reward
    from seqtutor.tune import loop

    settings = (f"model.units={units}", f"model.layers={layers}", "tune.rounds=100000", *overrides)
    resolved, _, domain = _corpus(config, *settings)
    spent = {}

    def timed(owner, name, part):
        inner = getattr(owner, name)

        def outer(*args, **kwargs):
            start = time.perf_counter()
            out = inner(*args, **kwargs)
            spent[part] = spent.get(part, 0.0) + time.perf_counter() - start
            return out

        setattr(owner, name, outer)

    timed(loop.Sampler, "draw", "drawing")
    timed(loop.Tuner, "_update", "learning")
    for name in ("draw", "add", "update"):
        timed(loop.Replay, name, "replay")
    reward = make_reward(domain, resolved.tune.reward, resolved.tune.batch)
    timed(type(reward), "__call__", "scoring")
    tuner = loop.Tuner(resolved, domain, SequenceModel(resolved.model, domain.vocabulary.size), reward)
    start_tokens = tuner.round(0)[0]["tokens"]
    before, start, number = dict(spent), time.perf_counter(), 1
    while time.perf_counter() - start < seconds:
        steps = tuner.round(number)[0]["tokens"] - start_tokens
        number += 1
    wall = time.perf_counter() - start
    shares = {f"{part} %": 100 * (spent[part] - before.get(part, 0.0)) / wall for part in spent}
    learned = steps / wall * resolved.tune.replay_ratio
    flops = 4 * learned * lstm_flops(units, layers, domain.vocabulary.size) / 1e9  # online there and back, and target
    return {"steps/s": steps / wall, "learned/s": learned, "GFLOP/s": flops / shares["learning %"] * 100, **shares}


def scoring(seconds, config):
    """The default reward of sequences of the corpus (melodies: of random tokens), none scored twice."""
    from seqtutor.rewards import make_reward

    resolved, corpus, domain = _corpus(config)
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


MEASUREMENTS = {f.__name__: f for f in (matmul, rdkit, pretraining, drawing, tuning, scoring, command)}


def plan(quick, folder):
    """What is measured: name -> (measurement, its arguments)."""
    prior, seqtutor = str(folder / "prior"), ["seqtutor"]
    few = 1_000 if quick else 10_000
    rows = {"ceiling: matmul": ("matmul",), "ceiling: rdkit": ("rdkit",)}
    for units, layers in ((100, 1), (512, 3)):
        rows[f"pretrain melodies {layers}x{units}"] = ("pretraining", MUSIC, units, layers, 128)
        rows[f"pretrain molecules {layers}x{units}"] = ("pretraining", MOLECULES, units, layers, 128)
    rows["pretrain molecules 1x512"] = ("pretraining", MOLECULES, 512, 1, 128)
    for units in (100, 512):
        rows[f"draw melodies 1x{units}"] = ("drawing", MUSIC, units, 1, 1024, 32)
        rows[f"draw molecules 1x{units}"] = ("drawing", MOLECULES, units, 1, 1024, 100)
    published = ("tune.replay_ratio=6.4", "tune.minibatch=32")
    rows["tune melodies 1x100, 6.4 learned a step"] = ("tuning", MUSIC, 100, 1, *published)
    rows["tune melodies 1x100"] = ("tuning", MUSIC, 100, 1)
    rows["tune melodies 1x512"] = ("tuning", MUSIC, 512, 1)
    rows["tune molecules 1x64"] = ("tuning", MOLECULES, 64, 1)
    rows["tune molecules 1x512"] = ("tuning", MOLECULES, 512, 1)
    rows["score melodies"], rows["score molecules"] = ("scoring", MUSIC), ("scoring", MOLECULES)
    rows["import tensorflow"] = ("command", sys.executable, "-c", "import tensorflow")
    rows["seqtutor --help"] = ("command", *seqtutor, "--help")
    small = ["--set", "tune.rounds=1", "--force"]
    rows["tune, 1 round"] = ("command", *seqtutor, "tune", MUSIC, "--prior", prior, "--out", prior + "-1", *small)
    for count in (1, few, 10 * few):
        out = ["--num", str(count), "--out", f"{prior}-{count}"]
        rows[f"sample {count:,} melodies"] = ("command", *seqtutor, "sample", prior, *out, "--format", "npz")
    for count in (few, 10 * few):
        out = ["--num", str(count), "--out", f"{prior}-e{count}"]
        rows[f"evaluate {count:,} melodies"] = ("command", *seqtutor, "evaluate", prior, *out)
    if not quick:
        for units in (64, 128, 256):
            rows[f"growth: pretrain units {units}"] = ("pretraining", MOLECULES, units, 1, 128)
        for batch in (16, 64, 256):
            rows[f"growth: pretrain batch {batch}"] = ("pretraining", MOLECULES, 256, 1, batch)
            rows[f"growth: draw batch {batch}"] = ("drawing", MUSIC, 100, 1, batch, 32)
        for length in (16, 64, 128):
            rows[f"growth: draw length {length}"] = ("drawing", MUSIC, 100, 1, 1024, length)
    return rows


def child(measurement, arguments, seconds):
    """The figures of one measurement in a fresh process, without TensorFlow's chatter."""
    call = [sys.executable, __file__, "--child", json.dumps([measurement, seconds, *arguments])]
    out = subprocess.run(call, capture_output=True, text=True)
    if out.returncode:
        sys.exit(f"{measurement} {arguments} failed:\n{out.stderr[-2000:]}")
    return json.loads(out.stdout.splitlines()[-1])


def share(name, figure, value, results):
    """The figure as a share of its ceiling, or nothing where it has none."""
    if figure == "GFLOP/s" and name != "ceiling: matmul" and "ceiling: matmul" in results:
        return f"{value / results['ceiling: matmul']['GFLOP/s']['median']:.0%}"
    if name == "score molecules" and "ceiling: rdkit" in results:
        return f"{value / (CORES * results['ceiling: rdkit']['molecules/s a core']['median']):.0%}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="one short run of each and fewer sequences: under 5 minutes"
    )
    parser.add_argument("--runs", type=int, help="processes a figure; default: 3, with --quick 1")
    parser.add_argument("--only", default="", metavar="WORD,...", help="only rows whose name has one of the words")
    parser.add_argument("--out", type=Path, default=Path("runs/bench.json"), help="default: runs/bench.json")
    options = parser.parse_args()
    runs, seconds = options.runs or (1 if options.quick else 3), 1.5 if options.quick else 5.0
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        small = ["--set", SAMPLES[MUSIC], "--set", "pretrain.epochs=0.2", "--quiet"]
        subprocess.run(["seqtutor", "pretrain", MUSIC, *small, "--out", f"{folder}/prior"], check=True)
        print(f"{'':42}{'':20}{'median':>12}{'least':>12}{'most':>12}{'of ceiling':>12}   ({CORES} cores, {runs} runs)")
        for name, (measurement, *arguments) in plan(options.quick, Path(folder)).items():
            if not any(word in name for word in options.only.split(",")):
                continue
            found = [child(measurement, [*arguments], seconds) for _ in range(runs)]
            results[name] = {}
            for figure in found[0]:
                values = [each[figure] for each in found]
                middle = statistics.median(values)
                results[name][figure] = {"median": middle, "least": min(values), "most": max(values)}
                numbers = "".join(f"{value:12,.4g}" if value < 1000 else f"{value:12,.0f}"
                                  for value in (middle, min(values), max(values)))  # fmt: skip
                print(f"{name:42}{figure:20}{numbers}{share(name, figure, middle, results):>12}", flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"cores": CORES, "runs": runs, "results": results}, indent=1) + "\n")
    print(f"\nwritten: {options.out}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        measurement, seconds, *arguments = json.loads(sys.argv[2])
        print(json.dumps(MEASUREMENTS[measurement](seconds, *arguments)))
    else:
        main()
