import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from automl_nn.task.ranking import average_precision, roc_auc


@pytest.mark.parametrize("digits", [0, 1, 9])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.98])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_equal_those_of_scikit_learn_with_and_without_ties(digits, share, dtype):
    rng = np.random.default_rng(0)
    y = (rng.random(500) < share).astype(dtype)
    y[:2] = 0, 1
    score = (y + rng.normal(size=500)).round(digits).astype(dtype)
    assert average_precision(y, score) == pytest.approx(average_precision_score(y, score), abs=1e-12)
    assert roc_auc(y, score) == pytest.approx(roc_auc_score(y, score), abs=1e-12)
