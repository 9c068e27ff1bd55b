"""What a study has stored: its trials, what they are worth, decisions on them, and the model that is deployed."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray

from automl_nn.data.image import ImageForm
from automl_nn.data.maps import MapForm
from automl_nn.data.series import SeriesColumns
from automl_nn.decide.decider import DAYS, Decider
from automl_nn.decide.decision import Decision
from automl_nn.decide.ensemble import blend
from automl_nn.decide.event_decision import EventCuts
from automl_nn.decide.goal import GOALS_OF_METRICS, Goal
from automl_nn.decide.selection import Honest
from automl_nn.decide.stored import Member, SavedDecision, Stored
from automl_nn.decide.stored_events import weigh_events
from automl_nn.errors import DecisionError, StorageError
from automl_nn.review.contact import Judged, Sheet
from automl_nn.review.thumbnails import kept_thumbnails
from automl_nn.review.verdict import verdict
from automl_nn.search.records import versions
from automl_nn.search.store import Store
from automl_nn.search.urls import masked
from automl_nn.task.base import Task
from automl_nn.task.tasks import task_from_json

if TYPE_CHECKING:
    from automl_nn.predict import Predictor
    from automl_nn.review.seen import Seen


class Results:
    """Abstract: everything about a study but its data and its search; `Study` is the one to make.

    A study sets its name, its task, its seed and the URL of its storage.
    """

    name: str
    task: Task
    _url: str
    _seed: int

    def __repr__(self) -> str:
        kind, metric = self.task.kind, self.task.metric
        return f"{type(self).__name__}({self.name!r}, {kind}, metric={metric!r}, storage={self.storage!r})"

    def _repr_html_(self) -> str:
        """How it looks in a notebook; looking makes no database."""
        from automl_nn.review.notebook import study_card

        try:
            leaderboard = self._leaderboard_if_any()
        except StorageError:  # it was not tuned yet
            leaderboard = pd.DataFrame()
        title = f"{type(self).__name__} {self.name!r}"
        return study_card(title, self.task, storage=self.storage, leaderboard=leaderboard)

    def _leaderboard_if_any(self) -> pd.DataFrame:
        if "store" in vars(self):
            return self.leaderboard()
        with Store.reading(self._url) as store:
            return Stored(store, self.name, self.task).leaderboard()

    @property
    def storage(self) -> str:
        """The storage's URL, without its password."""
        return masked(self._url)

    @cached_property
    def store(self) -> Store:
        """The open storage."""
        return Store(self._url)

    @property
    def study_id(self) -> int:
        """The study's number in the storage."""
        return self._id

    @cached_property
    def _id(self) -> int:
        return self.store.study_id(self.name)

    @cached_property
    def _stored(self) -> Stored:
        return Stored(self.store, self.name, self.task)

    @property
    def _spec(self) -> dict[str, Any]:
        return self._stored.spec

    @property
    def _series(self) -> SeriesColumns | None:
        """The columns of series and time, where rows are steps."""
        return SeriesColumns(**self._spec["series"]) if "series" in self._spec else None

    @property
    def optuna_study(self) -> optuna.Study:
        """The study as Optuna sees it."""
        return optuna.load_study(study_name=self.name, storage=self.store.optuna)

    def leaderboard(self) -> pd.DataFrame:
        """One row a trial, best first; failed ones last, with their reason."""
        return self._stored.leaderboard()

    def references(self) -> pd.DataFrame:
        """One row for each model that is no network, fitted to the same rows to compare with: how it scored."""
        return self._stored.references()

    def honest_score(self, *, with_references: bool = False) -> Honest:
        """What the best trial and the ensemble are worth on rows that did not choose them, in seconds.

        The score of the best trial is too good, since it was picked by it; this one is not. Trials that cannot be told
        from the best one are named, too.

        Args:
            with_references: Whether the references may join the ensemble.

        Raises:
            NoTrialError: No trial is complete.
        """
        return self._stored.honest(with_references=with_references, seed=self._seed)

    def verdict(self, *, trial: int | None = None, with_references: bool = False) -> str:
        """One sentence on the networks beside a linear model and untuned boosting, by their honest scores.

        Args:
            trial: Nothing but this trial; the ensemble unless given.
            with_references: Whether the references may join the ensemble.
        """
        honest = self._stored.honest(trial, with_references=with_references, seed=self._seed)
        return verdict(honest, metric=self.task.metric, with_references=with_references)

    def spikes(self) -> pd.DataFrame:
        """One row for each training step whose loss or gradient norm left its band, or was not finite.

        `row_ids` are the rows of its batch; of steps of series, the steps at which its windows begin, counted over the
        series in the order of their first rows. Rows that come back in many spikes are worth a look at their labels.
        """
        return self.store.spikes(self._id)

    def epochs(self, number: int | None = None) -> pd.DataFrame:
        """One row an epoch: losses, scores, gradient norms, of one trial or of all."""
        epochs = self.store.epochs(self._id)
        return epochs if number is None else epochs[epochs["trial"] == number].reset_index(drop=True)

    @property
    def best_number(self) -> int:
        """Number of the best trial that was not pruned.

        Raises:
            NoTrialError: No trial is complete.
        """
        return int(self._stored.trial(None)["number"])

    @property
    def best_score(self) -> float:
        """Score of the best trial on the rows that choose, which makes it too good; see `honest_score`."""
        return float(self._stored.trial(None)["score"])

    def ensemble(self, *, with_references: bool = False) -> dict[Member, float]:
        """Weights of the trials that predict together, by number: a greedy ensemble over their stored outputs.

        Only trials whose networks are kept take part; those of no weight are left out.

        Args:
            with_references: Whether the references may take part, under their names.

        Raises:
            NoTrialError: No trial is complete.
        """
        return self._stored.members(with_references=with_references)

    def validation(
        self, trial: int | None = None, *, with_references: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Stored outputs `(n_val, d_out)` and labels `(n_val, d_y)` of the rows that choose.

        Args:
            trial: One trial; the ensemble unless given.
            with_references: Whether the references may join the ensemble.
        """
        members = self._stored.members(trial, with_references=with_references)
        return self._stored.blended(members), self._stored.labels

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

    def see(self, decision: Decision, *, trial: int | None = None, with_references: bool = False) -> "Seen":
        """A decision as tables and pictures: `.tables`, `.sheet()`, `.figures()`, `.save(path)`.

        Args:
            decision: What `decide` returned.
            trial: The trial that it is for; the ensemble unless given.
            with_references: Whether the references may join the ensemble; as for the decision.

        Raises:
            DecisionError: There is nothing to decide, so nothing to see.
        """
        from automl_nn.review.pictures import see  # matplotlib takes its time
        from automl_nn.review.seen_images import SeenSheet, SeenWithImages

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

    def predictor(
        self,
        decision: Decision | None = None,
        *,
        trial: int | None = None,
        with_references: bool = False,
        refit: bool = True,
    ) -> "Predictor":
        """The deployable model, checked against what its members predicted when they were trained.

        Args:
            decision: Where to cut; `decide()` with the default goal unless given.
            trial: One trial; the ensemble unless given.
            with_references: Whether the references may join the ensemble; as for the decision.
            refit: Whether networks that were trained again on all rows, if there are, stand in for those of the search.

        Raises:
            ModelFileError: The model does not repeat the stored outputs here.
        """
        members = self._stored.members(trial, with_references=with_references)
        decided = decision or self.decide(trial=trial, with_references=with_references)
        return self._deployed(decided, members, refit=refit)

    def saved(self, number: int) -> SavedDecision:
        """A decision that was stored: by `decide`, or from the page of decisions, where it may be set by hand.

        Args:
            number: Its number, as the page of decisions and `store.decisions(study_id)` show it.

        Raises:
            StorageError: The study has no such decision.
            DecisionError: It cannot be read any more.
        """
        return self._stored.saved(number)

    def saved_predictor(self, number: int, *, refit: bool = True) -> "Predictor":
        """The deployable model with a decision that was stored, of the trials that it was made for.

        Args:
            number: As for `saved`.
            refit: As for `predictor`.

        Raises:
            StorageError: The study has no such decision, or no longer keeps the networks that it was made for.
            DecisionError: It cannot be read any more.
            ModelFileError: The model does not repeat the stored outputs here.
        """
        saved = self.saved(number)
        return self._deployed(saved.decision, saved.members, refit=refit)

    def _deployed(self, decision: Decision, members: Mapping[Member, float], *, refit: bool) -> "Predictor":
        from automl_nn.predict import Predictor  # whoever only decides waits for no torch
        from automl_nn.search.members import load_members
        from automl_nn.search.problem import N_PROBE, compared_places, probed

        loaded = load_members(self.store, self._id, members, refit=refit)
        predictor = Predictor(
            task=self.task,
            schema=tuple(self._spec["schema"]),
            decision=decision,
            networks=tuple(member.model for member in loaded),
            weights=tuple(member.weight for member in loaded),
            versions=versions(),
            series=self._series,
            images=ImageForm.from_json(self._spec["images"]) if "images" in self._spec else None,
            maps=MapForm.from_json(self._spec["maps"]) if "maps" in self._spec else None,
        )
        probes = [member.probe[:N_PROBE] for member in loaded if member.probe is not None]
        if len(probes) == len(loaded):
            stored = blend(probes, predictor.weights, family=self.task.family)
            predictor.check_parity(*probed(self._spec), stored, places=compared_places(self._spec))
        return predictor


@final
class StoredResults(Results):
    """The results of a study from its storage: no data, no network, and nothing that trains is imported.

    Args:
        name: The study.
        storage: SQLAlchemy URL of the database.

    Raises:
        StorageError: There is no such storage or study.
    """

    def __init__(self, name: str, *, storage: str) -> None:
        self.store = Store.existing(storage)
        self.name, self._url = name, storage
        self._learn()

    @classmethod
    def within(cls, store: Store, name: str, *, url: str) -> "StoredResults":
        """The results of a study of an open store, which one who shows many studies shares between them.

        Args:
            store: Where the study is kept.
            name: The study.
            url: The store's URL.

        Raises:
            StorageError: There is no such study.
        """
        results = cls.__new__(cls)
        results.store, results.name, results._url = store, name, url
        results._learn()
        return results

    def _learn(self) -> None:
        """Read what does not change: the task and the seed."""
        spec = self.store.spec(self._id)
        self._seed, self.task = spec["seed"], task_from_json(spec["task"])
