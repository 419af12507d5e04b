"""Looks one token ahead in SMILES: what grammar and valence say of a molecule that is being written.

Whether a SMILES is a molecule is decided by things far apart: rings and branches that are still open, the bonds an atom
has left, and whether the double bonds of an aromatic system can be placed. A small network forgets them; here they are
counted token by token, as TensorFlow operations. What is a molecule RDKit alone says in the end.

No token is forbidden or made less likely for it. A molecule is mostly lost long before the token that makes it invalid
for sure; to turn away from that token alone costs KL divergence, and seldom gives a valid molecule.

The double bonds of an aromatic system can be placed (Kekulé) only if an even number of its atoms want one: `c` does,
unless it has one to an atom outside; so does `n`, unless it has a hydrogen or three neighbours; `o` and `s` do not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from seqtutor.domains.lookahead import Lookahead, Seen, State
from seqtutor.domains.molecules.grammar import KINDS, TokenTable
from seqtutor.domains.vocabulary import Vocabulary

DEPTH, RINGS, SYSTEMS = 8, 8, 8  # branches inside one another, ring closures and aromatic systems that are followed
SIZES = np.arange(1, 8)  # atoms of a ring; larger ones are one kind more
FREE = np.arange(4)  # bonds that an atom has left
LEFT = np.arange(1, 17)  # tokens before the length limit, that are counted one by one
MANY = 5.0  # how counts of tokens come to the size of 1
# `order`: of the bond that was written before its atom; `fresh`: a branch has begun, without an atom yet; `over`: atoms
# with more bonds than they have to give.
NUMBERS = ("count", "depth", "order", "fresh", "begun", "systems", "over")
# Of an atom: the bonds left; whether it is aromatic, wants a double bond, and no longer does with its last bond; along
# the path from the first atom to it: atoms, those that want a double bond, those that are not aromatic; its system.
PARTS = ("free", "aromatic", "wants", "yields", "atoms", "wanting", "plain", "system")
# Of an open ring: of the path before the atom where it was opened, and the system of that atom.
RING = ("open", "atoms", "wanting", "plain", "system")

Parts = dict[str, tf.Tensor]  # float32 [B, 1] each


class MoleculeLookahead(Lookahead):
    """What is open, wanted and left in molecules as they grow. What a token earns is not known before the last one.

    The state of molecules [B, ...] has six parts: NUMBERS; PARTS of the newest atom; PARTS of the atoms where the open
    branches began; RING of each ring closure; how many atoms of each aromatic system want a double bond; how often
    each token stands, and how many rings of each of SIZES and of larger ones were closed.
    """

    reads_primers = True

    def __init__(self, vocabulary: Vocabulary, length: int):
        """Args: vocabulary: of SMILES; length: T, the most tokens of a molecule."""
        self._table, self._actions, self._length = TokenTable(vocabulary.symbols, RINGS), vocabulary.size, length
        counted = vocabulary.size + len(SIZES) + 1
        self.sizes = (len(NUMBERS), len(PARTS), DEPTH * len(PARTS), RINGS * len(RING), SYSTEMS, counted)
        self.width = self.look(self.initial_state(1)).features.shape[1]

    def advance(self, tokens: tf.Tensor, state: State) -> State:
        """See `Lookahead`."""
        numbers, newest, branches, rings, systems, counts = state
        branches = tf.reshape(branches, [-1, DEPTH, len(PARTS)])
        rings = tf.reshape(rings, [-1, RINGS, len(RING)])
        now, token = _named(numbers, NUMBERS), _named(tf.gather(self._table.kinds, tokens), KINDS)
        digit = tf.gather(self._table.rings, tokens)
        is_ring = tf.reduce_sum(digit, axis=1, keepdims=True)
        depth = tf.cast(now["depth"][:, 0], tf.int32)
        at_end, behind = (tf.one_hot(at, DEPTH)[..., None] for at in (depth, depth - 1))

        bonded, lost = _bonded(_named(newest, PARTS), now["order"])
        touched = (token["atom"] + is_ring) * now["begun"]
        system = _one_hot(bonded["system"], SYSTEMS)
        before = tf.where(touched > 0, _joined(bonded, PARTS), newest)
        # The first bond of a branch is one of the atom where it began, too.
        branches = tf.where(behind * (now["fresh"] * token["atom"])[..., None] > 0, before[:, None], branches)
        grown, count = _grown(token, _named(before, PARTS), now)
        after = tf.where(token["atom"] > 0, _joined(grown, PARTS), before)
        after = tf.where(token["close"] > 0, tf.reduce_sum(branches * behind, axis=1), after)
        systems += _one_hot(grown["system"], SYSTEMS) * grown["wants"] * token["atom"] - system * lost * touched
        over = tf.cast((before[:, :1] < 0) & (touched > 0) | (after[:, :1] < 0) & (token["atom"] > 0), tf.float32)
        is_bond = tf.cast(token["order"] > 0, tf.float32)
        numbers = {
            "count": now["count"] + 1,
            "depth": tf.clip_by_value(now["depth"] + token["open"] - token["close"], 0.0, float(DEPTH)),
            "order": token["order"], "fresh": tf.maximum(token["open"], now["fresh"] * is_bond),
            "begun": tf.maximum(token["atom"], now["begun"] * (1 - token["dot"])),
            "systems": count, "over": tf.maximum(now["over"], over),
        }  # fmt: skip
        flat = (_joined(numbers, NUMBERS), after)
        branches = tf.where(at_end * token["open"][..., None] > 0, after[:, None], branches)
        counts += tf.concat([tf.one_hot(tokens, self._actions), _closed(rings, digit, before)], axis=1)
        after_rings = _rings_after(rings, digit, _named(before, PARTS))
        return *flat, _flat(branches), _flat(after_rings), systems, counts

    def look(self, state: State) -> Seen:
        """See `Lookahead`."""
        numbers, newest, branches, rings, systems, counts = state
        now, atom = _named(numbers, NUMBERS), _named(newest, PARTS)
        rings = tf.reshape(rings, [-1, RINGS, len(RING)])
        top = _one_hot(now["depth"] - 1, DEPTH)[..., None]
        behind = _named(tf.reduce_sum(tf.reshape(branches, [-1, DEPTH, len(PARTS)]) * top, axis=1), PARTS)
        opened = tf.reduce_sum(rings[..., 0], axis=1, keepdims=True)
        odd = _odd(systems)
        flags = [
            now["count"] == 0, now["fresh"] > 0, now["depth"] == np.arange(5), opened == np.arange(5),
            now["order"] == np.arange(4), self._length - now["count"] == LEFT,
        ]  # fmt: skip
        features = [
            tf.cast(tf.concat(flags, axis=1), tf.float32), now["count"] / self._length, now["begun"], now["over"],
            counts / MANY, *_of_atom(atom, odd), *_of_atom(behind, odd), *_of_rings(rings, atom),
            *_of_system(rings, atom, systems), tf.minimum(tf.reduce_sum(odd, axis=1, keepdims=True), 3.0),
        ]  # fmt: skip
        return Seen(tf.zeros([tf.shape(numbers)[0], self._actions]), tf.concat(features, axis=1))


def _bonded(atom: Parts, order: tf.Tensor) -> tuple[Parts, tf.Tensor]:
    """An atom with one more bond, of the order that was written, 0 for none; and 1 where it no longer wants a double
    bond.
    """
    free = atom["free"] - tf.where(atom["aromatic"] > 0, 1.0, tf.maximum(order, 1.0))
    wants = atom["wants"] * _still(atom, order, free)
    lost = atom["wants"] - wants
    return atom | {"free": free, "wants": wants, "wanting": atom["wanting"] - lost}, lost


def _still(atom: Parts, order: tf.Tensor, free: tf.Tensor) -> tf.Tensor:
    """Whether an atom still wants a double bond, after a bond of an order that leaves it `free` bonds."""
    outside = atom["aromatic"] * tf.cast(order == 2, tf.float32)
    return (1 - outside) * (1 - atom["yields"] * tf.cast(free <= 0, tf.float32))


def _grown(token: Parts, before: Parts, now: Parts) -> tuple[Parts, tf.Tensor]:
    """The atom of a token, bonded to the one before it, and how many aromatic systems there are then."""
    aromatic, begun = token["aromatic"], now["begun"]
    free = token["free"] - begun * tf.where(aromatic > 0, 1.0, tf.maximum(now["order"], 1.0))
    wants = token["wants"] * _still(token, begun * now["order"], free)
    joined = aromatic * before["aromatic"] * begun * tf.cast(now["order"] == 0, tf.float32)
    count = tf.minimum(now["systems"] + aromatic * (1 - joined), SYSTEMS - 1.0)
    path = {name: begun * before[name] for name in ("atoms", "wanting", "plain")}
    return {
        "free": free, "aromatic": aromatic, "wants": wants, "yields": token["yields"], "atoms": path["atoms"] + 1,
        "wanting": path["wanting"] + wants, "plain": path["plain"] + 1 - aromatic,
        "system": aromatic * tf.where(joined > 0, before["system"], count),
    }, count  # fmt: skip


def _rings_after(rings: tf.Tensor, digit: tf.Tensor, atom: Parts) -> tf.Tensor:
    """The ring closures [B, R, 5] after a token that opens or closes one, digit [B, R], or none."""
    path = [atom["atoms"] - 1, atom["wanting"] - atom["wants"], atom["plain"] - 1 + atom["aromatic"], atom["system"]]
    opened = tf.concat([tf.ones_like(path[0]), *path], axis=1)[:, None] * (1 - rings[..., :1])
    return tf.where(digit[..., None] > 0, opened, rings)


def _closed(rings: tf.Tensor, digit: tf.Tensor, atom: tf.Tensor) -> tf.Tensor:
    """Which of SIZES the ring has that a token closes at an atom [B, 8], or a larger one, [B, 8]; 0 for none."""
    closes = digit * rings[..., 0]
    size = tf.reduce_sum(closes * (atom[:, PARTS.index("atoms"), None] - rings[..., 1]), axis=1, keepdims=True)
    return tf.cast(tf.concat([size == SIZES, size > SIZES[-1]], axis=1), tf.float32)


def _of_atom(atom: Parts, odd: tf.Tensor) -> list[tf.Tensor]:
    """Features of an atom: bonds left, its kind, and whether an odd number of its system want a double bond."""
    system = tf.reduce_sum(_one_hot(atom["system"], SYSTEMS) * odd, axis=1, keepdims=True)
    return [tf.cast(atom["free"] == FREE, tf.float32), atom["aromatic"], atom["wants"], atom["yields"], system]


def _of_rings(rings: tf.Tensor, atom: Parts) -> list[tf.Tensor]:
    """Features of each ring: whether it is open; then its size and kind, were it closed at the newest atom."""
    is_open, atoms, wanting, plain, _ = tf.unstack(rings, axis=2)
    size = (atom["atoms"] - atoms) * is_open
    aromatic = tf.cast(atom["plain"] == plain, tf.float32) * is_open
    odd = _odd(atom["wanting"] - wanting) * aromatic
    sizes = tf.cast(size[..., None] == SIZES, tf.float32)
    return [is_open, _flat(sizes), tf.minimum(size / 10, 2.0), aromatic, odd]


def _of_system(rings: tf.Tensor, atom: Parts, systems: tf.Tensor) -> list[tf.Tensor]:
    """Features of the newest atom's aromatic system, where an odd number of its atoms want a double bond: the ring
    closures that would close the last of its rings so, and whether all are closed.
    """
    same = tf.cast(rings[..., 4] == atom["system"], tf.float32) * rings[..., 0] * atom["aromatic"]
    count = tf.reduce_sum(same, axis=1, keepdims=True)
    wanting = tf.reduce_sum(_one_hot(atom["system"], SYSTEMS) * systems, axis=1, keepdims=True)
    _, lost = _bonded(atom, tf.zeros_like(wanting))
    last = same * tf.cast(count == 1, tf.float32) * _odd(wanting - lost)
    return [last, tf.cast(count == 0, tf.float32) * atom["aromatic"] * _odd(wanting)]


def _odd(numbers: tf.Tensor) -> tf.Tensor:
    return numbers - 2 * tf.floor(numbers / 2)


def _one_hot(column: tf.Tensor, size: int) -> tf.Tensor:
    return tf.one_hot(tf.cast(column[:, 0], tf.int32), size)


def _named(array: tf.Tensor, names: Sequence[str]) -> Parts:
    return dict(zip(names, tf.split(array, len(names), axis=1), strict=True))


def _joined(parts: Parts, names: Sequence[str]) -> tf.Tensor:
    return tf.concat([parts[name] for name in names], axis=1)


def _flat(array: tf.Tensor) -> tf.Tensor:
    return tf.reshape(array, [tf.shape(array)[0], array.shape[1] * array.shape[2]])
