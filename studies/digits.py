"""Tell handwritten digits apart, 8 x 8 pixels each: `automl-nn tune studies/digits.py`.

Source:
    Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, as scikit-learn bundles it.
"""

from typing import Any

import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from automl_nn import Choice


def read() -> pd.DataFrame:
    """The `digit` of each image."""
    return pd.DataFrame({"digit": load_digits().target})


def pixels() -> NDArray[Any]:
    """The images `(n, 8, 8)`, from 0 to 16."""
    images: NDArray[Any] = load_digits().images
    return images.astype("uint8")


DATA = read
IMAGES = pixels
TASK = {"target": "digit", "kind": "multiclass"}
SPACE = {"train.augmentation.flip": "none", "train.batch_size": Choice((32, 64))}
BUDGET = {"n_trials": 10, "timeout": 300}
