"""What the measurements of scripts/bench share."""

import time

MUSIC, MOLECULES = "configs/music.yaml", "configs/molecules.yaml"
SAMPLES = {MUSIC: "data.name=sample-melodies", MOLECULES: "data.name=sample-molecules"}


def rate(work, seconds):
    """Units a second of `work()`, which returns how many it did; warmed up once, then for about `seconds`."""
    work()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        count += work()
    return count / (time.perf_counter() - start)


def corpus_of(config, *overrides):
    """The config on the sample of its domain, with overrides; the corpus; its domain."""
    from seqtutor import config as configs
    from seqtutor.data.corpus import load
    from seqtutor.domains import domain_class

    resolved = configs.load(config, configs.assignments((SAMPLES[config], *overrides)))
    options = {key: value for key, value in resolved.domain.items() if key != "name"}
    corpus = load(domain_class(resolved.domain["name"])(options), resolved.data.name)
    return resolved, corpus, corpus.domain
