"""What the shell offers for a value when the user presses Tab: names, without TensorFlow, in a fraction of a second."""

from __future__ import annotations

from collections.abc import Iterable

from click import Context, Parameter
from click.shell_completion import CompletionItem


def among(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """The names that complete what is there; where that is a list with commas, from its last item."""
    before = incomplete[: incomplete.rfind(",") + 1]
    return [CompletionItem(before + name) for name in names if (before + name).startswith(incomplete)]


def domains(ctx: Context, param: Parameter, incomplete: str) -> list[CompletionItem]:
    """Every installed domain."""
    from seqtutor.domains import domain_names

    return among(domain_names(), incomplete)


def configs(ctx: Context, param: Parameter, incomplete: str) -> list[CompletionItem]:
    """The presets that begin so; files in any case."""
    from seqtutor.config import presets

    return [*(among(presets(), incomplete) if incomplete else []), *_files(incomplete)]


def presets(ctx: Context, param: Parameter, incomplete: str) -> list[CompletionItem]:
    """The configs that come with seqtutor."""
    from seqtutor.config import presets

    return among(presets(), incomplete)


def data_sets(ctx: Context, param: Parameter, incomplete: str) -> list[CompletionItem]:
    """The data sets of every domain and the imported ones; else files."""
    from seqtutor.data import sources
    from seqtutor.domains import domain_class, domain_names

    known = [(*domain_class(domain).data_sets(), *sources.imported(domain)) for domain in domain_names()]
    return among(sorted({name for names in known for name in names}), incomplete) or _files(incomplete)


def rewards(ctx: Context, param: Parameter, incomplete: str) -> list[CompletionItem]:
    """The built-in rewards and components of every domain; else files."""
    from seqtutor.domains import domain_class, domain_names

    known = {name for domain in domain_names() for name in domain_class(domain).reward_names if "(" not in name}
    return among(sorted(known), incomplete) or _files(incomplete)


def metric_sets(ctx: Context, param: Parameter, incomplete: str) -> list[CompletionItem]:
    """The further statistics of every domain, and all."""
    from seqtutor.domains import domain_class, domain_names

    return among(["all", *sorted({name for of in domain_names() for name in domain_class(of).metric_sets})], incomplete)


def _files(incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]
