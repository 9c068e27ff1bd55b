"""A study: tune networks on a table, look at the trials, decide where to cut the scores, predict."""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, final

from numpy.typing import NDArray

from automl_nn.data.findings import Finding
from automl_nn.data.images.given import images_of
from automl_nn.data.images.maps import Maps
from automl_nn.data.read import as_frame, read_frame, release_unused
from automl_nn.data.scratch import scratch_folder
from automl_nn.data.series.steps import SeriesColumns
from automl_nn.data.table import Role
from automl_nn.decide.decider import DAYS, days_since_the_first
from automl_nn.decide.goal import GOALS_OF_METRICS
from automl_nn.decide.stored import GROUPS
from automl_nn.errors import DivergedError, NoTrialError, StorageError
from automl_nn.model.build import check_buildable
from automl_nn.model.recipes import conflicts
from automl_nn.results.results import Results
from automl_nn.review.about import about
from automl_nn.review.events.spike_windows import keep_spike_windows
from automl_nn.review.images.thumbnails import keep_thumbnails
from automl_nn.search.defaults import STORAGE, TIMEOUT
from automl_nn.search.events import Event, RefitEnded, RefitStarted, TrialEnded
from automl_nn.search.helpers import leave_if_starting
from automl_nn.search.limits import Limits, note_limits
from automl_nn.search.plan import Budget
from automl_nn.search.problems.parting import Parting
from automl_nn.search.problems.problem import Problem
from automl_nn.search.problems.series import pose_any
from automl_nn.search.problems.study_spec import spec_of
from automl_nn.search.references.fit import add_references
from automl_nn.search.refit.networks import Again
from automl_nn.search.refit.plan import SHARE, SPARE, RefitPlan, is_worthwhile
from automl_nn.search.refit.trials import chosen, refit_trials
from automl_nn.search.spaces.images import least_for_statistics
from automl_nn.search.workers import Job, work_together
from automl_nn.space.draw import defaults, describe
from automl_nn.space.options import Space
from automl_nn.store.store import Store
from automl_nn.store.urls import in_memory
from automl_nn.task.base import Label, Task
from automl_nn.task.metrics import find_metric
from automl_nn.task.tasks import task_from_json

PAUSE = 20
"""How many times as long as it takes to keep what is to be seen around spikes passes before it is done again."""


@final
class Study(Results):
    """Networks tuned on a table, every trial kept in a database.

    Making a study reads and checks the data and writes nothing; `tune` opens the storage. The same call again resumes.

    Args:
        data: A frame, the path of a CSV or Parquet file, or anything that `as_frame` takes; features and targets.
        target: Name of the target column, or names of several; for images also what is known of each pixel.
        task: `binary`, `multiclass`, `multilabel`, `soft` or `regression`; told from the target unless given.
        metric: Score that compares trials, by scikit-learn's name; greater is better. One that judges actions where
            classes are rare (`balanced_accuracy`, `f1`, `f1_macro`, `matthews_corrcoef`) is decided for instead: trials
            are compared by the task's own score, and `decide` maximizes it unless told otherwise.
        settings: From knob path to a value, a range or a table: `{"model.backbone.n_blocks": 2}`.
        roles: Roles of columns that should not be found by themselves.
        parting: How rows are parted into those that train and those that choose.
        name: Name of the study in the storage.
        storage: SQLAlchemy URL of the database; `sqlite://` for one in memory, which goes away with this object.
        seed: Seed of everything random.
        classes: Order of the classes; sorted unless given.
        weight: Weight of each row `(n,)`.
        series: Where rows are steps of series: the columns that say of which one, and when.
        images: Where rows have images: arrays or paths of files, in the order of the rows; see `images_of`.
        command: The words of a command line that makes this study, without its limits, for whoever looks at it later.

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
        target: str | Sequence[str] | Maps,
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
        series: SeriesColumns | None = None,
        images: Any = None,
        command: Sequence[str] = (),
    ) -> None:
        frame = read_frame(data) if isinstance(data, str | Path) else as_frame(data)
        judged_by = metric if metric in GOALS_OF_METRICS else None
        self.problem: Problem | None = pose_any(
            frame,
            [target] if isinstance(target, str) else target,
            series,
            images=None if images is None else images_of(images),
            kind=task,
            metric=None if judged_by else metric,
            classes=classes,
            roles=roles,
            parting=parting,
            weight=weight,
            seed=seed,
        )
        del frame
        release_unused()
        self.name, self._url, self._seed, self._command = name, storage, seed, command
        self.task: Task = self.problem.task
        self._judged = {} if judged_by is None else {"judged_by": judged_by}
        if judged_by is not None:
            find_metric(judged_by, self.task.kind)
        self._job = Job(storage, name, self.problem, settings or {}, seed)
        self.space: Space = self._job.space
        check_buildable(defaults(self.space)["model"], images=self.problem.images)

    @staticmethod
    def load(name: str, *, storage: str = STORAGE) -> "Study":
        """A study from its storage, without its data: everything but `tune`.

        Raises:
            StorageError: There is no such storage or study.
        """
        study = Study.__new__(Study)
        study.store = Store.existing(storage)
        study.name, study._url, study.problem = name, storage, None
        spec = study.store.spec(study._id)
        study._seed, study.task = spec["seed"], task_from_json(spec["task"])
        return study

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
        least = least_for_statistics(self.problem)
        return conflicts(config["model"], batch_size=config["train"]["batch_size"], least=least)

    def tune(
        self,
        *,
        n_trials: int | None = None,
        timeout: float | None = None,
        n_workers: int = 1,
        references: bool = True,
        refit: bool = True,
    ) -> "Study":
        """Search until the budget is spent.

        Args:
            n_trials: Trials that the study shall have in total, earlier ones included.
            timeout: Seconds from now. If neither limit is given, 600.
            n_workers: Processes that work on the study. With one, the study depends on the seed alone. Each of the
                others runs the calling script first, which searches under `if __name__ == "__main__":` therefore.
            references: Whether a linear model and untuned boosting are fitted first, to compare with; they take a tenth
                of the time-out at most.
            refit: Whether a part of the time-out, two fifths at most, goes into training the networks that were chosen
                again on all rows, those that chose them included, as far as there is time, where that is worthwhile:
                one split chose, and there are not too many rows. `predictor` takes these, too. See `refit`.

        Raises:
            BudgetError: A limit is not positive.
            StorageError: The storage cannot be used, or holds another study of this name.
            NoTrialError: Every trial failed.
        """
        asked: Any = {"n_trials": n_trials, "timeout": timeout, "n_workers": n_workers}
        for _event in self.events(**asked, references=references, refit=refit):
            pass
        return self

    def events(
        self,
        *,
        n_trials: int | None = None,
        timeout: float | None = None,
        n_workers: int = 1,
        references: bool = True,
        refit: bool = True,
    ) -> Generator[Event, None, None]:
        """What `tune` does, one event at a time; whoever stops asking leaves a study that can be resumed."""
        leave_if_starting()
        if n_trials is None and timeout is None:
            timeout = TIMEOUT
        if n_workers > 1 and in_memory(self._url):
            raise StorageError(
                f"Storage {self.storage!r} lies in the memory of this process, where the other {n_workers - 1} of "
                f"{n_workers} do not find it: name a file, as in 'sqlite:///study.db', or search with n_workers=1."
            )
        start = time.monotonic()
        budget, limits = Budget(n_trials, timeout, n_workers), Limits.starting_now(n_trials, timeout)
        self._open()
        note_limits(self.store.optuna, self._id, limits)
        if references:
            yield from add_references(self.store, self._id, self._given(), timeout=timeout, seed=self._seed)
        with scratch_folder() as folder:
            if n_workers > 1:
                self._share(folder)
            if timeout is not None and refit and is_worthwhile(self._given()):
                yield from self._search_and_refit(budget, begun=start, folder=folder)
            else:
                yield from self._search(budget.after(time.monotonic() - start), folder=folder)
        self._check_success()

    def _search_and_refit(self, budget: Budget, *, begun: float, folder: Path) -> Generator[Event, None, None]:
        """Work until what is left of the time is needed to train again what was chosen, and do so.

        What that takes is known when most of the time is over.

        Args:
            budget: As given.
            begun: When its time began.
            folder: A `scratch_folder`.
        """
        timeout, n_workers = budget.timeout or 0.0, budget.n_workers

        def after_all_but(seconds: float) -> Budget:
            return budget.after(time.monotonic() - begun + seconds)

        yield from self._search(after_all_but(SHARE * timeout), folder=folder)
        plan, left = self._refit_plan(left=after_all_but(0.0))
        if left - plan.seconds > SPARE * timeout and not self._has_all(budget.n_trials):
            yield from self._search(after_all_but(plan.seconds), folder=folder)
            plan, left = self._refit_plan(left=after_all_but(0.0))
        if plan.trials:
            yield RefitStarted(len(plan.trials), plan.n_chosen, plan.seconds)
            done = self._train_again(plan.trials, n_seeds=plan.n_seeds, n_workers=n_workers, timeout=left)
            yield RefitEnded(len(done))

    def _refit_plan(self, *, left: Budget) -> tuple[RefitPlan, float]:
        """What is trained again in the time that is left, and that time."""
        seconds = left.timeout or 0.0
        with suppress(NoTrialError):
            new = [trial for trial in self._chosen() if not self.store.refits(trial.run_id)]
            return RefitPlan.within(seconds, new, n_workers=left.n_workers), seconds
        return RefitPlan.within(seconds, (), n_workers=left.n_workers), seconds

    def _has_all(self, n_trials: int | None) -> bool:
        """Whether so many trials have ended."""
        if n_trials is None:
            return False
        return int(self.store.trials(self._id)["state"].isin(("complete", "pruned", "failed")).sum()) >= n_trials

    def _search(self, budget: Budget, *, folder: Path) -> Generator[Event, None, None]:
        """Work until the budget is spent; keep windows of spikes meanwhile, so that all see them, and at the end."""
        due = 0.0
        try:
            with closing(work_together(self._job, budget, store=self.store, folder=folder)) as events:
                for event in events:
                    if isinstance(event, TrialEnded) and time.monotonic() >= due:
                        due = self._keep_spike_windows()
                    yield event
        finally:
            self._keep_spike_windows()

    def _keep_spike_windows(self) -> float:
        """Keep what is to be seen around spikes; returns when to do so again, which takes longer the more there are."""
        begun = time.monotonic()
        keep_spike_windows(self.store, self._id, self._given())
        return begun + (1 + PAUSE) * (time.monotonic() - begun)

    def _share(self, folder: Path) -> None:
        """Go on with the data in a file, which stays mapped when the folder is gone."""
        self._job = self._job.shared(folder)
        self.problem = self._job.problem
        release_unused()

    def _given(self) -> Problem:
        if self.problem is None:
            raise StorageError(
                f"The study {self.name!r} was loaded without its data: make it as Study(data, ...) to train."
            )
        return self.problem

    def _open(self) -> None:
        """Make the study in the storage, or check that it is the same one."""
        problem = self._given()
        spec = spec_of(problem) | {"space": describe(self.space), "seed": self._seed} | self._judged
        spec |= {"about": about(problem, command=self._command)}
        study_id = self.store.open_study(self.name, spec=spec)
        val, compared = problem.split.val, problem.compared
        self.store.put_targets(study_id, row_ids=compared.ids, y=compared.y)
        if compared.groups is not None:
            self.store.put_targets(study_id, row_ids=compared.ids, y=compared.groups, part=GROUPS)
        when = problem.table.frame.get(problem.parting.time)
        days = None if when is None else days_since_the_first(when.iloc[val])
        if days is not None:
            self.store.put_targets(study_id, row_ids=val, y=days, part=DAYS)
        keep_thumbnails(self.store, study_id, problem)
        self.store.put_findings(study_id, self.findings)

    def _check_success(self) -> None:
        trials = self.store.trials(self._id)
        if len(trials) and (trials["state"] == "failed").all():
            last = trials.iloc[-1]
            raise NoTrialError(
                f"Every trial of {self.name!r} failed ({len(trials)} in all), the last one with "
                f"{last['failure']}: {last['message']}"
            )

    def refit(self, *, n_seeds: int | None = None, trial: int | None = None, n_workers: int = 1) -> "Study":
        """Train the chosen networks again on all rows, those that chose them included; `predictor` then takes both.

        No row is left that could score them: `honest_score` and every decision, which come from the networks of the
        search, hold for both together as estimates. A network of the search and those that were trained again in its
        place have the same weight: together they were better than either on most tables (`studies/LOG.md`).

        Args:
            n_seeds: Networks for each trial, trained in one stack, whose outputs are averaged; as many as make four in
                all, at least, unless given.
            trial: One trial; those of the ensemble unless given.
            n_workers: Processes with one thread each, which take one trial after the other.

        Raises:
            StorageError: The study was loaded without its data.
            NoTrialError: No trial is complete.
            DivergedError: No network of a trial stayed finite.
        """
        leave_if_starting()
        self._given()
        trials = self._chosen(trial)
        if trials and not self._train_again(trials, n_seeds=n_seeds, n_workers=n_workers):
            raise DivergedError("No network of the refit has learned anything: predict with those of the search.")
        return self

    def _chosen(self, trial: int | None = None) -> list[Again]:
        """The trials that predict, those of the greatest weights first."""
        weights = self._stored.members(trial)
        numbers = [
            member for member in sorted(weights, key=weights.__getitem__, reverse=True) if isinstance(member, int)
        ]
        return chosen(self.store, self._id, numbers)

    def _train_again(self, trials: Sequence[Again], **asked: Any) -> list[int]:
        largest = int(defaults(self.space)["search"]["cohort"])
        return refit_trials(self.store, self._id, self._given(), trials, largest=largest, **asked)
