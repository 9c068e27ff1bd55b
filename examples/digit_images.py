"""Tell handwritten digits apart: an estimator of images in a scikit-learn workflow, and its model in a file."""

import tempfile
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from automl_nn import ImageClassifier, Predictor


def main() -> None:
    digits = load_digits()
    X, X_new, y, y_new = train_test_split(digits.images.astype("uint8"), digits.target, random_state=0)
    classifier = ImageClassifier(
        n_trials=1, random_state=0
    )  # for a real search: n_trials=None, timeout=300, n_workers=2
    classifier.fit(X, y)
    print(f"{classifier.score(X_new, y_new):.3f} of {len(y_new)} new digits are told right")

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "digits.nn")
        classifier.predictor_.save(file)
        print(Predictor.load(file).predict(X_new[:5]))


if __name__ == "__main__":
    main()
