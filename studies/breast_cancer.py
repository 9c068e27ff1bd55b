"""Tell malignant from benign tumours by the cell nuclei of a biopsy: `automl-nn tune studies/breast_cancer.py`.

Source:
    Street, Wolberg and Mangasarian (1993), Breast Cancer Wisconsin (Diagnostic), as scikit-learn bundles it.
"""

import pandas as pd
from sklearn.datasets import load_breast_cancer

from automl_nn import Choice, Integer


def read() -> pd.DataFrame:
    """The 30 measurements of each biopsy, and its `diagnosis`."""
    frame: pd.DataFrame = load_breast_cancer(as_frame=True).frame
    return frame.assign(diagnosis=frame.pop("target").map({0: "malignant", 1: "benign"}))


DATA = read
TASK = {"target": "diagnosis", "kind": "binary", "metric": "average_precision"}
SPACE = {
    "model.backbone.name": "mlp",
    "model.backbone.n_blocks": Integer(1, 3, default=2),
    "train.batch_size": Choice((32, 64, 128)),
}
BUDGET = {"n_trials": 50, "timeout": 300}
