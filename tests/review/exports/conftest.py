"""A study to write for other programs."""

import pytest

from automl_nn.store.claims import Worker
from automl_nn.store.records import EpochRow, Outcome
from automl_nn.store.store import Store

NAME = "a <b>study</b> of ✂ 100 %"
FACTS = ("train_loss", "val_loss", "train_score", "grad_norm_median", "grad_norm_p90", "grad_norm_max", "clipped")
FACTS += ("skipped", "learning_rate", "rows_per_second")


def train(store, study_id, scores, *, state="complete", rate=0.125):
    """Store a trial with these scores by epoch."""
    claim = store.claim(study_id, n_trials=None, worker=Worker.this())
    config = {"model": {"backbone": {"name": "mlp"}}, "train": {"optimizer": {"lr": rate}, "shuffle": True}}
    store.begin(claim, config=config, seed=0)
    for number, score in enumerate(scores, start=1):
        row = {"number": number, "score": score, "seconds": 2.0, "metrics": {"val": {"roc_auc": score}}}
        store.report(claim, EpochRow(**row, **dict.fromkeys(FACTS, 0.5)))
    if state == "failed":
        store.fail(claim, ValueError("no, <script>"), seconds=2.0)
    else:
        store.finish(claim, Outcome(state, scores[-1], seconds=4.0, best_epoch=len(scores), n_parameters=7))


@pytest.fixture
def store(tmp_path):
    """A store with a study of a complete, a pruned, a failed and a running trial."""
    with Store(f"sqlite:///{tmp_path}/studies.db") as opened:
        study_id = opened.open_study(NAME, spec={})
        train(opened, study_id, [0.25, 0.75])
        train(opened, study_id, [0.5], state="pruned", rate=0.25)
        train(opened, study_id, [float("nan")], state="failed")
        opened.claim(study_id, n_trials=None, worker=Worker.this())
        yield opened


@pytest.fixture
def study_id(store):
    """The study of that store."""
    return store.study_id(NAME)
