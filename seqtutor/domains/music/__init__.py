"""The melody domain: 32 sixteenths in C major / A minor, or as set, judged by the rules of music theory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from seqtutor.domains.base import LONGEST, DataSet, Domain, Writer
from seqtutor.domains.music import data_sets, data_summary, note_range, player, reader, render
from seqtutor.domains.music.html import figure
from seqtutor.domains.music.melody import Unusable, transposed
from seqtutor.domains.music.meter import Meter
from seqtutor.domains.music.playing import QUARTER, Playing
from seqtutor.domains.music.ratings import Ratings
from seqtutor.domains.music.reward import MUSIC_THEORY, REWARD_NAMES, MusicTheory
from seqtutor.domains.music.scale import Scale
from seqtutor.domains.music.similarity import nearest
from seqtutor.domains.music.statistics import METRIC_NOTES, MusicStatistics, encode, known
from seqtutor.domains.music.tokens import DEFAULT_LENGTH, FIRST_PITCH, NUM_TOKENS, SYMBOLS
from seqtutor.domains.neighbours import Neighbours
from seqtutor.domains.reward_terms import Term
from seqtutor.domains.rewards import Reward
from seqtutor.domains.statistics import MetricNote, Property, Statistics
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.errors import UserError, shown
from seqtutor.reading.records import Record, Rejected


class Music(Domain):
    """Melodies, one token a sixteenth note: see `tokens`. A text is symbols with spaces: "C4 hold hold off"."""

    name: ClassVar[str] = "music"
    defaults: ClassVar[Mapping[str, Any]] = {
        "length": DEFAULT_LENGTH, "key": "C", "mode": "major", "meter": "4/4", "range": "", "scale": ""
    }  # fmt: skip
    option_meanings: ClassVar[Mapping[str, str]] = {
        "length": "sixteenths of a composition",
        "key": "the tonic, of the reward and of the training data, such as D, F# or Bb",
        "mode": "major, minor, dorian, phrygian, lydian, mixolydian or locrian",
        "meter": "such as 4/4, 3/4 or 6/8; the reward knows by it how long a motif is and where the final note begins",
        "range": "the notes that are drawn, as G3-A5, or a voice or instrument; empty: all. Not of a prior's training",
        "scale": "the same by a scale, as pentatonic or D dorian",
    }
    preparation: ClassVar[tuple[str, ...] | None] = ("key", "mode")  # tunes are read whole, whatever the length
    fixed_vocabulary: ClassVar[Vocabulary | None] = Vocabulary(SYMBOLS)
    metric_notes: ClassVar[Mapping[str, MetricNote]] = METRIC_NOTES
    reward_names: ClassVar[tuple[str, ...]] = REWARD_NAMES
    default_reward: ClassVar[str] = MUSIC_THEORY

    def __init__(self, options: Mapping[str, Any] | None = None, vocabulary: Vocabulary | None = None):
        """See `Domain`. Raises UserError if `length` is not a positive whole number, or another option unknown."""
        super().__init__(options, vocabulary)
        self.scale = Scale.named(self.options["key"], self.options["mode"])
        self.meter = Meter.named(self.options["meter"])
        self.playing = Playing()
        self._asked: tuple[str, ...] = ()  # of how it is played
        self._allowed = note_range.allowed(self.options["range"], self.options["scale"], self.scale)
        length = self.options["length"]
        if type(length) is not int or not 1 <= length <= LONGEST:
            raise UserError(f"domain.length is {shown(length)}: give a number of sixteenths, 1 to {LONGEST}")

    @property
    def length(self) -> int:
        """T, the sixteenths of a composition."""
        return self.options["length"]

    @property
    def allowed(self) -> np.ndarray | None:
        """The notes of the options `range` and `scale`."""
        return self._allowed

    @property
    def out_of_reach(self) -> str:
        """See `note_range.out_of_reach`."""
        return note_range.out_of_reach(self.options["range"])

    def length_of_bars(self, bars: int) -> int:
        """The sixteenths of so many bars in the meter."""
        return bars * self.meter.bar

    def tokenize(self, text: str) -> list[str]:
        """The symbols of a text."""
        return text.split()

    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        """The text of tokens [t]."""
        return reader.as_text(tokens)

    def random_primers(self) -> np.ndarray:
        """Every pitch that is allowed, the highest included."""
        pitches = np.arange(FIRST_PITCH, NUM_TOKENS, dtype=np.int32)
        return pitches if self.allowed is None else pitches[self.allowed[FIRST_PITCH:]]

    def files(self, path: Path) -> list[Path]:
        """The melodies below a folder; of music21's corpus only the collections of tunes."""
        return reader.melody_files(path) if path.is_dir() else [path]

    def read(self, path: Path) -> Iterator[Record | Rejected]:
        """Melodies as they are, in their own key and octave, with the silence before the first note.

        One that goes beyond C3 to B5 is moved as a whole by octaves, which counts as dropped.
        """
        return reader.read(Path(path))

    def prepare(self, path: Path) -> Iterator[Record | Rejected]:
        """Melodies for training: in the notes of the scale, folded into range, from the first note to the last.

        So leading silence is dropped, of MIDI, ABC and MusicXML alike.

        They are moved to C major / A minor, where files of tokens are taken to be, and from there all alike.
        """
        return map(self._transposed, reader.read(Path(path), prepare=True))

    def trim_primer(self, tokens: list[int]) -> list[int]:
        """The tokens from the first note: the silence before it would be drawn, and what follows would be silent too.

        Raises ValueError if there is no note.
        """
        first = next((i for i, token in enumerate(tokens) if token >= FIRST_PITCH), None)
        if first is None:
            raise ValueError("only silence")
        return tokens[first:]

    @classmethod
    def data_sets(cls) -> dict[str, DataSet]:
        """The sample, and the tunes that come with music21."""
        return data_sets.data_sets()

    def reward(self, terms: Sequence[Term]) -> Reward:
        """The weighted sum of the rules of music theory."""
        return MusicTheory(terms, self.scale, self.meter)

    def reference(self, texts: Iterable[str]) -> np.ndarray:
        """See `statistics.encode`."""
        return encode(texts)

    def known(self, texts: Sequence[str], reference: np.ndarray) -> np.ndarray:
        """See `statistics.known`."""
        return known(texts, reference)

    def statistics(self, reference: np.ndarray | None, seed: int) -> Statistics:
        """The statistics of the paper's Table 1, and novelty and diversity."""
        return MusicStatistics(reference, seed, self.scale, self.meter)

    def nearest(self, texts: Sequence[str], reference: np.ndarray) -> Neighbours:
        """See `similarity.nearest`."""
        return nearest(texts, reference)

    def properties(self, texts: Sequence[str]) -> list[Property]:
        """See `data_summary.properties`."""
        return data_summary.properties(texts)

    def figures(self, texts: Sequence[str]) -> list[str]:
        """Piano rolls with their sound."""
        return [figure(text, self.meter) for text in texts]

    def writers(self) -> dict[str, Writer]:
        """MIDI, piano rolls, sound, ABC and MusicXML."""
        return render.writers(self.meter, self.scale, self.playing)

    def player(self, title: str, names: Sequence[str], texts: Sequence[str], reward: Reward) -> str:
        """See `player.page`."""
        melodies = [self.encode(text) for text in texts]
        return player.page(title, names, melodies, player.earned(melodies, reward), self.meter, self.playing)

    def ratings(self) -> Ratings:
        """See `ratings.Ratings`."""
        return Ratings(self.scale, self.meter, self.playing)

    def played(self, how: Mapping[str, Any]) -> Music:
        """A copy whose files are played so: see `playing.Playing`."""
        domain = copy(self)
        domain.playing, domain._asked = Playing.of(how), tuple(how)
        if domain.playing.swing != Playing.swing and self.meter.beat % QUARTER:
            raise UserError(f"swing is of quarters in two eighths, and {self.meter} has none; leave swing out")
        return domain

    def unsaid(self, kind: str) -> list[str]:
        """See `render.SAID`."""
        return [name for name in self._asked if name not in render.SAID.get(kind, ())]

    def _transposed(self, record: Record | Rejected) -> Record | Rejected:
        """A record from C major / A minor to the notes of the scale."""
        if self.scale.shift == 0 or isinstance(record, Rejected):
            return record
        try:
            return record._replace(text=self.decode(transposed(self.encode(record.text), self.scale.shift)))
        except Unusable as reason:
            return Rejected(record.name, str(reason))
