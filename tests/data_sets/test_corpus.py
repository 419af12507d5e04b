"""Data sets as arrays: exact tokens, the cache and its damage, vocabularies, names."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtutor.data import corpus, parsing, sources
from seqtutor.domains import domain_class
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.errors import UserError
from seqtutor.reading.records import DUPLICATE, Record, Rejected
from tests.support.terms import terms
from tests.support.toy import LETTERS, Toy, word_list


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def reads(monkeypatch):
    """Counts how often data is parsed."""
    calls, prepare = [], Toy.prepare
    monkeypatch.setattr(Toy, "prepare", lambda self, path: (calls.append(path), prepare(self, path))[1])
    return calls


def same(one, other):
    return (
        np.array_equal(one.tokens, other.tokens)
        and np.array_equal(one.offsets, other.offsets)
        and one.names == other.names
        and list(one.rejected) == list(other.rejected)
        and one.rejected.reasons() == other.rejected.reasons()
        and one.vocabulary == other.vocabulary
    )


def test_exact_tokens(tmp_path):
    loaded = corpus.load(Toy(), word_list(tmp_path, "da", "", "bad", "x", "a"))
    assert loaded.vocabulary == Vocabulary((".", "a", "b", "d"), end=0)  # numbered in order, not as they came
    assert loaded.tokens.tolist() == [3, 1, 0, 2, 1, 3, 0, 1, 0]
    assert loaded.offsets.tolist() == [0, 3, 7, 9]
    assert loaded.lengths.tolist() == [3, 4, 2]
    assert loaded.tokens.dtype == np.uint8 and loaded.offsets.dtype == np.int64
    assert loaded[1].tolist() == [2, 1, 3, 0]
    assert loaded.names == ["words.txt:1", "words.txt:3", "words.txt:5"]
    assert list(loaded.rejected) == [Rejected("words.txt:2", "blank"), Rejected("words.txt:4", "no letter: 'x'")]
    assert list(loaded.texts()) == ["da", "bad", "a"]
    assert loaded.sha256 == hashlib.sha256(b"da\n\nbad\nx\na\n").hexdigest()


def test_end_token_inside_and_nothing_at_all_are_rejected(tmp_path, monkeypatch):
    monkeypatch.setattr(Toy, "tokenize", lambda self, text: list(text.strip("-")))
    loaded = corpus.load(Toy(), word_list(tmp_path, "a.b", "-", "ab", "ba"))
    assert list(loaded.texts()) == ["ab", "ba"]
    assert list(loaded.rejected) == [
        Rejected("words.txt:1", "the end token '.' inside"),
        Rejected("words.txt:2", "empty"),
    ]


def test_a_symbol_only_rejected_sequences_have_is_not_in_the_vocabulary(tmp_path):
    loaded = corpus.load(Toy(), word_list(tmp_path, "ab", "ex"))
    assert loaded.vocabulary.symbols == (".", "a", "b")


@settings(deadline=None, max_examples=40)  # a first write may wait for the disk
@given(lines=st.lists(st.text(LETTERS, min_size=1), min_size=1), block=st.sampled_from([1, 7, 1 << 20]))
def test_round_trip(tmp_path_factory, lines, block):
    folder = tmp_path_factory.mktemp("words")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQTUTOR_CACHE", str(folder / "cache"))
        patch.setattr(parsing, "BLOCK", block)
        parsed, cached = (corpus.load(Toy(), word_list(folder, *lines)) for _ in range(2))
    assert list(parsed.texts()) == lines
    assert same(parsed, cached)


def test_many_symbols_need_a_wider_type(tmp_path, monkeypatch):
    monkeypatch.setattr(Toy, "tokenize", lambda self, text: list(text))
    lines = ["".join(map(chr, range(start, start + 100))) for start in range(0x4E00, 0x4E00 + 1000, 100)]
    monkeypatch.setattr(parsing, "BLOCK", 50)  # early blocks are narrow, late ones wide
    loaded = corpus.load(Toy(), word_list(tmp_path, *lines))
    assert loaded.tokens.dtype == np.uint16
    assert list(loaded.texts()) == lines


def test_cached_data_is_not_parsed_again(tmp_path, reads):
    path = word_list(tmp_path, "ab", "", "cab")
    seen = []
    first = corpus.load(Toy(), path, seen.append)
    assert sum(seen) == 3
    second = corpus.load(Toy(), path, seen.append)
    assert len(reads) == 1 and sum(seen) == 3
    assert same(first, second)


@pytest.mark.parametrize("change", ["content", "option", "file name"])
def test_cache_is_left_when_something_changes(tmp_path, reads, change):
    corpus.load(Toy(), word_list(tmp_path, "ab", "cab"))
    changed = {
        "content": lambda: corpus.load(Toy(), word_list(tmp_path, "ab", "bab")),
        "option": lambda: corpus.load(Toy({"length": 7}), word_list(tmp_path, "ab", "cab")),
        "file name": lambda: corpus.load(Toy(), word_list(tmp_path, "ab", "cab", name="other.txt")),
    }[change]()
    assert len(reads) == 2
    assert changed.names[0].startswith("other" if change == "file name" else "words")


@pytest.mark.parametrize(("matter", "parses"), [(None, 2), (("length",), 2), ((), 1)])
def test_only_options_that_matter_make_data_be_parsed_again(tmp_path, reads, monkeypatch, matter, parses):
    monkeypatch.setattr(Toy, "preparation", matter)
    path = word_list(tmp_path, "ab", "cab")
    loaded = [corpus.load(Toy({"length": length}), path) for length in (6, 7)]
    assert len(reads) == parses
    assert loaded[1].domain.length == 7


@pytest.mark.parametrize("name", ["music", "molecules"])
def test_the_options_that_matter_are_options(name):
    kind = domain_class(name)
    assert set(kind.preparation) <= set(kind.defaults)


def test_damaged_cache_is_made_again(tmp_path, reads):
    path = word_list(tmp_path, "abc", "", *["cab"] * 20)
    whole = corpus.load(Toy(), path)
    bytes_ = whole.cached_at.read_bytes()
    damaged = [b"", b"junk", bytes_[: len(bytes_) // 2], bytes_[:-1]]
    for at in range(0, len(bytes_), 13):
        damaged.append(bytes_[:at] + bytes([bytes_[at] ^ 0x5A]) + bytes_[at + 1 :])
    for content in damaged:
        whole.cached_at.write_bytes(content)
        assert same(corpus.load(Toy(), path), whole)
    assert len(reads) > len(damaged) / 2  # the rest hit bytes that mean nothing, such as dates in the archive


def test_cache_that_holds_pickles_is_not_read(tmp_path, reads):
    path = word_list(tmp_path, "abc")
    whole = corpus.load(Toy(), path)
    with open(whole.cached_at, "wb") as file:
        np.savez(file, tokens=np.array([{}], object), lengths=np.array([1]), names=[0], words=[0])
    assert same(corpus.load(Toy(), path), whole)
    assert len(reads) == 2


def test_nothing_but_the_cache_is_left_behind(tmp_path, cache):
    corpus.load(Toy(), word_list(tmp_path, "abc"))
    assert [path.suffix for path in (cache / "corpora").iterdir()] == [".npz"]


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_CACHE", word_list(tmp_path, "x", name="file"))
    with pytest.raises(UserError, match=r"SEQTUTOR_CACHE$"):
        corpus.load(Toy(), word_list(tmp_path, "abc"))


def test_a_given_vocabulary_stays_and_unknown_tokens_are_rejected(tmp_path, reads):
    path = word_list(tmp_path, "ab", "ad", "", "ba", "bcd", "b")
    corpus.load(Toy(), path)
    fixed = Vocabulary((".", "b", "a"), end=0)
    loaded = corpus.load(Toy(vocabulary=fixed), path)
    assert len(reads) == 1  # one parse serves every vocabulary
    assert loaded.vocabulary is fixed
    assert loaded.tokens.tolist() == [2, 1, 0, 1, 2, 0, 1, 0]
    assert loaded.offsets.tolist() == [0, 3, 6, 8]
    assert loaded.names == ["words.txt:1", "words.txt:4", "words.txt:6"]
    assert list(loaded.rejected) == [
        Rejected("words.txt:3", "blank"),
        Rejected("words.txt:2", "unknown token 'd'"),
        Rejected("words.txt:5", "unknown token 'c'"),
    ]


def test_more_than_half_rejected_is_an_error(tmp_path):
    path = word_list(tmp_path, "ab", "", "x", "", "ba")
    with pytest.raises(UserError, match=r"words.txt: 3 of 5 .*\(2 blank, 1 no letter: 'x'\), words.txt:2 the first"):
        corpus.load(Toy(), path)
    assert len(corpus.load(Toy(), word_list(tmp_path, "ab", "", "x", "ba"))) == 2


def test_repeated_sequences_are_listed_but_are_no_fault(tmp_path, monkeypatch):
    read = Toy.read

    def once(self, path):
        seen = set()
        for item in read(self, path):
            repeated = item[1] in seen
            seen.add(item[1])
            yield Rejected(item.name, DUPLICATE) if repeated else item

    monkeypatch.setattr(Toy, "prepare", once)
    loaded = corpus.load(Toy(), word_list(tmp_path, "ab", *["ab"] * 9))
    assert list(loaded.texts()) == ["ab"]
    assert loaded.rejected.reasons() == "9 duplicate"
    with pytest.raises(UserError, match=r"2 of 3 sequences cannot be used \(2 no letter: 'x'\), words.txt:4 the first"):
        corpus.load(Toy(), word_list(tmp_path, "ab", *["ab"] * 2, "x", "x1"))


def test_an_empty_file_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no sequences"):
        corpus.load(Toy(), word_list(tmp_path))


def test_a_folder_is_read_whole(tmp_path):
    (tmp_path / "folder" / "below").mkdir(parents=True)
    word_list(tmp_path, "ab", name="folder/z.txt")
    word_list(tmp_path, "ba", name="folder/below/a.txt")
    loaded = corpus.load(Toy(), str(tmp_path / "folder"))
    assert list(loaded.texts()) == ["ba", "ab"]
    assert loaded.sha256 == hashlib.sha256(b"ba\nab\n").hexdigest()


@pytest.mark.parametrize(
    ("name", "message"),
    [("knwon", "did you mean known"), ("", "did you mean known"), ("no/file.txt", "did you mean known")],
)
def test_unknown_names(named, name, message):
    with pytest.raises(UserError, match=message):
        corpus.load(Toy(), name)


def test_data_set_that_is_not_here_or_altered(named):
    with pytest.raises(UserError, match="`seqtutor data fetch known`"):
        corpus.load(Toy(), "known")
    Toy.data_sets()["known"].fetch()
    assert list(corpus.load(Toy(), "known").texts()) == ["ab", "ba"]
    named.write_text("ab\nbb\n")
    with pytest.raises(UserError, match=r"known.txt is altered .*fetch known"):
        corpus.load(Toy(), "known")
    assert list(corpus.load(Toy(), str(named)).texts()) == ["ab", "bb"]  # by its path it is the user's own data


def test_imported_names(tmp_path, cache, named):
    path = word_list(tmp_path, "ab")
    sources.remember(Toy, "mine", tmp_path / "words.txt")
    assert list(corpus.load(Toy(), "mine").texts()) == ["ab"]
    (tmp_path / "words.txt").unlink()
    with pytest.raises(UserError, match=f"imported from {path}, which is gone"):
        corpus.load(Toy(), "mine")
    with pytest.raises(UserError, match="already"):
        sources.check_new(Toy, "known")
    for content in ("{", "[]", '{"toy": ["x"]}'):
        (cache / "imports.json").write_text(content)
        with pytest.raises(UserError, match="delete it"):
            corpus.load(Toy(), "mine")


def test_toy_reads_what_it_writes(tmp_path):
    domain = Toy().with_vocabulary("ab")
    tokens, lengths = np.array([[1, 2, 0], [2, 0, 0]], np.int32), np.array([3, 2], np.int32)
    domain.writers()["txt"](tokens, lengths, tmp_path, 0)
    assert list(domain.read(tmp_path)) == [Record("words.txt:1", "ab"), Record("words.txt:2", "b")]
    scores = domain.reward(terms({"a": 2.0, "b": 1.0}))(tokens, lengths)
    assert scores.total.tolist() == [[2, 1, 0], [1, 0, 0]]
