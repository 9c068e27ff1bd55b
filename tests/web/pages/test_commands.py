import shlex
from itertools import pairwise

import numpy as np
import optuna
import pytest

from automl_nn.cli.arguments.again import words_of
from automl_nn.cli.arguments.parse import parse_settings
from automl_nn.search.spaces.default import default_space, edit_space
from automl_nn.space.draw import defaults, flatten, suggest
from automl_nn.task.tasks import Binary, Regression
from automl_nn.web.pages.commands import again, around, command_words, continuing

WORDS = ("automl-nn", "tune", "my data.csv", "--target", "y", "--study-name", "first")
TASKS = [Binary(("y",), "roc_auc"), Regression(("y",), "r2", (0.0,), (1.0,))]


def sets(text):
    """What the `--set` options of a command line say."""
    words = shlex.split(text)
    return parse_settings([after for word, after in pairwise(words) if word == "--set"])


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
def test_running_a_trial_again_trains_its_very_config(task):
    space = default_space(task, n_rows=500)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    start = flatten(defaults(space))
    for _ in range(40):
        config = flatten(suggest(study.ask(), space))
        line = again(WORDS, name="first", number=3, config=config, start=start)
        assert flatten(defaults(edit_space(space, sets(line.text)))) == config


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
def test_starting_from_a_trial_keeps_its_kinds_and_searches_its_numbers(task):
    space = default_space(task, n_rows=500)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    config = flatten(suggest(study.ask(), space))
    line = around(WORDS, name="first", number=3, config=config, start=flatten(defaults(space)))
    kept = edit_space(space, sets(line.text))
    drawn = [flatten(suggest(study.ask(), kept)) for _ in range(10)]
    kinds = {path: value for path, value in config.items() if path.startswith("model.") and isinstance(value, str)}
    assert all(kinds.items() <= other.items() for other in drawn)
    assert len({other["train.optimizer.lr"] for other in drawn}) > 1


def test_new_studies_get_names_of_their_own_and_the_old_one_is_continued():
    line = again(WORDS, name="first", number=3, config={"a": 1}, start={})
    words = shlex.split(line.text)
    assert words[words.index("--study-name") + 1] == "first-again-3"
    assert words.count("--study-name") == 1
    assert shlex.split(continuing(WORDS, n_trials=7).text) == [*WORDS, "--timeout", "10m"]


def test_what_was_made_in_python_is_continued_in_python():
    config, start = {"train.batch_size": 64}, {"train.batch_size": 32}
    assert continuing((), n_trials=7).text == "study.tune(n_trials=14)"
    assert "{'train.batch_size': 64}" in again((), name="s", number=1, config=config, start=start).text
    assert command_words({}) == ()


def test_a_hidden_password_is_to_be_put_back():
    words = (*WORDS, "--storage", "postgresql://me:***@host/name")
    assert "***" in continuing(words, n_trials=1).note


def test_words_of_a_command_line_say_what_was_given():
    rng = np.random.default_rng(0)
    given = {"target": ["a", "b c"], "seed": int(rng.integers(9)), "per_step": True, "group": None, "set": ["x.y=1"]}
    words = words_of("tune", "data.csv", given)
    assert words[:3] == ("automl-nn", "tune", "data.csv")
    assert words[3:7] == ("--target", "a", "--target", "b c")
    assert "--per-step" in words
    assert "--group" not in words
    assert shlex.split(shlex.join(words)) == list(words)
