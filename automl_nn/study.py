"""A study: tune networks on a table, look at the trials, decide where to cut the scores, predict."""

from collections.abc import Generator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray

from automl_nn.data.findings import Finding
from automl_nn.data.read import as_frame, read_frame
from automl_nn.data.table import Role
from automl_nn.decide.choose import decide
from automl_nn.decide.decision import Cuts, Decision
from automl_nn.decide.ensemble import blend, greedy_weights
from automl_nn.decide.goal import Goal
from automl_nn.errors import NoTrialError, StorageError
from automl_nn.model.build import check_buildable
from automl_nn.model.recipes import conflicts
from automl_nn.predict import Predictor
from automl_nn.search.defaults import STORAGE, TIMEOUT
from automl_nn.search.events import Event
from automl_nn.search.problem import Parting, Problem, pose
from automl_nn.search.records import versions
from automl_nn.search.store import Store
from automl_nn.search.tune import Budget
from automl_nn.search.urls import masked
from automl_nn.search.workers import Job, work_together
from automl_nn.space.draw import defaults, describe
from automl_nn.space.options import Space
from automl_nn.task.base import Label, Task
from automl_nn.task.tasks import task_from_json
from automl_nn.train.trained import Trained

GROUPS = "val_groups"
"""Under which the groups of the rows that choose are stored."""


@final
class Study:
    """Networks tuned on a table, every trial kept in a database.

    Making a study reads and checks the data and writes nothing; `tune` opens the storage. The same call again resumes.

    Args:
        data: A frame, the path of a CSV or Parquet file, or anything that `as_frame` takes; features and targets.
        target: Name of the target column, or names of several.
        task: `binary`, `multiclass`, `multilabel`, `soft` or `regression`; told from the target unless given.
        metric: Score that compares trials, by scikit-learn's name; greater is better.
        settings: From knob path to a value, a range or a table: `{"model.backbone.n_blocks": 2}`.
        roles: Roles of columns that should not be found by themselves.
        parting: How rows are parted into those that train and those that choose.
        name: Name of the study in the storage.
        storage: SQLAlchemy URL of the database.
        seed: Seed of everything random.
        classes: Order of the classes; sorted unless given.
        weight: Weight of each row `(n,)`.

    Raises:
        InputError: Data, target, settings or parting cannot be used.

    Example:
        >>> import tempfile
        >>> from sklearn.datasets import load_breast_cancer
        >>> frame = load_breast_cancer(as_frame=True).frame
        >>> storage = f"sqlite:///{tempfile.mkdtemp()}/studies.db"
        >>> study = Study(frame, "target", settings={"train.n_epochs": 5}, storage=storage).tune(n_trials=2)
        >>> decision = study.decide(cost=(1, 20))
        >>> study.predictor(decision).predict(frame).shape
        (569,)
    """

    def __init__(
        self,
        data: Any,
        target: str | Sequence[str],
        *,
        task: str | None = None,
        metric: str | None = None,
        settings: Mapping[str, Any] | None = None,
        roles: Mapping[str, Role] | None = None,
        parting: Parting | None = None,
        name: str = "study",
        storage: str = STORAGE,
        seed: int = 0,
        classes: Sequence[Label] | None = None,
        weight: NDArray[Any] | None = None,
    ) -> None:
        frame = read_frame(data) if isinstance(data, str | Path) else as_frame(data)
        self.problem: Problem | None = pose(
            frame,
            [target] if isinstance(target, str) else target,
            kind=task,
            metric=metric,
            classes=classes,
            roles=roles,
            parting=parting,
            weight=weight,
            seed=seed,
        )
        self.name, self._url, self._seed = name, storage, seed
        self.task: Task = self.problem.task
        self._job = Job(storage, name, self.problem, settings or {}, seed)
        self.space: Space = self._job.space
        check_buildable(defaults(self.space)["model"])

    @staticmethod
    def load(name: str, *, storage: str = STORAGE) -> "Study":
        """A study from its storage, without its data: everything but `tune`.

        Raises:
            StorageError: There is no such storage or study.
        """
        study = Study.__new__(Study)
        study.store = Store.existing(storage)
        study.name, study._url, study.problem = name, storage, None
        study._seed = study._spec["seed"]
        study.task = task_from_json(study._spec["task"])
        return study

    def __repr__(self) -> str:
        return f"Study({self.name!r}, {self.task.kind}, metric={self.task.metric!r}, storage={self.storage!r})"

    @property
    def storage(self) -> str:
        """The storage's URL, without its password."""
        return masked(self._url)

    @cached_property
    def store(self) -> Store:
        """The open storage."""
        return Store(self._url)

    @cached_property
    def _id(self) -> int:
        return self.store.study_id(self.name)

    @cached_property
    def _spec(self) -> dict[str, Any]:
        return self.store.spec(self._id)

    @property
    def optuna_study(self) -> optuna.Study:
        """The study as Optuna sees it."""
        return optuna.load_study(study_name=self.name, storage=self.store.optuna)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the data themselves say; empty for a loaded study, whose findings are in the storage."""
        return () if self.problem is None else self.problem.findings

    @property
    def warnings(self) -> list[str]:
        """Choices in the settings that are known to harm each other."""
        if self.problem is None:
            return []
        config = defaults(self.space)
        return conflicts(config["model"], batch_size=config["train"]["batch_size"])

    def tune(self, *, n_trials: int | None = None, timeout: float | None = None, n_workers: int = 1) -> "Study":
        """Search until the budget is spent.

        Args:
            n_trials: Trials that the study shall have in total, earlier ones included.
            timeout: Seconds from now. If neither limit is given, 600.
            n_workers: Processes that work on the study. With one, the study depends on the seed alone.

        Raises:
            BudgetError: A limit is not positive.
            StorageError: The storage cannot be used, or holds another study of this name.
            NoTrialError: Every trial failed.
        """
        for _event in self.events(n_trials=n_trials, timeout=timeout, n_workers=n_workers):
            pass
        return self

    def events(
        self, *, n_trials: int | None = None, timeout: float | None = None, n_workers: int = 1
    ) -> Generator[Event, None, None]:
        """What `tune` does, one event at a time; whoever stops asking leaves a study that can be resumed."""
        if n_trials is None and timeout is None:
            timeout = TIMEOUT
        budget = Budget(n_trials, timeout, n_workers)
        self._open()
        yield from work_together(self._job, budget)
        self._check_success()

    def _open(self) -> None:
        """Make the study in the storage, or check that it is the same one."""
        if self.problem is None:
            raise StorageError(
                f"The study {self.name!r} was loaded without its data: make it as Study(data, ...) to tune."
            )
        spec = self.problem.spec() | {"space": describe(self.space), "seed": self._seed}
        study_id = self.store.open_study(self.name, spec=spec)
        val = self.problem.split.val
        self.store.put_targets(study_id, row_ids=val, y=self.problem.y[val])
        if self.problem.groups is not None:
            self.store.put_targets(study_id, row_ids=val, y=self.problem.groups[val], part=GROUPS)
        self.store.put_findings(study_id, self.findings)

    def _check_success(self) -> None:
        trials = self.store.trials(self._id)
        if len(trials) and (trials["state"] == "failed").all():
            last = trials.iloc[-1]
            raise NoTrialError(
                f"Every trial of {self.name!r} failed ({len(trials)} in all), the last one with "
                f"{last['failure']}: {last['message']}"
            )

    def leaderboard(self) -> pd.DataFrame:
        """One row a trial, best first; failed ones last, with their reason."""
        return self.store.trials(self._id).sort_values("score", ascending=False, kind="stable", ignore_index=True)

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
        return int(self._trial(None)["number"])

    @property
    def best_score(self) -> float:
        """Score of the best trial on the rows that choose; greater is better."""
        return float(self._trial(None)["score"])

    def _trial(self, number: int | None) -> Mapping[Any, Any]:
        """The trial's row of the leaderboard; the best complete one unless a number is given."""
        trials = self.leaderboard().to_dict("records")
        if number is not None:
            known = [trial for trial in trials if trial["number"] == number]
            if not known:
                raise StorageError(f"The study {self.name!r} has no trial {number}: it has {len(trials)} trials.")
            return known[0]
        for trial in trials:
            if trial["state"] == "complete":
                return trial
        raise NoTrialError(f"No trial of {self.name!r} is complete: run `tune` with a larger budget.")

    def ensemble(self) -> dict[int, float]:
        """Weights of the trials that predict together, by number: a greedy ensemble over their stored outputs.

        Only trials whose networks are kept take part; those of no weight are left out.

        Raises:
            NoTrialError: No trial is complete.
        """
        self._trial(None)
        runs = self.store.runs_with_model(self._id)
        weights = greedy_weights(self.task, [self.store.predictions(run) for run in runs], self._labels)
        numbers = {int(trial["run_id"]): int(trial["number"]) for trial in self.leaderboard().to_dict("records")}
        return {numbers[run]: float(weight) for run, weight in zip(runs, weights, strict=True) if weight > 0}

    def _members(self, trial: int | None) -> dict[int, float]:
        """Run ids and weights: of one trial, or of the ensemble."""
        weights = self.ensemble() if trial is None else {trial: 1.0}
        return {int(self._trial(number)["run_id"]): weight for number, weight in weights.items()}

    @property
    def _labels(self) -> NDArray[np.float32]:
        return self.store.targets(self._id)[1]

    @property
    def _groups(self) -> NDArray[np.float32] | None:
        """The groups of the rows that choose, where rows were parted by group."""
        if self._spec.get("split", {}).get("group") is None:
            return None
        try:
            return self.store.targets(self._id, part=GROUPS)[1]
        except StorageError:  # a study of an earlier version kept no groups
            return None

    def validation(self, trial: int | None = None) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Stored outputs `(n_val, d_out)` and labels `(n_val, d_y)` of the rows that choose.

        Args:
            trial: One trial; the ensemble unless given.
        """
        members = self._members(trial)
        outputs = [self.store.predictions(run) for run in members]
        return blend(outputs, list(members.values()), family=self.task.family), self._labels

    def decide(
        self,
        *,
        maximize: str | None = None,
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
    ) -> Decision:
        """Choose where to cut the scores, from stored outputs and without any network; the decision is stored.

        Args:
            maximize: A utility such as `f1`, `f2`, `mcc`, `balanced_accuracy` or `net_benefit@0.1`.
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
        output, y = self.validation(trial)
        decision = decide(self.task, output, y, goal=goal, groups=self._groups, prevalence=prevalence, seed=self._seed)
        self.store.add_decision(
            self._id,
            run_id=None if trial is None else int(self._trial(trial)["run_id"]),
            spec={} if decision.goal is None else decision.goal.to_json(),
            result=decision.to_json(),
            threshold=decision.thresholds[0] if isinstance(decision, Cuts) and len(decision.cuts) == 1 else None,
            utility=getattr(decision, "utility", None),
        )
        return decision

    def predictor(self, decision: Decision | None = None, *, trial: int | None = None) -> Predictor:
        """The deployable model, checked against what its trials predicted when they were trained.

        Args:
            decision: Where to cut; `decide()` with the default goal unless given.
            trial: One trial; the ensemble unless given.

        Raises:
            ModelFileError: The model does not repeat the stored outputs here.
        """
        members = self._members(trial)
        predictor = Predictor(
            task=self.task,
            schema=tuple(self._spec["schema"]),
            decision=decision or self.decide(trial=trial),
            networks=tuple(Trained.from_bytes(self.store.model(run)) for run in members),
            weights=tuple(members.values()),
            versions=versions(),
        )
        predictor.check_parity(pd.DataFrame(self._spec["probe"]), self.validation(trial)[0])
        return predictor
