"""Dealing rows or groups to parts so that every class and label is spread as the parts are."""

import numpy as np

from automl_nn.data.parting.strata import Integers, Reals, Strata
from automl_nn.errors import SplitError

_ATTEMPTS = 10


def deal_rows(strata: Strata, shares: Reals, *, min_positives: int, rng: np.random.Generator) -> Integers:
    """Deal rows to parts, the rarest stratum first.

    Rows of one stratum are ordered by all of their labels and dealt out evenly, so that labels that occur together are
    spread together; what rounding gives a part too much in one stratum it gets less of in the next one.

    Args:
        strata: The classes to spread.
        shares: Share of the rows in each part, summing to 1.
        min_positives: Rows that every part must hold of every stratum.
        rng: Source of the order of the rows.

    Returns:
        The part of each row.

    Raises:
        SplitError: A stratum has too few rows.

    Source:
        Sechidis et al. (2011), On the stratification of multi-label data, Alg. 1; here a whole stratum
        is dealt at once.

    Example:
        >>> strata = Strata.of(np.array([0, 0, 0, 0, 1, 1]))
        >>> part = deal_rows(strata, np.array([0.5, 0.5]), min_positives=1, rng=np.random.default_rng(0))
        >>> strata.spread(part, 2).tolist()
        [[2, 2], [1, 1]]
    """
    _refuse_rare(strata.counts, strata, n_needed=len(shares) * min_positives, what="row")
    for _ in range(_ATTEMPTS):
        part = _deal_rows_once(strata, shares, min_positives, rng)
        if _suffices(strata, part, len(shares), min_positives):
            return part
    raise _unlucky(strata, part, len(shares), min_positives)


def _deal_rows_once(strata: Strata, shares: Reals, min_positives: int, rng: np.random.Generator) -> Integers:
    part = np.full(len(strata.codes), -1, dtype=np.int64)
    signature = strata.codes @ rng.random(strata.codes.shape[1])
    carried = np.zeros(len(shares))
    for stratum in [*np.argsort(strata.counts, kind="stable"), None]:
        inside = np.ones(len(part), dtype=bool) if stratum is None else (strata.codes == stratum).any(axis=1)
        dealt = np.bincount(part[inside & (part >= 0)], minlength=len(shares))
        rows = rng.permutation(np.flatnonzero(inside & (part < 0)))
        wish = shares * inside.sum() - dealt
        least = np.maximum((0 if stratum is None else min_positives) - dealt, 0)
        counts = _allot(len(rows), wish, least=least, carried=carried)
        carried += shares * len(rows) - counts
        part[rows[np.argsort(signature[rows], kind="stable")]] = _interleave(counts, rng)
    return part


def _allot(n_rows: int, wish: Reals, *, least: Integers, carried: Reals) -> Integers:
    """Whole numbers that sum to `n_rows`, near `wish` and, where that is possible, not under `least`."""
    base = least.astype(np.float64) if least.sum() <= n_rows else np.zeros(len(least))
    spare = np.maximum(wish, least) - base
    if spare.sum() <= 0:
        spare = np.ones(len(wish))
    ideal = base + spare * (n_rows - base.sum()) / spare.sum()
    counts: Integers = np.floor(ideal + 1e-9).astype(np.int64)
    most_due = np.argsort(-(ideal - counts + carried), kind="stable")
    counts[most_due[: n_rows - counts.sum()]] += 1
    return counts


def _interleave(counts: Integers, rng: np.random.Generator) -> Integers:
    """A sequence of parts in which each one comes as often as it should and in even distances."""
    places = [(np.arange(count) + rng.random()) / max(count, 1) for count in counts]
    return np.repeat(np.arange(len(counts)), counts)[np.argsort(np.concatenate(places), kind="stable")]


def deal_groups(
    groups: Integers, strata: Strata, *, shares: Reals, min_positives: int, rng: np.random.Generator
) -> Integers:
    """Deal whole groups to parts, the rarest stratum first and large groups before small ones.

    Each part gets large groups and small ones as its share is: a part of nothing but the smallest groups, or of those
    that hold the fewest positives, would not tell what to expect of the others.

    Args:
        groups: Number of each row's group, from 0 without holes.
        strata: The classes to spread.
        shares: Share of the rows in each part, summing to 1.
        min_positives: Rows that every part must hold of every stratum.
        rng: Source of the order of equal groups.

    Returns:
        The part of each row.

    Raises:
        SplitError: There are too few groups, or too few of them hold a stratum.

    Example:
        >>> groups = np.array([0, 0, 1, 1, 2, 2])
        >>> halves = np.array([2, 1]) / 3
        >>> rng = np.random.default_rng(0)
        >>> np.bincount(deal_groups(groups, Strata.none(6), shares=halves, min_positives=1, rng=rng)).tolist()
        [4, 2]
    """
    sizes = _sizes(groups, strata)
    if len(sizes) < len(shares):
        raise SplitError(
            f"{len(shares)} parts need as many groups, but the rows are of {_counted(len(sizes), 'group')}: "
            f"add {_counted(len(shares) - len(sizes), 'group')}, or ask for fewer parts."
        )
    _refuse_rare((sizes[:, :-1] > 0).sum(axis=0), strata, n_needed=len(shares) * (min_positives > 0), what="group")
    _refuse_rare(strata.counts, strata, n_needed=len(shares) * min_positives, what="row")
    for attempt in range(_ATTEMPTS):
        least_use = 0.5 if attempt % 2 == 0 else -np.inf
        part = _deal_groups_once(sizes, shares, least_use, rng)[groups]
        if len(np.unique(part)) == len(shares) and _suffices(strata, part, len(shares), min_positives):
            return part
    raise _unlucky(strata, part, len(shares), min_positives)


def _sizes(groups: Integers, strata: Strata) -> Integers:
    """Rows of every group in every stratum, and in all, (n_groups, n_strata + 1)."""
    n_groups, n_strata = int(groups.max()) + 1, len(strata.names)
    flat = (groups[:, None] * n_strata + strata.codes)[strata.codes >= 0]
    in_strata = np.bincount(flat, minlength=n_groups * n_strata).reshape(n_groups, n_strata)
    return np.column_stack([in_strata, np.bincount(groups)])


def _deal_groups_once(sizes: Integers, shares: Reals, least_use: float, rng: np.random.Generator) -> Integers:
    part = np.full(len(sizes), -1, dtype=np.int64)
    room = shares[:, None] * sizes.sum(axis=0)
    for stratum in np.argsort(sizes.sum(axis=0), kind="stable"):
        pending = rng.permutation(np.flatnonzero((part < 0) & (sizes[:, stratum] > 0)))
        pending = pending[np.argsort(-sizes[pending, stratum], kind="stable")]
        part[pending] = _fill(sizes[pending, stratum], room[:, stratum], shares, least_use)
        np.subtract.at(room, part[pending], sizes[pending])
    return part


def _fill(sizes: Integers, room: Reals, shares: Reals, least_use: float) -> list[int]:
    """The part of each group: the one that lacks most of its share, of those with room for so much of the group.

    With room for less than half of it, a part would be further from its share with the group than without it.
    """
    left, weights = room.tolist(), (1 / shares).tolist()
    parts = []
    for size in sizes.tolist():
        some = [part for part, space in enumerate(left) if space > least_use * size]
        lacks = [left[part] * weights[part] for part in some]
        part = some[lacks.index(max(lacks))] if some else left.index(max(left))
        left[part] -= size
        parts.append(part)
    return parts


def suffices_or_refuse(strata: Strata, part: Integers, *, n_parts: int, min_positives: int) -> None:
    """Check parts that were not dealt but given.

    Raises:
        SplitError: A part holds fewer than `min_positives` rows of a stratum.
    """
    if not _suffices(strata, part, n_parts, min_positives):
        raise _unlucky(strata, part, n_parts, min_positives)


def _suffices(strata: Strata, part: Integers, n_parts: int, min_positives: int) -> bool:
    return bool((strata.spread(part, n_parts) >= min_positives).all())


def _refuse_rare(counts: Integers, strata: Strata, *, n_needed: int, what: str) -> None:
    if len(counts) and counts.min() < n_needed:
        stratum = int(counts.argmin())
        raise SplitError(
            f"{strata.names[stratum]} is in {_counted(counts[stratum], what)}, but the parts asked for need "
            f"{n_needed}: add {_counted(n_needed - counts[stratum], what)} of it, merge it with another class, or ask "
            "for fewer parts or fewer rows of it in each."
        )


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _unlucky(strata: Strata, part: Integers, n_parts: int, min_positives: int) -> SplitError:
    spread = strata.spread(part, n_parts)
    if not len(spread):
        return SplitError(f"The groups cannot be dealt to {n_parts} parts: add groups or ask for fewer parts.")
    stratum, poorest = np.unravel_index(spread.argmin(), spread.shape)
    n_rows = int(spread[stratum, poorest])
    return SplitError(
        f"A part gets {_counted(n_rows, 'row')} of {strata.names[int(stratum)]}, but needs {min_positives}: "
        f"add {_counted(min_positives - n_rows, 'row')} of it, or ask for other parts or fewer rows of it in each."
    )
