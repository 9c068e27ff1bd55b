import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_blobs
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

from automl_nn.data.table import Table
from automl_nn.model import texts as module
from automl_nn.model.encoders import ENCODERS, Encoder
from automl_nn.model.texts import TextEncoder, fit_texts

WORDS = ["river", "stone", "cloud", "green", "slow", "über", "naïve", "7up", "tree", "of", "wind", "x", "42", "door"]


def sentences(n, seed=0):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, size=rng.integers(3, 12))) for _ in range(n)]


TEXTS = sentences(80)


def gram(weights):
    return np.asarray((weights @ weights.T).todense())


def only(monkeypatch, *, words, pieces=()):
    """Count words and pairs alone, or pieces of these lengths alone."""
    monkeypatch.setattr(module, "PIECES", pieces)
    if not words:
        none = np.zeros(0, dtype=np.int64)
        monkeypatch.setattr(module, "_words", lambda codes, text, between: (none, none))


def test_words_and_pairs_weigh_what_scikit_learn_says(monkeypatch):
    only(monkeypatch, words=True)
    known = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    expected = gram(known.fit_transform(TEXTS))
    np.testing.assert_allclose(gram(fit_texts(TEXTS).weights(TEXTS)), expected, atol=1e-5)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_pieces_of_words_weigh_what_scikit_learn_says(monkeypatch, n):
    only(monkeypatch, words=False, pieces=(n,))
    known = TfidfVectorizer(analyzer="char_wb", ngram_range=(n, n), min_df=2, sublinear_tf=True)
    texts = [text.replace("x ", "xylophone ").replace("of", "often").replace("42", "4242") for text in TEXTS]
    texts = [f"{text} door" for text in texts if not text.endswith(" x")]  # pieces of words shorter than n differ
    expected = gram(known.fit_transform(texts))
    np.testing.assert_allclose(gram(fit_texts(texts).weights(texts)), expected, atol=1e-5)


def test_coordinates_are_those_of_the_singular_vectors():
    encoder = fit_texts(TEXTS)
    weights = encoder.weights(TEXTS)
    singular = randomized_svd(weights, encoder.d_out, n_iter=3, random_state=0)[2].T
    expected = weights @ singular
    expected = (expected - expected.mean(axis=0)) / expected.std(axis=0)
    np.testing.assert_allclose(encoder.transform(TEXTS), expected, atol=0.02)  # directions are kept in 16 bits


def test_a_text_becomes_the_same_alone_and_among_many(monkeypatch):
    encoder = fit_texts(TEXTS)
    whole = encoder.transform(TEXTS)
    np.testing.assert_allclose(encoder.transform(TEXTS[7:8]), whole[7:8], atol=1e-5)
    monkeypatch.setattr(module, "_AT_ONCE", 100)
    np.testing.assert_allclose(encoder.transform(TEXTS), whole, atol=1e-5)


def test_terms_are_those_of_few_texts_at_a_time_too(monkeypatch):
    whole = fit_texts(TEXTS)
    monkeypatch.setattr(module, "_AT_ONCE", 100)
    np.testing.assert_array_equal(fit_texts(TEXTS).terms, whole.terms)


def test_case_and_spaces_do_not_matter_and_a_missing_text_is_an_empty_one():
    encoder = fit_texts(TEXTS)
    odd = ["River\n  STONE\tcloud", None, ""]
    plain = encoder.transform(["river stone cloud", "", ""])
    np.testing.assert_allclose(encoder.transform(odd), plain, atol=1e-6)


def test_only_the_beginning_of_a_long_text_is_read(monkeypatch):
    monkeypatch.setattr(module, "MAX_CHARACTERS", 20)
    encoder = fit_texts(TEXTS)
    long = TEXTS[0] + " door wind" * 50
    np.testing.assert_allclose(encoder.transform([long]), encoder.transform([long[:20]]), atol=1e-6)


@pytest.mark.parametrize("texts", [["", None], ["a b c"], ["\ud800 x", "\ud800 x"], ["🙂 🙂 ok", "🙂 ok"], [None] * 3])
def test_odd_texts_become_finite_numbers(texts):
    assert np.isfinite(fit_texts(texts).transform([*texts, "new words", None])).all()


def test_an_encoder_survives_json():
    encoder = fit_texts(TEXTS)
    stored = TextEncoder.from_json(json.loads(json.dumps(encoder.to_json())))
    np.testing.assert_array_equal(stored.transform(TEXTS), encoder.transform(TEXTS))


def test_a_table_of_texts_and_numbers_is_encoded_side_by_side():
    numbers = make_blobs(80, n_features=2, random_state=0)[0]
    frame = pd.DataFrame({"note": TEXTS, "a": numbers[:, 0], "b": numbers[:, 1], "flag": [True, False] * 40})
    table = Table.from_frame(frame)
    encoder = ENCODERS.make({"name": "robust", "max_one_hot": 10}, table=table)
    inputs = encoder.transform(table)
    assert table.columns[0].role == "text"
    assert encoder.n_numeric == 2
    assert inputs.dense.shape == (80, encoder.d_dense)
    np.testing.assert_array_equal(inputs.numbers[:, 2:], fit_texts(TEXTS).transform(TEXTS))
    again = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))
    np.testing.assert_array_equal(again.transform(table).dense, inputs.dense)
