"""Speed on this machine, each figure in a process of its own, several times: median and spread, as table and JSON.

Every figure is beside a ceiling measured in the same run: float32 matrix products of TensorFlow on all cores for
networks, bare RDKit on one core times the cores for molecules. Where PyTorch is installed, its LSTM is measured too.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import tried
import yaml
from common import MOLECULES, MUSIC, SAMPLES

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
MEASURE = Path(__file__).with_name("measure.py")


def networks(priors):
    """Training and drawing: name -> (measurement, its arguments)."""
    rows = {"ceiling: matmul": ("matmul",), "ceiling: rdkit": ("rdkit",)}
    for units, layers in ((100, 1), (512, 1), (512, 3)):
        for config in (MUSIC, MOLECULES):
            shape = f"{Path(config).stem} {layers}x{units}"
            rows[f"pretrain {shape}"] = ("pretraining", config, units, layers, 128)
            if importlib.util.find_spec("torch"):
                rows[f"PyTorch {shape}"] = ("pytorch", config, units, layers, 128)
    for units in (100, 512):
        rows[f"draw music 1x{units}"] = ("drawing", MUSIC, units, 1, 1024, 32)
        rows[f"draw molecules 1x{units}"] = ("drawing", MOLECULES, units, 1, 1024, 100)
    rows["tune music 1x100, 6.4 learned a step"] = ("tuning", MUSIC, 100, 1, "tune.replay_ratio=6.4")
    rows["tune music 1x100"] = ("tuning", MUSIC, 100, 1)
    rows["tune music 1x512"] = ("tuning", MUSIC, 512, 1)
    rows |= molecule_rounds("tune molecules 1x64", priors / "molecules-64")
    rows["tune molecules 1x512, dap, QED, 64"] = (
        "rounds", str(priors / "molecules-512"), "tune.variant=dap", "tune.reward=qed", "tune.batch=64"
    )  # fmt: skip
    rows["score music"], rows["score molecules"] = ("scoring", MUSIC), ("scoring", MOLECULES)
    return rows


def molecule_rounds(name, prior):
    """Tuning a prior of molecules, in minibatches as large as a round; by default each is learned from twice."""
    once = ("tune.minibatch=128", "tune.replay_ratio=1")
    return {name: ("rounds", str(prior), once[0]), f"{name}, learned once": ("rounds", str(prior), *once)}


def given(prior):
    """What is measured of a prior of the caller's own."""
    domain = yaml.safe_load((Path(prior) / "config.yaml").read_text())["domain"]["name"]
    if domain == "molecules":
        return molecule_rounds(f"tune {prior}", prior)
    return {f"tune {prior} to a reward of 60": ("quality", prior, 60.0)}


def commands(priors, few=10_000):
    """Whole commands, as a user starts them: each with the least work there is, then with ever more sequences."""
    music, molecules, out = (str(priors / name) for name in ("music", "molecules-64", "out"))
    fresh, sample = ["--force", "--out", out], ["--set", SAMPLES[MUSIC]]
    rows = {"import tensorflow": ("command", sys.executable, "-c", "import tensorflow")}

    def row(name, *words):
        rows[name] = ("command", "seqtutor", *words)

    row("seqtutor --help", "--help")
    row("pretrain music, 1 update", "pretrain", MUSIC, *sample, "--set", "pretrain.epochs=0.001", *fresh)
    row("tune music, 1 round", "tune", MUSIC, "--prior", music, "--set", "tune.rounds=1", *fresh)
    row("tune molecules, 1 round", "tune", MOLECULES, "--prior", molecules, "--set", "tune.rounds=1", *fresh)
    row("sweep music, 1 round", "sweep", MUSIC, "--prior", music, "--set", "tune.rounds=1", "--num", "2", *fresh)
    row("sample 1 melody", "sample", music, "--num", "1", "--out", f"{music}-1")
    row("evaluate 2 melodies", "evaluate", music, "--num", "2", "--out", out)
    row("score 1 melody", "score", f"{music}-1/samples.csv", "--domain", "music", "--out", out)
    row("report of 2 melodies", "report", music, "--num", "2", "--out", f"{out}.html")
    row("export music", "export", music, "--force", "--out", f"{out}-exported")
    row("data info music", "data", "info", "sample-melodies")
    row("config show", "config", "show", "music-quick")
    row("prior list", "prior", "list")
    row("doctor", "doctor")
    for count in (few, 10 * few):
        row(f"sample {count:,} melodies", "sample", music, "--num", str(count), "--out", f"{music}-{count}")
        row(f"evaluate {count:,} melodies", "evaluate", music, "--num", str(count), "--out", out)
        drawn = f"{music}-{count}/samples.csv"
        row(f"score {count:,} melodies", "score", drawn, "--domain", "music", "--out", out)
    return rows


def growth():
    """How rates change with one size at a time."""
    rows = {}
    for units in (64, 128, 256):
        rows[f"growth: pretrain units {units}"] = ("pretraining", MOLECULES, units, 1, 128)
    for batch in (16, 64, 256):
        rows[f"growth: pretrain batch {batch}"] = ("pretraining", MOLECULES, 256, 1, batch)
        rows[f"growth: draw batch {batch}"] = ("drawing", MUSIC, 100, 1, batch, 32)
    for length in (16, 64, 128):
        rows[f"growth: draw length {length}"] = ("drawing", MUSIC, 100, 1, 1024, length)
    return rows


def others():
    """Other ways to unroll an LSTM, beside the product's, which is the first."""
    return {
        f"{units} units, batch {batch}, {steps} steps: {way}": ("unrolling", way, units, batch, steps)
        for units, batch, steps in tried.SHAPES
        for way in tried.WAYS
    }


def train_priors(folder):
    """Priors on the samples in data/, for what needs one: the small one of molecules draws about half of them valid."""
    for name, config, units, epochs in (
        ("music", MUSIC, 100, 2), ("molecules-64", MOLECULES, 64, 10), ("molecules-512", MOLECULES, 512, 2)
    ):  # fmt: skip
        settings = (SAMPLES[config], f"model.units={units}", f"pretrain.epochs={epochs}", "pretrain.batch=32")
        sets = [word for setting in settings for word in ("--set", setting)]
        subprocess.run(["seqtutor", "pretrain", config, *sets, "--quiet", "--out", f"{folder}/{name}"], check=True)


def plan(folder, quick, priors):
    """Everything but `others`; trains the priors it needs into a folder, beside those given."""
    train_priors(folder)
    rows = networks(folder) | commands(folder) | ({} if quick else growth())
    for prior in priors:
        rows |= given(prior)
    return rows


def child(measurement, arguments, seconds):
    """The figures of one measurement in a fresh process, without TensorFlow's chatter."""
    call = [sys.executable, str(MEASURE), json.dumps([measurement, seconds, *arguments])]
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
    parser.add_argument("--quick", action="store_true", help="one short run of each, and no growth: under 5 minutes")
    parser.add_argument("--runs", type=int, help="processes a figure; default: 3, with --quick 1")
    parser.add_argument("--only", default="", metavar="WORD,...", help="only rows whose name has one of the words")
    parser.add_argument(
        "--prior", metavar="RUN", action="append", default=[],
        help="a prior to tune: of melodies, for the time to quality; of molecules, against the time of scoring alone",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("runs/bench.json"), help="default: runs/bench.json")
    parser.add_argument("--tried", action="store_true", help="instead: other ways to unroll an LSTM")
    options = parser.parse_args()
    runs, seconds = options.runs or (1 if options.quick else 3), 1.5 if options.quick else 5.0
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        rows = others() if options.tried else plan(Path(folder), options.quick, options.prior)
        print(f"{'':42}{'':28}{'median':>12}{'least':>12}{'most':>12}{'of ceiling':>12}   ({CORES} cores, {runs} runs)")
        for name, (measurement, *arguments) in rows.items():
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
                print(f"{name:42}{figure:28}{numbers}{share(name, figure, middle, results):>12}", flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"cores": CORES, "runs": runs, "results": results}, indent=1) + "\n")
    print(f"\nwritten: {options.out}")


if __name__ == "__main__":
    main()
