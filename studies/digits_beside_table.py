"""Which of two digits is larger, one of them as an image, the other one written in a column beside it.

Neither the image nor the table can tell by itself: `automl-nn tune studies/digits_beside_table.py`.

Source:
    Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, as scikit-learn bundles it; the column and
    the question are ours.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_digits


def read() -> pd.DataFrame:
    """A number from 0 to 9 that is `written` beside each image, and whether the image's digit is `larger`."""
    digit = load_digits().target
    written = np.random.default_rng(0).integers(0, 10, len(digit))
    return pd.DataFrame({"written": written, "larger": np.where(digit > written, "yes", "no")})


def pixels() -> NDArray[Any]:
    """The images `(n, 8, 8)`, from 0 to 16."""
    images: NDArray[Any] = load_digits().images
    return images.astype("uint8")


DATA = read
IMAGES = pixels
TASK = {"target": "larger", "metric": "accuracy", "roles": {"written": "numeric"}}
SPACE = {"train.augmentation.flip": "none"}
BUDGET = {"n_trials": 10, "timeout": 300}
