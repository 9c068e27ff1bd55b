"""How much of a search's time goes into the refit of what it has chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from automl_nn.search.problems.problem import Problem
from automl_nn.search.refit.networks import Again

SHARE = 0.4
"""Share of the time that a search keeps back for the refit, until it is known what that takes."""

SPARE = 1 / 5
"""A search goes on if it has kept back more than is needed by at least this share of all its time."""

MOST_ROWS, LEAST_SHARE = 300_000, 0.1
"""With more rows, or with a smaller share of them that choose, those that choose would teach little that is new."""

SLOWER = 1.35
"""So many times as long as in the search an epoch may take: it has more rows, and stacks are smaller."""

START_SECONDS = 5.0
"""What it takes to start another process."""

N_NETWORKS = 4
"""Networks that are trained again in all, at least, if there is time: of four or more trials it is one of each."""


def is_worthwhile(problem: Problem) -> bool:
    """Whether a search with a time limit trains what it has chosen again, without being asked for it.

    Where several folds choose, each row has trained most of the networks already. Two embeddings that were trained
    apart have nothing in common, so that those of known rows would have to be made anew.

    Args:
        problem: What is given.
    """
    n_train, n_val = len(problem.split.train), len(problem.split.val)
    is_one_split, n_rows = not problem.split.folds, n_train + n_val
    return is_one_split and n_rows <= MOST_ROWS and n_val >= LEAST_SHARE * n_rows and problem.task.family != "embedding"


def seeds_of_each(n_trials: int) -> int:
    """Networks of each of so many trials, if there is time enough."""
    return -(-N_NETWORKS // max(1, n_trials))


@final
@dataclass(frozen=True)
class RefitPlan:
    """What is trained again.

    Args:
        trials: The trials.
        n_seeds: Networks of each of them.
        seconds: About how long it takes.
        n_chosen: Trials that would be, if there were time.
    """

    trials: Sequence[Again]
    n_seeds: int
    seconds: float
    n_chosen: int

    @staticmethod
    def within(seconds: float, trials: Sequence[Again], *, n_workers: int) -> "RefitPlan":
        """As many of the trials as there is time for, the first ones first; one network of each, if time is short.

        Args:
            seconds: The time.
            trials: The trials that were chosen.
            n_workers: Processes that train.

        Example:
            >>> trials = [Again(i, {}, 0, 5, seconds=seconds) for i, seconds in enumerate((3.0, 10.0, 1.0))]
            >>> plan = RefitPlan.within(8.0, trials, n_workers=1)
            >>> [trial.run_id for trial in plan.trials], plan.n_seeds, round(plan.seconds, 1)
            ([0, 2], 1, 5.4)
        """
        for n_seeds in (seeds_of_each(len(trials)), 1):
            taken: list[Again] = []
            for trial in trials:
                if _seconds_of([*taken, trial], n_seeds=n_seeds, n_workers=n_workers) <= seconds:
                    taken.append(trial)
            if len(taken) == len(trials):
                break
        needed = _seconds_of(taken, n_seeds=n_seeds, n_workers=n_workers) if taken else 0.0
        return RefitPlan(taken, n_seeds, needed, len(trials))


def _seconds_of(trials: Sequence[Again], *, n_seeds: int, n_workers: int) -> float:
    each = [SLOWER * n_seeds * trial.seconds for trial in trials]
    return max((sum(each) + START_SECONDS * (n_workers - 1)) / n_workers, *each)


def lanes(jobs: Sequence[Sequence[Again]], n_workers: int) -> list[list[list[Again]]]:
    """Stacks dealt to processes so that all end at about the same time; large ones are halved if there are too few.

    Args:
        jobs: The stacks.
        n_workers: Most processes; the first of them need not be started.

    Example:
        >>> trials = [Again(i, {}, 0, 5, seconds=60.0) for i in range(4)]
        >>> [[len(stack) for stack in lane] for lane in lanes([trials], n_workers=2)]
        [[2], [2]]
    """
    left = sorted(map(list, jobs), key=_seconds, reverse=True)
    while len(left) < n_workers and (several := [stack for stack in left if len(stack) > 1]):
        left.remove(several[0])
        half = len(several[0]) // 2
        left = sorted([*left, several[0][:half], several[0][half:]], key=_seconds, reverse=True)
    dealt: list[list[list[Again]]] = [[] for _ in range(max(1, n_workers))]
    ends = [0.0, *[START_SECONDS] * (len(dealt) - 1)]
    for stack in left:
        first = ends.index(min(ends))
        dealt[first].append(stack)
        ends[first] += _seconds(stack)
    return [dealt[0], *(lane for lane in dealt[1:] if lane)]


def _seconds(stack: Sequence[Again]) -> float:
    return SLOWER * sum(trial.seconds for trial in stack)
