"""How near tuned policies come to the optimum pi* = p exp(r / c) / Z: scripts/bench --optimum.

Tunes the default priors as the default configs say, for each seed, and prints the gap log Z - L of the prior and of the
tuned policy: of the network alone, and with 16 and 64 particles. log Z is the largest lower bound of a task's rows.
Where runs/music/prior or runs/molecules/prior does not exist, it is trained first.
"""

import argparse
from pathlib import Path

import seqtutor as st
from seqtutor.kl_control.optimum import gap

TASKS = {"melodies": ("configs/music.yaml", 8.0), "molecules": ("configs/molecules.yaml", 1.0)}
PARTICLES = {1: 20_000, 16: 4_000, 64: 1_000}  # sequences that are picked with so many particles


def main() -> None:
    """Prints a row for each task, policy and number of particles."""
    parser = argparse.ArgumentParser(prog="scripts/bench --optimum")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--task", choices=TASKS, action="append")
    parser.add_argument("--out", type=Path, default=Path("runs/optimum"))
    asked = parser.parse_args()
    names = f"{'task':<10} {'policy':<8} {'K':>3} {'gap':>8} {'95 %':>19} {'log Z':>8}"
    print(f"{names} {'valid':>6} {'distinct':>8} {'minutes':>7}")
    for task in asked.task or TASKS:
        config, c = TASKS[task]
        for row in rows(task, config, c, asked.seeds, asked.out):
            print(row, flush=True)


def rows(task: str, config: str, c: float, seeds: int, out: Path) -> list[str]:
    """The table of one task."""
    folder = Path("runs", Path(config).stem, "prior")
    prior = st.load_run(folder) if folder.exists() else st.pretrain(config, quiet=True)
    runs = {"prior": prior}
    for seed in range(seeds):
        runs[f"seed {seed}"] = st.tune(
            prior, config, c=c, seed=seed, out=out / f"{task}-{seed}", force=True, quiet=True
        )
    found = {
        (name, k): st.evaluate(run, num=num, particles=k, c=c, reference="", quiet=True)[run.name]
        for name, run in runs.items() for k, num in PARTICLES.items()
    }  # fmt: skip
    bounds = [metrics["log_z_bound"] for metrics in found.values() if metrics["log_z_bound"].error is not None]
    log_z = max(bounds, key=lambda bound: bound.low)
    lines = []
    for (name, k), metrics in found.items():
        this = gap(log_z, metrics["objective"], independent=metrics["log_z_bound"] is not log_z)
        valid = f"{metrics['valid'].value:.1%}" if "valid" in metrics else ""
        minutes = runs[name].history["seconds"].iloc[-1] / 60 if name != "prior" else float("nan")
        interval = f"[{this.low:.3f}, {this.high:.3f}]" if this.low is not None else "-"
        lines.append(
            f"{task:<10} {name:<8} {k:>3} {this.value:>8.3f} {interval:>19} {log_z.value:>8.3f} {valid:>6} "
            f"{metrics['unique'].value:>8.2%} {minutes:>7.1f}"
        )
    return lines


if __name__ == "__main__":
    main()
