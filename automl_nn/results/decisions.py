"""Decisions on the trials of a study: they are made from stored outputs, without a network, and stored themselves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from automl_nn.data.images.maps import MapForm
from automl_nn.decide.decider import DAYS, Decider
from automl_nn.decide.decision import Decision
from automl_nn.decide.events.decision import EventCuts
from automl_nn.decide.events.stored import weigh_events
from automl_nn.decide.goal import GOALS_OF_METRICS, Goal
from automl_nn.decide.stored import SavedDecision
from automl_nn.errors import DecisionError, StorageError
from automl_nn.results.trials import Trials
from automl_nn.review.images.contact import Judged, Sheet
from automl_nn.review.images.thumbnails import kept_thumbnails

if TYPE_CHECKING:
    from automl_nn.review.seen import Seen


class Decisions(Trials):
    """Abstract: the trials of a study, and decisions on them."""

    def decide(
        self,
        *,
        maximize: Any = None,
        cost: tuple[float, ...] | None = None,
        min_precision: float | None = None,
        min_recall: float | None = None,
        max_fpr: float | None = None,
        top_k: int | None = None,
        max_alarms: float | None = None,
        n_periods: float | None = None,
        costs: Sequence[Sequence[float]] | None = None,
        reject: float | None = None,
        min_answered: float | None = None,
        one_vs_rest: bool | None = None,
        prevalence: float | None = None,
        trial: int | None = None,
        with_references: bool = False,
    ) -> Decision:
        """Choose where to cut the scores, from stored outputs and without any network; the decision is stored.

        Args:
            maximize: A utility such as `f1`, `fbeta@3`, `mcc` or `net_benefit@0.1`; or a scorer of scikit-learn, by its
                name or as `make_scorer` returns it.
            cost: Costs of a false alarm and of a miss `(fp, fn)`, or of all four outcomes `(fp, fn, tp, tn)`.
            min_precision: Precision to keep.
            min_recall: Recall to keep.
            max_fpr: Largest share of the negatives to mark.
            top_k: Most rows to mark.
            max_alarms: Most rows to mark in a period; with `n_periods`.
            n_periods: Periods that the rows that choose span.
            costs: Several classes: what each action costs in each class, `costs[actual][action]` in the order of
                `task.classes`.
            reject: Several classes: what a row without an answer costs; such rows are predicted as None.
            min_answered: Several classes: least share of the rows to answer.
            one_vs_rest: Several classes: a cut-off for each class in place of one power of the prior.
            prevalence: Share of positives where the decision will be used, if it is another one than here.
            trial: One trial to decide for; the ensemble unless given.
            with_references: Whether the references may join the ensemble.

        Raises:
            DecisionError: The goal is impossible, or the stored rows do not carry it.
        """
        goal = Goal.unless_empty(
            maximize=maximize,
            cost=cost,
            min_precision=min_precision,
            min_recall=min_recall,
            max_fpr=max_fpr,
            top_k=top_k,
            max_alarms=max_alarms,
            n_periods=n_periods,
            costs=None if costs is None else tuple(tuple(map(float, row)) for row in costs),
            reject=reject,
            min_answered=min_answered,
            one_vs_rest=one_vs_rest,
        )
        decider = self.decider(trial, with_references=with_references)
        decision = decider.weigh(goal, prevalence=prevalence)
        self.keep(decision, decider, trial=trial)
        return decision

    def decide_events(
        self,
        goal: Goal | None = None,
        *,
        tolerance: int | None = None,
        min_duration: int | None = None,
        merge_gap: int | None = None,
        cool_down: int = 0,
        trial: int | None = None,
        with_references: bool = False,
    ) -> EventCuts:
        """Choose when to alarm in series whose steps have labels; the decision is stored.

        Args:
            goal: What it is for, counted in events; F1 unless given.
            tolerance: Steps on either side of an event that still count as it; half a usual event unless given.
            min_duration: Least number of steps of an alarm; chosen unless given.
            merge_gap: Largest number of steps between two alarms that are one; chosen unless given.
            cool_down: Steps behind an alarm in which no other begins.
            trial: One trial to decide for; the ensemble unless given.
            with_references: Whether the references may join the ensemble.

        Raises:
            DecisionError: The rows are no steps of series, or they do not carry the decision.
        """
        decider = self.step_decider(trial, with_references=with_references)
        spans: Any = {"min_duration": min_duration, "merge_gap": merge_gap, "cool_down": cool_down}
        decision = weigh_events(decider, tolerance=tolerance, goal=goal, **spans)
        self.keep(decision, decider, trial=trial)
        return decision

    def decider(self, trial: int | None = None, *, with_references: bool = False) -> Decider:
        """The stored outputs to decide on: `decide` in two steps, `weigh` and then `keep`.

        Args:
            trial: One trial; the ensemble unless given.
            with_references: Whether the references may join the ensemble.
        """
        members = self._stored.members(trial, with_references=with_references)
        groups = self._stored.groups
        made_from = {
            "members": {str(member): weight for member, weight in members.items()},
            "fingerprint": self._spec["data"]["fingerprint"],
            "n_rows": len(self._stored.labels),
            "seed": self._seed,
        }
        return Decider(
            self.task,
            self._stored.blended(members),
            self._stored.labels.astype(np.float64),
            groups=None if groups is None else groups.ravel(),
            made_from=made_from,
            seed=self._seed,
            default=GOALS_OF_METRICS.get(self._spec.get("judged_by", "")),
            units=self._stored.units,
            drawn=self._stored.drawn,
        )

    @property
    def has_events(self) -> bool:
        """Whether rows are steps of series with a label each, so that alarms and events can be counted."""
        return self._series is not None and self._series.per_step

    def step_decider(self, trial: int | None = None, *, with_references: bool = False) -> Decider:
        """The stored outputs of labelled steps, to decide on events: `decide_events` in two steps.

        Args:
            trial: One trial; the ensemble unless given.
            with_references: Whether the references may join the ensemble.

        Raises:
            DecisionError: The rows are no steps of series, or a whole series has one label.
        """
        if not self.has_events:
            raise DecisionError(
                f"The rows of {self.name!r} have no label for each step of a series, so there are no events: tune with "
                "--per-step and --series-id first."
            )
        return self.decider(trial, with_references=with_references)

    def keep(self, decision: Decision, decider: Decider, *, trial: int | None = None) -> None:
        """Store a decision.

        Args:
            decision: What `decider.weigh` returned.
            decider: What it was made on.
            trial: The trial that it is for; None for the ensemble.
        """
        run_id = None if trial is None else int(self._stored.trial(trial)["run_id"])
        decider.keep(decision, store=self.store, study_id=self._id, run_id=run_id)

    def saved(self, number: int) -> SavedDecision:
        """A decision that was stored: by `decide`, or from the page of decisions, where it may be set by hand.

        Args:
            number: Its number, as the page of decisions and `store.decisions(study_id)` show it.

        Raises:
            StorageError: The study has no such decision.
            DecisionError: It cannot be read any more.
        """
        return self._stored.saved(number)

    def see(self, decision: Decision, *, trial: int | None = None, with_references: bool = False) -> "Seen":
        """A decision as tables and pictures: `.tables`, `.sheet()`, `.figures()`, `.save(path)`.

        Args:
            decision: What `decide` returned.
            trial: The trial that it is for; the ensemble unless given.
            with_references: Whether the references may join the ensemble; as for the decision.

        Raises:
            DecisionError: There is nothing to decide, so nothing to see.
        """
        from automl_nn.review.decision.pictures import see  # matplotlib takes its time
        from automl_nn.review.images.seen import SeenSheet, SeenWithImages

        decider = self.decider(trial, with_references=with_references)
        sheet = self.contact_sheet(decider.output)
        if sheet is not None and decision.goal is None:
            return SeenSheet(sheet)
        seen = see(decision, decider.output, decider.y, task=self.task, groups=decider.groups)
        return seen if sheet is None else SeenWithImages(seen, sheet)

    def contact_sheet(self, output: NDArray[Any]) -> Sheet | None:
        """The images that a model is most wrong about; None where no images are kept.

        Args:
            output: Outputs for the rows that choose, as `validation` returns them.
        """
        thumbnails = kept_thumbnails(self.store, self._id)
        if thumbnails is None:
            return None
        row_ids, y = self.store.targets(self._id)
        maps = MapForm.from_json(self._spec["maps"]) if "maps" in self._spec else None
        outputs, labels = np.asarray(output, dtype=np.float64), y.astype(np.float64)
        return Judged(self.task, outputs, labels, row_ids, thumbnails, maps).sheet()

    @property
    def step_seconds(self) -> float | None:
        """Seconds between two steps of a series; None unless their times are dates."""
        seconds = self._spec.get("step_seconds")
        return None if seconds is None else float(seconds)

    @property
    def n_days(self) -> float | None:
        """Days that the rows that choose span; None unless they were parted by a column of dates."""
        try:
            days = self.store.targets(self._id, part=DAYS)[1]
        except StorageError:
            return None
        return float(np.nanmax(days) - np.nanmin(days))
