"""What every domain must hold, as a check to run on a domain of one's own: `check_domain`.

The rest of seqtutor relies on these rules and does not test them. A reward after a sequence's end, say, would change
the objective without a word.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from seqtutor.domains.base import Domain
from seqtutor.domains.lookahead import Lookahead
from seqtutor.domains.reward_spec import make_reward
from seqtutor.domains.rewards import Reward
from seqtutor.errors import UserError, shown

Result = TypeVar("Result")

ROWS = 64  # random sequences that rewards and statistics are tried on
SEED = 0
TOLERANCE = 1e-6  # of statistics in float64, whose sums depend on the order


def check_domain(domain: Domain, texts: Sequence[str]) -> None:
    """Checks a domain on some of its texts, and on sequences of random tokens.

    Checked are: texts become tokens and texts again; every row of tokens has a text; the default reward is finite,
    float32 [N, T], 0 after a sequence's end, and depends on nothing but the sequence; its shares sum to it; growing
    prefixes earn the same; no reward exceeds its bound; state comes back; statistics do not depend on the batches.

    Args:
      domain: without a vocabulary it is given that of the texts.
      texts: as `prepare` gives them; at least one.
    Raises UserError that says which rule is broken, and by what.
    """
    if not texts:
        raise UserError("check_domain needs texts; give some that the domain's `prepare` yields")
    if domain.fixed_vocabulary is None:
        domain = domain.with_vocabulary(symbol for text in texts for symbol in domain.tokenize(text))
    rule = _Rules(domain.name)
    _check_vocabulary(domain, rule)
    for text in texts:
        _check_text(domain, text, rule)
    tokens, lengths = _random_sequences(domain)
    _check_tokens(domain, tokens, lengths, rule)
    with make_reward(domain, domain.default_reward) as reward:
        _check_reward(reward, tokens, lengths, domain.vocabulary.pad, rule)
        _check_prefix(reward, tokens, lengths, rule)
        for look in (reward.lookahead(tokens.shape[1], 1.0), domain.lookahead()):
            if look is not None:
                _check_lookahead(look, tokens, domain.vocabulary.size, rule)
    _check_statistics(domain, tokens, lengths, rule)


class _Rules:
    """Says which rule of a domain is broken."""

    def __init__(self, name: str):
        self._name = name

    def __call__(self, holds: bool, broken: str) -> None:
        """Raises UserError if a rule does not hold. Args: broken: what is wrong, as the end of a sentence."""
        if not holds:
            raise UserError(f"domain '{self._name}' breaks a rule: {broken}")

    def call(self, what: str, function: Callable[[], Result]) -> Result:
        """The result of a function that must not fail."""
        try:
            return function()
        except Exception as error:
            raise UserError(
                f"domain '{self._name}' breaks a rule: {what} raises {type(error).__name__}: {error}"
            ) from error


def _check_vocabulary(domain: Domain, rule: _Rules) -> None:
    vocabulary = domain.vocabulary
    rule(vocabulary.size >= 2, "its vocabulary has fewer than two symbols")
    ended, symbol = vocabulary.end is not None, domain.end_symbol
    rule(ended == (symbol is not None), "its vocabulary has an end token just if it has an end_symbol")
    if vocabulary.end is not None:
        rule(vocabulary.symbols[vocabulary.end] == symbol, f"the end token is not the end_symbol {symbol!r}")
    allowed = domain.allowed
    if allowed is not None:
        shape = isinstance(allowed, np.ndarray) and allowed.shape == (vocabulary.size,) and allowed.dtype == bool
        rule(shape, "allowed is not an array bool [A]")
        rule(bool(allowed.any()), "no token is allowed")
        rule(vocabulary.end is None or bool(allowed[vocabulary.end]), "the end token is not allowed")
    rule(isinstance(domain.length, int) and domain.length >= 1, f"length is {domain.length!r}, not a number of tokens")
    rule(bool(domain.default_reward), "it has no default_reward")


def _check_text(domain: Domain, text: str, rule: _Rules) -> None:
    """Encoded, decoded and encoded again a text gives the same tokens; its own spelling may change once."""
    of = shown(text)
    tokens = np.asarray(rule.call(f"encode({of})", lambda: domain.encode(text)))
    rule(tokens.ndim == 1 and tokens.dtype == np.int32, f"encode({of}) is not a row of int32")
    rule(
        bool(np.all((tokens >= 0) & (tokens < domain.vocabulary.size))), f"encode({of}) has ids outside the vocabulary"
    )
    end = domain.vocabulary.end
    if end is not None:
        rule(len(tokens) > 0 and tokens[-1] == end, f"encode({of}) does not end with the end token")
        rule(end not in tokens[:-1], f"encode({of}) has the end token before its end")
    decoded = rule.call(f"decode(encode({of}))", lambda: domain.decode(tokens))
    rule(isinstance(decoded, str), f"decode(encode({of})) is not a text")
    again = np.asarray(rule.call(f"encode({shown(decoded)})", lambda: domain.encode(str(decoded))))
    rule(np.array_equal(again, tokens), f"encode(decode(tokens)) are other tokens than those of {of}")
    if end is not None:
        rule(domain.decode(tokens[:-1]) == decoded, f"decode gives another text of {of} without its end token")


def _random_sequences(domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """Tokens int32 [ROWS, T] and lengths int32 [ROWS], as an untrained network draws them; half of them are short."""
    rng, vocabulary = np.random.default_rng(SEED), domain.vocabulary
    length = min(domain.length, 200)
    if vocabulary.end is None:
        tokens = rng.integers(0, vocabulary.size, (ROWS, length))
        return tokens.astype(np.int32), np.full(ROWS, length, np.int32)
    others = np.delete(np.arange(vocabulary.size), vocabulary.end)
    tokens = rng.choice(others, (ROWS, length))
    lengths = rng.integers(1, length + 1, ROWS)
    lengths[: ROWS // 4] = length
    places = np.arange(length)
    stopped = rng.random(ROWS) < 0.75  # the rest reach the longest length without an end
    stopped |= lengths < length
    ends = (places == lengths[:, None] - 1) & stopped[:, None]
    tokens = np.where(ends | (places >= lengths[:, None]), vocabulary.end, tokens)
    return tokens.astype(np.int32), lengths.astype(np.int32)


def _check_tokens(domain: Domain, tokens: np.ndarray, lengths: np.ndarray, rule: _Rules) -> None:
    """Every row that can be drawn has a text, and what is asked of many comes for each."""
    for padded, length in zip(tokens, lengths, strict=True):
        row = padded[:length]
        of = f"decode({row.tolist()})"
        rule(isinstance(rule.call(of, partial(domain.decode, row)), str), f"{of} is not a text")
    identities = rule.call("identities", lambda: domain.identities(tokens, lengths))
    rule(len(identities) == len(tokens), "identities are not one a sequence")
    valid = rule.call("valid", lambda: domain.valid(tokens, lengths))
    good = valid is None or (np.asarray(valid).shape == (len(tokens),) and np.asarray(valid).dtype == bool)
    rule(good, "valid is not an array bool [N]")


def _check_reward(reward: Reward, tokens: np.ndarray, lengths: np.ndarray, pad: int, rule: _Rules) -> None:
    state = reward.state()
    scored = reward(tokens, lengths)
    total = scored.total
    rule(
        total.shape == tokens.shape and total.dtype == np.float32,
        f"rewards are {total.dtype} {total.shape}, not [N, T]",
    )
    rule(bool(np.isfinite(total).all()), "a reward is not finite")
    after = np.arange(tokens.shape[1]) >= lengths[:, None]
    rule(not total[after].any(), "a reward after a sequence's end is not 0")
    rule(tuple(scored.components) == tuple(reward.names), "the components of a reward are not its names, in order")
    shapes = {values.shape for values in scored.components.values()}
    rule(shapes <= {tokens.shape}, "a component of the reward is not [N, T]")
    if reward.on_last_token:
        last = np.arange(tokens.shape[1]) == lengths[:, None] - 1
        rule(not total[~last].any(), "the reward says on_last_token, and rewards another token")
    bound = reward.most(tokens.shape[1])
    rule(
        bound is None or float(total.sum(axis=1).max()) <= bound + 1e-4, f"a reward is above its bound, most = {bound}"
    )
    reward.restore(state)
    rule(np.array_equal(reward(tokens, lengths).total, total), "a reward differs in a second call, its state restored")
    if reward.has_history:
        return
    parts = sum(reward.shares(tokens, lengths).values())
    rule(np.allclose(parts, total, rtol=1e-4, atol=1e-4), "the shares of a reward do not sum to its total")
    rule(np.array_equal(reward(tokens[:1], lengths[:1]).total, total[:1]), "a reward depends on the rest of the batch")
    wider = np.concatenate([tokens, np.full((len(tokens), 3), pad, np.int32)], axis=1)
    widened = reward(wider, lengths).total
    same = np.array_equal(widened[:, : tokens.shape[1]], total) and not widened[:, tokens.shape[1] :].any()
    rule(same, "a reward depends on the padding after a sequence's end")


def _check_prefix(reward: Reward, tokens: np.ndarray, lengths: np.ndarray, rule: _Rules) -> None:
    """Growing prefixes earn the columns of the total, also after some were left out and others copied."""
    prefix = reward.prefix(*tokens.shape)
    if prefix is None:
        return
    total, length = reward(tokens, lengths).total, tokens.shape[1]
    order = np.random.default_rng(SEED).integers(0, len(tokens), len(tokens))
    for t in range(length):
        if t == length // 2:
            prefix.select(order)
            tokens, lengths, total = tokens[order], lengths[order], total[order]
        earned, alive = prefix.step(tokens[:, t]), lengths > t
        rule(
            np.array_equal(earned[alive], total[alive, t]), f"a prefix earns another reward than token {t} of the whole"
        )


def _check_lookahead(look: Lookahead, tokens: np.ndarray, actions: int, rule: _Rules) -> None:
    """What is known of the next token has the shapes that networks are built for."""
    rewards, features = rule.call("lookahead.unroll", lambda: look.unroll(tokens))
    rule(rewards.shape == (*tokens.shape, actions), "the rewards of a lookahead are not [B, A]")
    rule(features.shape == (*tokens.shape, look.width), "the features of a lookahead are not [B, F], F its width")
    rule(all(np.isfinite(part).all() for part in (rewards, features)), "a lookahead gives what is not finite")


def _check_statistics(domain: Domain, tokens: np.ndarray, lengths: np.ndarray, rule: _Rules) -> None:
    """The statistics of all sequences at once are those of two batches, one after the other."""
    found = []
    for parts in ((slice(None),), (slice(0, ROWS // 3), slice(ROWS // 3, None))):
        statistics = domain.statistics(None, SEED)
        try:
            for part in parts:
                rule.call("statistics", partial(statistics.update, tokens[part], lengths[part]))
            found.append(statistics.result())
        finally:
            statistics.close()
    whole, halves = found
    rule(list(whole) == list(halves), "the names of statistics depend on the batches")
    for name, estimate in whole.items():
        other = halves[name].value
        near = math.isclose(estimate.value, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        rule(near or (math.isnan(estimate.value) and math.isnan(other)), f"statistic {name} depends on the batches")
