"""How melodies are rated: see `rating_page` for the page, `taste` for what is learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqtutor.domains import ratings
from seqtutor.domains.music import rating_page, taste
from seqtutor.domains.music.meter import Meter
from seqtutor.domains.music.playing import Playing
from seqtutor.domains.music.scale import Scale
from seqtutor.domains.rewards import Reward


@dataclass(frozen=True)
class Ratings(ratings.Ratings):
    """Of melodies in a scale and a meter, played so."""

    scale: Scale
    meter: Meter
    playing: Playing

    def page(self, title: str, pairs: Sequence[tuple[str, str]]) -> str:
        """See `rating_page.page`."""
        return rating_page.page(title, pairs, self.meter, self.playing)

    def features(self, tokens: np.ndarray, lengths: np.ndarray) -> dict[str, np.ndarray]:
        """See `taste.features`."""
        return taste.features(tokens, lengths, self.scale, self.meter)

    def reward(self, weights: Mapping[str, float]) -> Reward:
        """See `taste.Taste`."""
        return taste.Taste(weights, self.scale, self.meter)
