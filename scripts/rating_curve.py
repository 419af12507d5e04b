"""How many choices it takes: simulated raters choose between melodies of a prior, and a reward is fitted to them.

usage: python scripts/rating_curve.py [--raters 20] [--prior music]

Each rater has a taste of her own. Half of it is a random weighted sum of what the fitted reward can weigh; the other
half is of what it cannot, namely how often three pairs of symbols follow each other, such as "E4 hold". She chooses by
the model of Bradley and Terry, at odds at which she would choose the same way again in 85 % of pairs. Of fresh pairs,
the share is shown in which the fitted reward prefers what she prefers; she herself would reach 100 %.
"""

import argparse

import numpy as np

import seqtutor as st
from seqtutor.stats import bradley_terry

COUNTS = (10, 20, 50, 100, 200, 400)
FRESH = 1000  # pairs
AGAIN = 0.85


def standardised(values):
    """Columns of mean 0 and standard deviation 1; without those that never change."""
    spread = values.std(axis=0)
    return (values - values.mean(axis=0))[:, spread > 0] / spread[spread > 0]


def tastes(features, tokens, rng):
    """What one rater thinks each melody is worth, [N], of standard deviation 1."""
    own = standardised((features @ rng.normal(size=features.shape[1]))[:, None])
    pairs, counts = np.unique(tokens[:, :-1] * 38 + tokens[:, 1:], return_counts=True)
    liked = rng.choice(pairs[np.argsort(-counts)[:60]], 3, replace=False)
    hidden = np.stack([(tokens[:, :-1] * 38 + tokens[:, 1:] == pair).sum(axis=1) for pair in liked], axis=1)
    hidden = standardised((standardised(hidden.astype(float)) @ rng.normal(size=3))[:, None])
    return ((own + hidden) / np.sqrt(2))[:, 0]


def sharpness(worth, rng):
    """The factor on worth at which pairs are chosen the same way twice with probability AGAIN."""
    first, second = rng.permutation(worth), rng.permutation(worth)
    low, high = 0.1, 100.0
    for _ in range(50):
        middle = np.sqrt(low * high)
        p = 1 / (1 + np.exp(-middle * (first - second)))
        low, high = (middle, high) if np.mean(p**2 + (1 - p) ** 2) < AGAIN else (low, middle)
    return low


def main():
    """Prints a row for each number of choices: mean and standard error over the raters."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raters", type=int, default=20)
    parser.add_argument("--prior", default="music")
    asked = parser.parse_args()
    run = st.load_run(asked.prior)
    tokens, lengths = run.sample(2 * (max(COUNTS) + FRESH), seed=1, quiet=True).tokens
    features = standardised(np.stack(list(run.domain.ratings().features(tokens, lengths).values()), axis=1))
    half, found = len(tokens) // 2, []
    differences = features[:half] - features[half:]
    for number in range(asked.raters):
        rng = np.random.default_rng([7, number])
        worth = tastes(features, tokens, rng)
        better = worth[:half] - worth[half:]
        chosen = rng.random(half) < 1 / (1 + np.exp(-sharpness(worth, rng) * better))
        rows = differences * np.where(chosen, 1, -1)[:, None]
        fresh, truth = differences[-FRESH:], better[-FRESH:]
        found.append(
            [
                (
                    np.mean((fresh @ bradley_terry.fitted(rows[:n]) > 0) == (truth > 0)),
                    bradley_terry.accuracy(rows[:n]).value,
                )
                for n in COUNTS
            ]
        )
    print("choices  agrees with the rater on fresh pairs  predicted from one another")
    error = np.std(found, axis=0, ddof=1) / np.sqrt(asked.raters)
    for n, (agrees, predicted), (one, other) in zip(COUNTS, np.mean(found, axis=0), error, strict=True):
        print(f"{n:7d}  {agrees:.0%} ± {one:.1%}{'':27}{predicted:.0%} ± {other:.1%}")


if __name__ == "__main__":
    main()
