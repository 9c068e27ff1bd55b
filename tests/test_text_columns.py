"""Free text from the table to the model file."""

import numpy as np
import pandas as pd
import pytest

from automl_nn.data.roles import guess_role
from automl_nn.predict.predictor import Predictor
from automl_nn.search.problems.problem import pose
from automl_nn.study import Study

QUICK = {"train.n_epochs": 8, "model.backbone.name": "mlp", "model.backbone.d_block": 16, "train.batch_size": 32}
SPAM, HAM = ["free", "prize", "call", "now", "win"], ["see", "you", "at", "home", "later"]


def messages(rng, n=300):
    labels = rng.random(n) < 0.4
    return pd.DataFrame({"text": [message(is_spam, rng) for is_spam in labels], "spam": labels.astype(int)})


def message(is_spam, rng):
    own = rng.choice(SPAM if is_spam else HAM, 4)
    return " ".join([*own, *rng.choice(["the", "a", "and", "ok", "so"], 5), str(rng.integers(1000))])


FRAME = messages(np.random.default_rng(0))


def test_a_table_of_one_text_column_is_learned_and_deployed(tmp_path):
    study = Study(FRAME, "spam", settings=QUICK, storage=f"sqlite:///{tmp_path}/s.db", metric="roc_auc")
    study.tune(n_trials=1)
    assert study.best_score > 0.95
    assert (study.references().set_index("name")["score"] > 0.95).all()
    predictor = study.predictor(with_references=True)
    predictor.save(tmp_path / "model.nn")
    rows = pd.DataFrame({"text": ["free prize now", "see you later", None]})
    loaded = Predictor.load(tmp_path / "model.nn")
    np.testing.assert_array_equal(loaded.predict_proba(rows), predictor.predict_proba(rows))
    assert loaded.predict(rows)[0] == 1
    assert loaded.predict(rows)[1] == 0


def test_rows_that_choose_teach_the_encoder_nothing():
    def encoders(frame):
        problem = pose(frame, ["spam"])
        return problem.split.val, problem.text_encoders

    val, (before,) = encoders(FRAME)
    changed = FRAME.copy()
    changed.loc[val, "text"] = [f"quite other words {i} stand in here" for i in range(len(val))]
    _, (after,) = encoders(changed)
    np.testing.assert_array_equal(before.terms, after.terms)
    np.testing.assert_array_equal(before.directions, after.directions)


@pytest.mark.parametrize(
    ("role", "values"),
    [
        ("text", [f"this is sentence number {i}" for i in range(60)]),
        ("text", [f"this is sentence number {i}" for i in range(60)] + [None] * 60),
        ("category", [f"this is sentence number {i}" for i in range(9)]),
        ("category", [f"head of department {i % 20}" for i in range(60)]),
        ("category", [f"person {i}" for i in range(60)]),
    ],
)
def test_free_text_has_many_values_of_many_words(role, values):
    assert guess_role(pd.Series(values)) == role
