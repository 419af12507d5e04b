"""Many rejected sequences in little memory, and strings that were there before."""

import tracemalloc
from collections import Counter
from itertools import islice, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtutor.data import corpus
from seqtutor.domains.molecules import reading
from seqtutor.reading import rejections
from seqtutor.reading.records import DUPLICATE, Record, Rejected
from seqtutor.reading.rejections import Packed, Rejections
from seqtutor.stats import distinct
from seqtutor.stats.distinct import SeenStrings
from tests.support.toy import Toy, word_list

ITEMS = st.lists(st.builds(Rejected, st.text(max_size=5), st.sampled_from(["x", "y", "z", "w", DUPLICATE])))


@given(items=ITEMS, block=st.sampled_from([1, 3, 4096]))
def test_rejections_are_a_list_with_counts(items, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rejections, "BLOCK", block)
        kept = Rejections(items)
        restored = Rejections.restored(*kept.state())
    for found in (kept, restored):
        assert list(found) == items and len(found) == len(items)
        faults = [item for item in items if item.reason != DUPLICATE]
        assert found.faults == len(faults)
        assert found.first == (faults[0] if faults else None)
        counts = Counter(item.reason for item in items)
        said = dict(reversed(each.split(" ", 1)) for each in found.reasons().split(", ") if each)
        assert said == {reason: str(count) for reason, count in counts.items()}
        assert DUPLICATE not in found.reasons(duplicates=False)


def test_the_commonest_reasons_come_first(monkeypatch):
    rejected = [Rejected("", reason) for reason in ["x"] * 3 + ["y"] * 2 + list("abcdef")]
    assert Rejections(rejected).reasons(most=2) == "3 x, 2 y, 6 others"
    monkeypatch.setattr(rejections, "KINDS", 2)  # no more than two kinds are told apart, and duplicates
    few = Rejections([*rejected, Rejected("", DUPLICATE)])
    assert few.reasons() == "3 x, 2 y, 1 duplicate, 6 others"
    assert len(few) == 12 and few.faults == 11


def test_packed_values_may_follow_after_it_was_written():
    packed = Packed()
    packed.append("a\n\ud800é")
    first = packed.data()
    packed.append(["b", 1])
    assert list(Packed(first)) == ["a\n\ud800é"]
    assert list(Packed(packed.data())) == list(packed) == ["a\n\ud800é", ["b", 1]]


@given(
    chunks=st.lists(st.lists(st.integers(0, 30).map(lambda n: b"%d" % n), max_size=8), max_size=12),
    recent=st.sampled_from([0, 3, 1000]),
)
def test_seen_is_a_set(chunks, recent):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distinct, "RECENT", recent)
        noted, known = SeenStrings(), set()
        for chunk in chunks:
            expected = []
            for string in chunk:
                expected.append(string not in known)
                known.add(string)
            assert noted.new(chunk) == expected


def peak(work) -> int:
    """The bytes that `work` held at its most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def rejecting(monkeypatch, count: int) -> None:
    """Makes the toy domain's data: two words, and `count` lines of which nothing can be used."""

    def prepare(self, path):
        yield from (Record(f"words.txt:{number}", "ab") for number in (1, 2))
        yield from (Rejected(f"words.txt:{number}", DUPLICATE) for number in range(3, count // 2))
        yield from (Rejected(f"words.txt:{number}", f"no letter: {number}") for number in range(count // 2, count))

    monkeypatch.setattr(Toy, "prepare", prepare)
    monkeypatch.setattr(corpus, "_refuse_mostly_rejected", lambda path, parsed: None)


def test_memory_does_not_grow_with_what_is_rejected(tmp_path, monkeypatch):
    """A list of these would hold about 200 bytes a line, in memory and once more as text for the cache."""
    peaks = {}
    for count in (10_000, 40_000):
        rejecting(monkeypatch, count)
        path = word_list(tmp_path, str(count))
        peaks[count] = peak(lambda path=path: corpus.load(Toy(), path))
        assert len(corpus.load(Toy(), path).rejected) == count - 3
    assert (peaks[40_000] - peaks[10_000]) / 30_000 < 15


def test_memory_does_not_grow_with_repeated_molecules():
    def drain(count):
        items = (Record(f"a.smi:{number}", "C" * 40 + str(number % 100)) for number in range(count))
        assert sum(isinstance(item, Record) for item in reading._distinct(items)) == 100

    assert peak(lambda: drain(40_000)) < 1.2 * peak(lambda: drain(10_000))


def test_distinct_molecules_cost_their_hashes(monkeypatch):
    monkeypatch.setattr(distinct, "RECENT", 5_000)

    def drain(count):
        items = (Record("a", "C" * 40 + str(number)) for number in range(count))
        for _ in reading._distinct(items):
            pass

    assert (peak(lambda: drain(60_000)) - peak(lambda: drain(20_000))) / 40_000 < 30  # thrice while they are sorted in


def test_the_file_is_read_as_it_is_asked_for(tmp_path):
    path = tmp_path / "a.smi"
    path.write_text("C" * 50 + "\n" + "\n".join(repeat("C" * 50, 50_000)))  # 2.5 MB
    assert peak(lambda: list(islice(reading.read(path), 40_000, 40_001))) < 500_000
