"""Looking one token ahead in SMILES: what is certain is so to RDKit, and what is only likely nearly always."""

import gzip

import numpy as np
import pytest
import tensorflow as tf
from rdkit import Chem, rdBase

from seqtutor.domains.molecules import smiles
from seqtutor.domains.molecules.grammar import KINDS, TokenTable
from seqtutor.domains.molecules.lookahead import NUMBERS, PARTS, RING, RINGS, SIZES, MoleculeLookahead
from seqtutor.domains.vocabulary import Vocabulary
from tests.support.places import ROOT

TEXTS = gzip.decompress((ROOT / "data" / "molecules" / "moses-sample.smi.gz").read_bytes()).decode().split()[:2000]
SYMBOLS = (smiles.END, *sorted({token for text in TEXTS for token in smiles.tokenize(text)}))
LENGTH = 64
LOOK = MoleculeLookahead(Vocabulary(SYMBOLS, 0), LENGTH)


def ids_of(texts):
    """Token ids [N, T] of texts that fit, the end token and more of it behind."""
    rows = [[SYMBOLS.index(token) for token in smiles.tokenize(text)] for text in texts]
    return np.array([row + [0] * (LENGTH - len(row)) for row in rows if len(row) < LENGTH], np.int32)


def state_after(*texts):
    """The state after texts: NUMBERS, PARTS of the newest atom, and RING of each closure, by name."""
    state = LOOK.initial_state(len(texts))
    ids = ids_of(texts)
    for t in range(max(len(smiles.tokenize(text)) for text in texts)):
        state = LOOK.advance(tf.constant(ids[:, t]), state)
    numbers, newest, _, rings, systems, _ = (part.numpy() for part in state)
    rings = dict(zip(RING, rings.reshape(len(texts), RINGS, -1).transpose(2, 0, 1), strict=True))
    parts = dict(zip((*NUMBERS, *PARTS), np.concatenate([numbers, newest], axis=1).T, strict=True))
    return {**parts, "rings": rings, "odd": (systems % 2).sum(axis=1)}


def whole_state(text):
    """The state after a text, as it is."""
    state = LOOK.initial_state(1)
    for token in smiles.tokenize(text):
        state = LOOK.advance(tf.constant([SYMBOLS.index(token)]), state)
    return state


def mangled(count, seed=0):
    """Texts with one to three tokens changed, left out, doubled or moved."""
    rng, found = np.random.default_rng(seed), []
    while len(found) < count:
        tokens = smiles.tokenize(TEXTS[rng.integers(len(TEXTS))])
        for _ in range(rng.integers(1, 4)):
            at, other = rng.integers(len(tokens), size=2)
            how = rng.integers(4)
            token = tokens.pop(at)
            tokens[at:at] = [[SYMBOLS[rng.integers(1, len(SYMBOLS))]], [], [token, token], [token]][how]
            if how == 3 and other < len(tokens):
                tokens[at], tokens[other] = tokens[other], tokens[at] if at < len(tokens) else tokens[other]
        if tokens and len(tokens) < LENGTH:
            found.append("".join(tokens))
    return found


def valid(texts):
    with rdBase.BlockLogs():
        return np.array([smiles.parse(text) is not None for text in texts])


def test_nothing_is_open_or_odd_at_the_end_of_a_molecule():
    texts = [text for text in TEXTS if len(smiles.tokenize(text)) < LENGTH]
    after = state_after(*texts)
    assert len(texts) > 1000
    assert not after["depth"].any() and not after["rings"]["open"].any() and not after["over"].any()
    # A double bond written where its ring is closed, as in "N=3", is counted for the second of its atoms alone.
    assert (after["odd"] > 0).mean() <= 0.001


def test_what_is_open_or_odd_at_the_end_of_others():
    """What is open is no molecule to RDKit; what is odd or has too many bonds seldom is one; few others are none."""
    texts = mangled(4000)
    is_valid, after = valid(texts), state_after(*texts)
    is_open = (after["depth"] > 0) | after["rings"]["open"].any(axis=1)
    assert is_open.sum() > 1000 and is_valid.sum() > 400
    assert not (is_open & is_valid).any()
    shows = is_open | (after["over"] > 0) | (after["odd"] > 0)
    assert shows[~is_valid].mean() > 0.8 and shows[is_valid].mean() < 0.1


def test_a_last_ring_that_would_leave_a_system_odd():
    """c1ccccc1 has six atoms that want a double bond; with five, the ring may not be closed, nor end so."""
    texts = ("c1ccccc", "c1cccc", "c1cccc1", "C1CC")
    six, five, closed, plain = (LOOK.look(whole_state(text)).features.numpy()[0] for text in texts)
    last, ends = slice(-2 - RINGS, -2), -2
    assert six[last].tolist() == plain[last].tolist() == [0] * RINGS
    assert five[last].tolist() == [1] + [0] * (RINGS - 1)
    assert closed[ends] == 1 and six[ends] == five[ends] == plain[ends] == 0


@pytest.mark.parametrize(
    ("text", "free", "wants"),
    [
        ("C", 4, 0), ("CC", 3, 0), ("C=C", 2, 0), ("C#C", 1, 0), ("C(=O)", 2, 0), ("CN(C)", 1, 0), ("CO", 1, 0),
        ("CF", 0, 0), ("c1cc", 2, 1), ("c1cn", 2, 1), ("c1c[nH]", 1, 0), ("c1co", 1, 0), ("c1cn(C)", 1, 1),
        ("c1cn(C)c", 2, 1), ("c1cc(=O)", 1, 0), ("O=c", 2, 0),
    ],
)  # fmt: skip
def test_the_newest_atom(text, free, wants):
    after = state_after(text)
    assert (after["free"][0], after["wants"][0]) == (free, wants)


def test_a_nitrogen_wants_no_double_bond_once_it_has_three_neighbours():
    assert state_after("c1cn(C)")["wanting"][0] - state_after("c1cn(C)c")["wanting"][0] == 0


@pytest.mark.parametrize("text", ["C1CC1", "C1CCCCC1", "C1CC(CC)CCC1", "C(C1)(C)CCC1", "c1ccc2ccccc2c1"])
def test_rings_that_close_have_the_size_that_rdkit_finds(text):
    counts = whole_state(text)[-1].numpy()[0, len(SYMBOLS) :]
    mol = Chem.MolFromSmiles(text)  # without it its rings are gone
    sizes = sorted(len(ring) for ring in mol.GetRingInfo().AtomRings())
    if text == "c1ccc2ccccc2c1":  # along the text the outer ring is that of both
        assert counts[SIZES.tolist().index(6)] == counts[len(SIZES)] == 1
    elif text == "C(C1)(C)CCC1":  # it was opened in a branch: counted along the path that was written
        assert counts.sum() == 1
    else:
        assert [int(size) for size in SIZES for _ in range(int(counts[list(SIZES).index(size)]))] == sizes


def test_a_scaffold_is_part_of_the_molecule():
    ids = tf.constant(ids_of(TEXTS[:50]))
    whole, rest = LOOK.unroll(ids), LOOK.unroll(ids[:, 7:], ids[:, :7])
    for one, other in zip(whole, rest, strict=True):
        np.testing.assert_array_equal(one[:, 7:], other)


def test_features_are_of_the_size_of_1():
    features = LOOK.unroll(tf.constant(ids_of([*TEXTS[:200], *mangled(300, seed=1)]))).features.numpy()
    assert features.shape[2] == LOOK.width and np.isfinite(features).all() and np.abs(features).max() <= 12


def test_what_tokens_are():
    symbols = (
        smiles.END, "%10", "1", "B", "[N+]", "[nH]", "[n+]", "[O-]", "[C@@H]", "s", "[Fe]", "Br", "=", "/", ".", "*",
    )  # fmt: skip
    table = TokenTable(symbols, 3)
    kinds = {
        symbol: {name: value for name, value in zip(KINDS, row.tolist(), strict=True) if value}
        for symbol, row in zip(symbols, table.kinds, strict=True)
    }
    assert kinds == {
        smiles.END: {}, "%10": {}, "1": {}, "B": {"atom": 1, "free": 3}, "[N+]": {"atom": 1, "free": 4},
        "[nH]": {"atom": 1, "free": 2, "aromatic": 1, "yields": 1},
        "[n+]": {"atom": 1, "free": 3, "aromatic": 1, "wants": 1}, "[O-]": {"atom": 1, "free": 1},
        "[C@@H]": {"atom": 1, "free": 3}, "s": {"atom": 1, "free": 2, "aromatic": 1}, "[Fe]": {"atom": 1, "free": 4},
        "Br": {"atom": 1, "free": 1}, "=": {"order": 2}, "/": {"order": 1}, ".": {"dot": 1},
        "*": {"atom": 1, "free": 4},
    }  # fmt: skip
    rings = {symbol: row.tolist() for symbol, row in zip(symbols, table.rings, strict=True) if row.any()}
    assert rings == {"1": [1, 0, 0], "%10": [0, 1, 0]}
