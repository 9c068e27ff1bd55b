"""Tell nine speakers apart by how they say two vowels: `automl-nn tune studies/japanese_vowels.py`.

The 270 utterances to learn from are 7 to 26 steps long and have 12 channels, the cepstrum of the voice. They come with
aeon (`pip install aeon`), and so do the 370 utterances to judge by, which this study leaves alone.

Source:
    Kudo, Toyama and Shimbo (1999), Multidimensional curve classification using passing-through regions, as aeon bundles
    it.
"""

import pandas as pd
from aeon.datasets import load_japanese_vowels  # type: ignore[import-not-found]

from automl_nn import Choice


def read() -> pd.DataFrame:
    """One row a step: the number of the utterance, its speaker, and the channels `x0` to `x11`."""
    series, speakers = load_japanese_vowels(split="train")
    utterances = [
        pd.DataFrame(one.T).add_prefix("x").assign(utterance=number, speaker=speaker)
        for number, (one, speaker) in enumerate(zip(series, speakers, strict=True))
    ]
    return pd.concat(utterances, ignore_index=True)


DATA = read
TASK = {"target": "speaker", "series_id": "utterance", "metric": "accuracy"}
SPACE = {"train.n_windows": Choice((270, 540))}
BUDGET = {"timeout": 120}
