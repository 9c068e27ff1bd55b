"""Free text as numbers: counts of words and pieces of words, and the few directions in which texts differ most."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

N_TERMS = 4_000
"""Most words and pairs of words that are counted, and most pieces of words: those that most texts hold."""

N_DIRECTIONS = 64
"""Most numbers that a text becomes."""

MIN_TEXTS = 2
"""A term that fewer texts hold says nothing of another text."""

PIECES = (2, 3, 4)
"""Lengths of the pieces of words, the spaces around a word included."""

MAX_CHARACTERS = 5_000
"""Of a longer text, the rest is not read."""

MAX_IN_PIECES = 500
"""So many of its first characters are read in pieces, too: what a longer text says, its words say."""

FIT_CHARACTERS = 2**20
"""Characters of the texts that terms and directions are learned from; of more, evenly spaced texts."""

_BUCKETS = 2**19
_AT_ONCE = 2**20
_BASE, _MIX, _ALL = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 2**64
_BACK = pow(_BASE, -1, _ALL)

Unsigned = NDArray[np.uint64]
Integers = NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class TextEncoder:
    """What was learned of a column of texts: plain arrays.

    A text becomes counts of the words, pairs of neighbouring words and pieces of words in it, lower case, as
    `(1 + log count) * log((1 + n) / (1 + n_texts)) + 1` brought to length 1, and these its coordinates along a few
    directions, each with mean 0 and deviation 1 over the training texts. Terms are known by hashes: two that share one
    count as one.

    Args:
        terms: Hashes of the known terms, ascending `(n_terms,)`.
        idf: How much each of them counts `(n_terms,)`.
        directions: `(n_terms, d)`, in 16 bits, since they are stored with every network.
        center: Mean coordinates of the training texts `(d,)`.
        scale: Their deviations `(d,)`.

    Source:
        Deerwester et al. (1990), "Indexing by latent semantic analysis"; weights as in scikit-learn's
        `TfidfVectorizer(sublinear_tf=True)`; hashes after Weinberger et al. (2009), arXiv:0902.2206.

    Example:
        >>> texts = ["a good day", "a bad day", "good, good!", "bad, so bad"]
        >>> fit_texts(texts).transform(texts).shape
        (4, 3)
    """

    terms: NDArray[np.int32]
    idf: NDArray[np.float32]
    directions: NDArray[np.float16]
    center: NDArray[np.float32]
    scale: NDArray[np.float32]

    @property
    def d_out(self) -> int:
        """Numbers that a text becomes."""
        return int(self.directions.shape[1])

    def transform(self, texts: Sequence[str | None]) -> NDArray[np.float32]:
        """Coordinates of texts `(n, d)`; a missing one is an empty one.

        Args:
            texts: The texts.
        """
        directions = self.directions.astype(np.float32)
        parts = [self.weights(chunk) @ directions for chunk in _chunks(texts)]
        coordinates = np.concatenate([np.zeros((0, self.d_out), dtype=np.float32), *parts])
        return np.asarray((coordinates - self.center) / self.scale, dtype=np.float32)

    def weights(self, texts: Sequence[str | None]) -> Any:
        """What each known term weighs in each text, a sparse matrix `(n, n_terms)` with rows of length 1.

        Args:
            texts: The texts; as many as may be held in memory, taken apart.
        """
        return _weights(_counts(texts, self.terms), self.idf)

    def to_json(self) -> dict[str, Any]:
        """The arrays in plain JSON types."""
        names = ("terms", "idf", "directions", "center", "scale")
        return {name: _packed(getattr(self, name)) for name in names}

    @staticmethod
    def from_json(state: Mapping[str, Any]) -> "TextEncoder":
        """The encoder that `to_json` described."""
        return TextEncoder(**{name: _unpacked(array) for name, array in state.items()})


def fit_texts(texts: Sequence[str | None]) -> TextEncoder:
    """Learn the terms of texts and the directions in which they differ most.

    Args:
        texts: Training texts.

    Example:
        >>> fit_texts(["no", "yes"]).d_out  # no term is in two of them
        0
    """
    sample = _sample(texts)
    terms, n_texts = _frequent(sample)
    idf = np.asarray(np.log((1 + len(sample)) / (1 + n_texts)) + 1, dtype=np.float32)
    weights = sparse.vstack([_weights(_counts(chunk, terms), idf) for chunk in _chunks(sample)], format="csr")
    d = max(0, min(N_DIRECTIONS, len(terms) - 1, len(sample) - 1))
    directions = randomized_svd(weights, d, n_iter=3, random_state=0)[2].T if d else np.zeros((len(terms), 0))
    coordinates = weights @ directions
    deviation = coordinates.std(axis=0)
    return TextEncoder(
        terms=terms,
        idf=idf,
        directions=directions.astype(np.float16),
        center=coordinates.mean(axis=0).astype(np.float32),
        scale=np.where(deviation > 1e-6, deviation, 1.0).astype(np.float32),
    )


def _sample(texts: Sequence[str | None]) -> Sequence[str | None]:
    """Evenly spaced texts, as many as may be learned from."""
    n_characters = sum(min(len(text), MAX_CHARACTERS) for text in texts if text)
    return texts[:: max(1, -(-n_characters // FIT_CHARACTERS))]


def _chunks(texts: Sequence[str | None]) -> Iterator[Sequence[str | None]]:
    """The texts in their order, some at a time; one chunk at least."""
    ends = np.cumsum([min(len(text or ""), MAX_CHARACTERS) + 2 for text in texts], dtype=np.int64)
    borders = np.searchsorted(ends, np.arange(_AT_ONCE, ends[-1] if len(ends) else 0, _AT_ONCE))
    starts = np.unique([0, *borders]).tolist()
    yield from (texts[start:end] for start, end in zip(starts, [*starts[1:], len(texts)], strict=True))


def _frequent(texts: Sequence[str | None]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The terms that most texts hold, and how many texts hold them."""
    n_texts = np.zeros(2 * _BUCKETS, dtype=np.int64)
    for chunk in _chunks(texts):
        text, term = _terms(chunk)
        n_texts += np.bincount(np.unique(text * 2 * _BUCKETS + term) % (2 * _BUCKETS), minlength=len(n_texts))
    kept = []
    for first in (0, _BUCKETS):
        own = n_texts[first : first + _BUCKETS]
        best = np.argsort(-own, kind="stable")[:N_TERMS]
        kept.append(first + np.sort(best[own[best] >= MIN_TEXTS]))
    terms = np.concatenate(kept)
    return terms.astype(np.int32), n_texts[terms].astype(np.float64)


def _counts(texts: Sequence[str | None], terms: NDArray[np.int32]) -> Any:
    """How often each text holds each known term, a sparse matrix `(n, n_terms)`."""
    place = np.full(2 * _BUCKETS, -1, dtype=np.int64)
    place[terms] = np.arange(len(terms))
    text, term = _terms(texts)
    column = place[term]
    known = np.flatnonzero(column >= 0)
    ones = np.ones(len(known), dtype=np.float32)
    return sparse.csr_matrix((ones, (text[known], column[known])), shape=(len(texts), len(terms)))


def _weights(counts: Any, idf: NDArray[np.float32]) -> Any:
    counts.sum_duplicates()
    counts.data = (1 + np.log(counts.data)) * idf[counts.indices]
    lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1))).ravel()
    counts.data /= np.repeat(np.maximum(lengths, 1e-12), np.diff(counts.indptr)).astype(np.float32)
    return counts


def _terms(texts: Sequence[str | None]) -> tuple[Integers, Integers]:
    """Every occurrence of a term: the place of its text, and its hash.

    Hashes are differences of one running sum of `code * base ** place`, moved back to place 0: all at once, however
    long the terms are.
    """
    plain = [f" {' '.join((text or '')[:MAX_CHARACTERS].lower().split())} " for text in texts]
    codes = np.frombuffer("".join(plain).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.array([len(one) for one in plain], dtype=np.int64)
    text = np.repeat(np.arange(len(plain)), lengths)
    back = _powers(_BACK, len(codes))
    sums = np.concatenate([[np.uint64(0)], np.cumsum((codes + np.uint64(1)) * _powers(_BASE, len(codes)))])

    def between(start: Integers, end: Integers) -> Unsigned:
        return np.asarray((sums[end] - sums[start]) * back[start], dtype=np.uint64)

    early = np.flatnonzero(np.arange(len(codes)) - (np.cumsum(lengths) - lengths)[text] < MAX_IN_PIECES)
    found = [_words(codes, text, between), *(_pieces(codes, text, early, n, between) for n in PIECES)]
    return np.concatenate([where for where, _ in found]), np.concatenate([term for _, term in found])


def _words(codes: NDArray[np.uint32], text: Integers, between: Any) -> tuple[Integers, Integers]:
    """Words, and pairs of neighbouring words."""
    inside = np.concatenate([[False], _is_of_word()[np.minimum(codes, 0xFFFF)], [False]])
    start, end = np.flatnonzero(inside[1:] & ~inside[:-1]), np.flatnonzero(inside[:-1] & ~inside[1:])
    word, where = between(start, end), text[start]
    beside = np.flatnonzero(where[1:] == where[:-1])
    pair = word[beside] * np.uint64(_MIX) + word[beside + 1]
    return np.concatenate([where, where[beside]]), _bucket(np.concatenate([word, pair]))


def _pieces(
    codes: NDArray[np.uint32], text: Integers, start: Integers, n: int, between: Any
) -> tuple[Integers, Integers]:
    """Pieces of n characters that begin at these places and hold a space at their ends at most."""
    spaces = np.concatenate([[0], np.cumsum(codes == ord(" "))])
    start = start[start + n <= len(codes)]
    inner = spaces[start + n - 1] - spaces[np.minimum(start + 1, len(codes))]
    start = start[(inner == 0) & (text[start] == text[start + n - 1])]
    return text[start], _BUCKETS + _bucket(between(start, start + n) + np.uint64(n))


def _bucket(hashes: Unsigned) -> Integers:
    mixed = (hashes ^ (hashes >> np.uint64(32))) * np.uint64(_MIX)
    return np.asarray((mixed >> np.uint64(32)) % np.uint64(_BUCKETS), dtype=np.int64)


def _powers(base: int, n: int) -> Unsigned:
    """`base ** i` for the first n whole numbers i, modulo 2 ** 64."""
    powers = np.full(n, base, dtype=np.uint64)
    powers[:1] = 1
    return np.asarray(np.multiply.accumulate(powers), dtype=np.uint64)


@lru_cache(maxsize=1)
def _is_of_word() -> NDArray[np.bool_]:
    """Which characters are letters or digits; the last place stands for all that lie beyond."""
    return np.array([chr(code).isalnum() for code in range(0xFFFF)] + [True])


def _packed(array: NDArray[Any]) -> dict[str, Any]:
    """An array as text."""
    text = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
    return {"type": array.dtype.str, "shape": list(array.shape), "bytes": text}


def _unpacked(packed: Mapping[str, Any]) -> NDArray[Any]:
    """The array that `_packed` described."""
    kind = np.dtype(packed["type"])
    return np.frombuffer(base64.b64decode(packed["bytes"]), dtype=kind).reshape(packed["shape"])
