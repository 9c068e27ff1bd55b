import optuna
import pytest
from optuna.search_space import intersection_search_space

from automl_nn.errors import SpaceError
from automl_nn.search.samplers import (
    BEST_SEEN,
    MOST_SEEN,
    SAMPLERS,
    Cohort,
    SeededSampler,
    common_space,
    thinned,
    trial_seed,
)
from automl_nn.search.spaces.default import default_space, edit_space
from automl_nn.search.spaces.portfolio import PORTFOLIO, first_trials
from automl_nn.space.draw import defaults, flatten, suggest
from automl_nn.task.tasks import Binary, Multiclass, Regression

TASKS = [Binary(("y",), "roc_auc"), Multiclass(("y",), "accuracy", (0, 1, 2)), Regression(("y",), "r2")]


@pytest.fixture(params=TASKS, ids=lambda task: task.kind)
def space(request):
    return default_space(request.param, n_rows=5000)


def quadratic(params):
    return -((params["x"] - 0.3) ** 2) - abs(params["n"] - 7) / 50


def grow(study, n_trials):
    for _ in range(n_trials):
        trial = study.ask()
        params = {"x": trial.suggest_float("x", 0, 1), "n": trial.suggest_int("n", 1, 9)}
        study.tell(trial, quadratic(params))
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_resumed_study_proposes_what_it_would_have_proposed(name):
    at_once = grow(optuna.create_study(direction="maximize", sampler=SeededSampler(name, seed=1)), 20)
    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(storage=storage, study_name="s", direction="maximize")
    for n_trials in (3, 9, 8):
        sampler = SeededSampler(name, seed=1)
        resumed = grow(optuna.load_study(storage=storage, study_name="s", sampler=sampler), n_trials)
    assert resumed == at_once


def ask(study):
    trial = study.ask()
    return trial, {"x": trial.suggest_float("x", 0, 1), "n": trial.suggest_int("n", 1, 9)}


def test_knobs_that_all_trials_share_are_those_that_optuna_finds():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))

    def objective(trial):
        trial.suggest_int("one", 3, 3)
        trial.suggest_float("wider", 0, 1 + trial.number % 2)
        trial.suggest_categorical("kind", ["a", None, 0.5])
        return trial.suggest_float("x", 0, 1) + (trial.suggest_int("n", 1, 9) if trial.number % 3 else 0)

    study.optimize(objective, n_trials=6)
    found = intersection_search_space(study.trials, include_pruned=True)
    assert common_space(study.trials) == {name: own for name, own in found.items() if not own.single()}
    assert list(common_space(study.trials)) == ["kind", "x"]
    assert common_space([]) == {}


@pytest.mark.parametrize("name", SAMPLERS)
def test_proposals_of_a_cohort_do_not_depend_on_which_of_it_has_ended(name):
    proposals = []
    for n_told in (0, 1, 2):
        study = optuna.create_study(direction="maximize", sampler=SeededSampler(name, seed=1))
        grow(study, 12)
        study.sampler = SeededSampler(name, seed=1, cohort=Cohort(12, {}))
        begun = [ask(study) for _ in range(2)]
        for trial, _ in begun[:n_told]:
            study.tell(trial, 10.0)  # the best by far: a sampler that knew it would stay near
        study.sampler = SeededSampler(name, seed=1, cohort=Cohort(12, {}))
        proposals.append([params for _, params in begun] + [ask(study)[1] for _ in range(2)])
    assert proposals[0] == proposals[1] == proposals[2]
    assert len({params["x"] for params in proposals[0]}) == 4


def test_a_proposal_takes_account_of_those_before_it_in_its_cohort():
    def last(x):
        storage = optuna.storages.get_storage(f"sqlite:///{x}.db")
        study = optuna.create_study(storage=storage, direction="maximize", sampler=SeededSampler("tpe", seed=1))
        grow(study, 12)
        ids = [storage.create_new_trial(study._study_id) for _ in range(8)]
        for own in ids[:-1]:
            storage.set_trial_system_attr(own, "fixed_params", {"x": x})
        study.sampler = SeededSampler("tpe", seed=1, cohort=Cohort(12, {}))
        trials = [optuna.trial.Trial(study, own) for own in ids]
        return [(trial.suggest_int("n", 1, 9), trial.suggest_float("x", 0, 1)) for trial in trials][-1]

    assert len({last(x) for x in (0.1, 0.3, 0.7)}) == 3


def test_what_a_cohort_shares_is_taken_over_from_its_first_trial():
    study = optuna.create_study(direction="maximize", sampler=SeededSampler("tpe", seed=1))
    grow(study, 12)
    study.sampler = SeededSampler("tpe", seed=1, cohort=Cohort(12, {"n": 9}))
    first, *others = [ask(study)[1] for _ in range(4)]
    assert [params["n"] for params in others] == [9, 9, 9]
    assert len({params["x"] for params in (first, *others)}) == 4


def test_proposals_differ_between_trials_and_seeds():
    one, other = (
        grow(optuna.create_study(direction="maximize", sampler=SeededSampler("random", seed=seed)), 5)
        for seed in (0, 1)
    )
    assert len({params["x"] for params in one + other}) == 10


def test_the_sampler_learns():
    params = grow(optuna.create_study(direction="maximize", sampler=SeededSampler("tpe", seed=0)), 60)
    early, late = ([quadratic(p) for p in part] for part in (params[:10], params[-10:]))
    assert sum(late) > sum(early)


def test_seeds_differ():
    assert len({trial_seed(seed, number) for seed in range(20) for number in range(20)}) == 400


def test_an_unknown_sampler_is_refused():
    with pytest.raises(SpaceError, match="Did you mean 'tpe'"):
        SeededSampler("tp", seed=0)


def test_the_first_trials_are_the_portfolio(space):
    first = first_trials(space)
    study = optuna.create_study(direction="maximize", sampler=SeededSampler("tpe", seed=0, first=first))
    for config in first:
        trial = study.ask()
        assert flatten(suggest(trial, space)) == config
        study.tell(trial, 0.0)


def test_the_portfolio_ends_with_the_defaults_and_repeats_nothing(space):
    first = first_trials(space)
    assert first[-1] == flatten(defaults(space))
    assert len(first) == len(PORTFOLIO)
    assert all(one != other for i, one in enumerate(first) for other in first[:i])


def test_what_somebody_set_stays_set_in_the_portfolio(space):
    first = first_trials(edit_space(space, {"model.activation.name": "relu", "train.batch_size": 64}))
    assert {config["model.activation.name"] for config in first} == {"relu"}
    assert {config["train.batch_size"] for config in first} == {64}


def test_a_space_that_allows_no_entry_of_the_portfolio_starts_from_its_defaults(space):
    narrowed = edit_space(space, {"model.backbone": space["model"]["backbone"].only("ft_transformer")})
    assert flatten(defaults(narrowed)) in first_trials(narrowed)


def test_a_sampler_reads_the_trials_of_a_study_once_for_each_proposal(monkeypatch):
    study = optuna.create_study(direction="maximize", sampler=SeededSampler("tpe", seed=1))
    grow(study, 15)
    asked, read = [], optuna.Study._get_trials
    monkeypatch.setattr(optuna.Study, "_get_trials", lambda self, *a, **k: asked.append(1) or read(self, *a, **k))
    for _ in range(3):
        ask(study)
    assert len(asked) == 3


def test_of_many_trials_the_open_and_the_best_are_shown_and_the_others_thinned():
    ended = [optuna.trial.create_trial(value=float(i % 997)) for i in range(2000)]
    running = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING)
    shown = thinned([*ended, running])
    assert len(shown) == MOST_SEEN + 1
    assert shown[-1] is running
    best = sorted(trial.value for trial in ended)[-BEST_SEEN:]
    assert sorted(trial.value for trial in shown[:-1])[-BEST_SEEN:] == best


def test_few_trials_are_all_shown():
    trials = [optuna.trial.create_trial(value=0.0) for _ in range(MOST_SEEN)]
    assert thinned(trials) == trials
