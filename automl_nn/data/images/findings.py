"""What images show before any training: copies of each other, copies with other labels, flat ones."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.data.findings import Finding, find_classes
from automl_nn.data.images.arrays import ROWS_AT_ONCE, Images


def find_in_images(images: Images, labels: Any = None) -> tuple[Finding, ...]:
    """Look through images and, if given, their labels.

    Args:
        images: The images.
        labels: Classes (n_rows,) or one column per label (n_rows, n_labels); missing where not known.

    Example:
        >>> images = Images.of(np.array([0, 1, 2, 3, 0], dtype=np.uint8).repeat(4).reshape(5, 2, 2))
        >>> for finding in find_in_images(images):
        ...     print(f"{finding.kind}: {finding.message}")
        duplicates: 1 of 5 images equals an earlier one: copies are kept in one part.
        flat: 5 of 5 images have one value at every pixel: look at them.
    """
    return (*images.findings, *_copies(images.hashes, labels), *_flat(images), *find_classes(labels))


def _copies(hashes: npt.NDArray[np.object_], labels: Any) -> Iterator[Finding]:
    n_copies = int(pd.Series(hashes).duplicated().sum())
    if not n_copies:
        return
    equals = "equals" if n_copies == 1 else "equal"
    text = f"{n_copies:,} of {len(hashes):,} images {equals} an earlier one: copies are kept in one part."
    yield Finding("duplicates", "warning", "", text)
    if labels is None:
        return
    frame = pd.DataFrame(labels).assign(__image__=hashes).dropna()
    several = frame.drop_duplicates()["__image__"].duplicated(keep=False)
    n_torn = int(frame["__image__"].isin(frame.drop_duplicates()["__image__"][several]).sum())
    if n_torn:
        text = f"{n_torn:,} of {len(hashes):,} images equal one with another label: no model can be right about them."
        yield Finding("conflicts", "warning", "", text)


def _flat(images: Images) -> Iterator[Finding]:
    pieces = (images.pixels[start : start + ROWS_AT_ONCE] for start in range(0, len(images), ROWS_AT_ONCE))
    n_flat = sum(int((part.max((1, 2, 3)) == part.min((1, 2, 3))).sum()) for part in pieces)
    if n_flat:
        have = "has" if n_flat == 1 else "have"
        text = f"{n_flat:,} of {len(images):,} images {have} one value at every pixel: look at them."
        yield Finding("flat", "warning", "", text)
