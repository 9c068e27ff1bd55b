"""Several labels of handwritten digits, two fifths of which nobody knows: `automl-nn tune studies/digit_labels.py`.

A label that is not known is left empty. It counts neither as yes nor as no in scores and thresholds; in training, what
the network is sure of stands in for it (`train.pseudo`), unless the search finds that this is worse.

Source:
    Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, as scikit-learn bundles it; labels and gaps
    are ours.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_digits


def read() -> pd.DataFrame:
    """Whether the digit of each image is `even`, `small` and `round`; empty where nobody knows."""
    digit, rng = load_digits().target, np.random.default_rng(0)
    labels = pd.DataFrame({"even": digit % 2 == 0, "small": digit < 5, "round": np.isin(digit, (0, 6, 8, 9))})
    return labels.astype(float).mask(rng.random(labels.shape) < 0.4)


def pixels() -> NDArray[Any]:
    """The images `(n, 8, 8)`, from 0 to 16."""
    images: NDArray[Any] = load_digits().images
    return images.astype("uint8")


DATA = read
IMAGES = pixels
TASK = {"target": ["even", "small", "round"], "kind": "multilabel"}
SPACE = {"train.augmentation.flip": "none"}
BUDGET = {"n_trials": 10, "timeout": 300}
