"""Embeddings in which images of one digit lie close together: `automl-nn tune studies/digit_embeddings.py`.

Source:
    Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, as scikit-learn bundles it.
"""

from typing import Any

import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_digits


def read() -> pd.DataFrame:
    """The `digit` of each image."""
    return pd.DataFrame({"digit": load_digits().target})


def pixels() -> NDArray[Any]:
    """The images `(n, 8, 8)`, from 0 to 16."""
    images: NDArray[Any] = load_digits().images
    return images.astype("uint8")


DATA = read
IMAGES = pixels
TASK = {"target": "digit", "kind": "embedding", "metric": "recall_at_1"}
SPACE = {"train.augmentation.flip": "none"}
BUDGET = {"n_trials": 10, "timeout": 300}
