"""Decision trees as arrays: a small evaluator that needs no pickle and no library that grew them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CHUNK = 2**15
"""Rows times trees that are evaluated at a time: what fits into a processor's cache."""

WORD = 32
"""Categories in a word of a bit set."""


@final
@dataclass(frozen=True)
class Trees:
    """Sums of trees, one or several for each output.

    All nodes of all trees stand in one list. A leaf is its own child, so that all rows may go down equally far.

    Args:
        feature: Column that a node asks for `(n_nodes,)`.
        threshold: A value up to it goes left `(n_nodes,)`.
        left: Left child `(n_nodes,)`.
        right: Right child `(n_nodes,)`.
        value: What a leaf adds `(n_nodes,)`.
        missing_left: Whether a missing value goes left `(n_nodes,)`.
        bits: Place in `bitsets` of a node that asks for a category, else -1 `(n_nodes,)`.
        bitsets: Categories that go left, as bits `(n_bitsets, 8)`.
        roots: First node of each tree `(n_trees,)`.
        columns: Output to which each tree adds `(n_trees,)`.
        baseline: Outputs without any tree `(d_out,)`.
        depth: Longest way from a root to a leaf `(1,)`.

    Example:
        >>> Trees.constant(np.array([0.5])).output(np.zeros((2, 3))).tolist()
        [[0.5], [0.5]]
    """

    feature: NDArray[np.int32]
    threshold: Array
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Array
    missing_left: NDArray[np.uint8]
    bits: NDArray[np.int32]
    bitsets: NDArray[np.uint32]
    roots: NDArray[np.int32]
    columns: NDArray[np.int32]
    baseline: Array
    depth: NDArray[np.int32]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of them by name."""
        return asdict(self)

    def output(self, x: Array) -> Array:
        """The sums `(n_rows, d_out)`.

        Args:
            x: One row an example `(n_rows, d)`; NaN is a missing value or an unknown category.
        """
        output = np.tile(self.baseline, (len(x), 1))
        if not len(self.roots):
            return output
        size = max(1, CHUNK // len(self.roots))
        places = np.equal.outer(self.columns, np.arange(len(self.baseline))).astype(np.float64)
        for start in range(0, len(x), size):
            output[start : start + size] += self.value[self._leaves(x[start : start + size])] @ places
        return output

    def _leaves(self, x: Array) -> NDArray[np.int32]:
        """The leaf of each row in each tree `(n_rows, n_trees)`."""
        node = np.tile(self.roots, (len(x), 1))
        flat, first = np.ascontiguousarray(x).ravel(), x.shape[1] * np.arange(len(x))[:, None]
        for _ in range(int(self.depth[0])):
            left = self._goes_left(node, flat.take(first + self.feature.take(node)))
            node = np.where(left, self.left.take(node), self.right.take(node))
        return node

    def _goes_left(self, node: NDArray[np.int32], x: Array) -> NDArray[np.bool_]:
        left = x <= self.threshold.take(node)
        if len(self.bitsets):
            bits = self.bits.take(node)
            asks = bits >= 0
            left[asks] = self._is_member(bits[asks], x[asks])
        missing = np.isnan(x)
        if missing.any():
            left[missing] = self.missing_left.take(node[missing]).astype(bool)
        return left

    def _is_member(self, bits: NDArray[np.int32], x: Array) -> NDArray[np.bool_]:
        category = np.nan_to_num(x).astype(np.int64)
        words = self.bitsets[bits, category // WORD]
        return np.asarray((words >> (category % WORD).astype(np.uint32)) & 1, dtype=np.bool_)

    @staticmethod
    def constant(baseline: Array) -> "Trees":
        """No tree at all."""
        none, ids = np.zeros(0), np.zeros(0, dtype=np.int32)
        return Trees(
            feature=ids,
            threshold=none,
            left=ids,
            right=ids,
            value=none,
            missing_left=ids.astype(np.uint8),
            bits=ids,
            bitsets=np.zeros((0, 8), dtype=np.uint32),
            roots=ids,
            columns=ids,
            baseline=baseline,
            depth=np.zeros(1, dtype=np.int32),
        )

    @staticmethod
    def of(model: Any, *, columns: Sequence[int], baseline: Array) -> "Trees":
        """The trees of scikit-learn's histogram gradient boosting.

        Args:
            model: A fitted classifier or regressor whose categorical columns come first and hold 0, 1, 2, ...
            columns: Output of each tree of a round.
            baseline: Outputs of what the model does not fill.
        """
        trees = [
            _tree(tree, column=column, d_out=len(baseline))
            for grown in model._predictors
            for tree, column in zip(grown, columns, strict=True)
        ]
        start = np.zeros(len(baseline))
        start[list(columns)] = model._baseline_prediction.ravel()
        return _concatenated([*trees, Trees.constant(baseline + start)])


def _tree(tree: Any, *, column: int, d_out: int) -> Trees:
    nodes, here = tree.nodes, np.arange(len(tree.nodes), dtype=np.int32)
    leaf = nodes["is_leaf"].astype(bool)
    return Trees(
        feature=np.where(leaf, 0, nodes["feature_idx"]).astype(np.int32),
        threshold=nodes["num_threshold"].astype(np.float64),
        left=np.where(leaf, here, nodes["left"]).astype(np.int32),
        right=np.where(leaf, here, nodes["right"]).astype(np.int32),
        value=nodes["value"].astype(np.float64),
        missing_left=nodes["missing_go_to_left"].astype(np.uint8),
        bits=np.where(nodes["is_categorical"].astype(bool) & ~leaf, nodes["bitset_idx"], -1).astype(np.int32),
        bitsets=np.asarray(tree.raw_left_cat_bitsets, dtype=np.uint32).reshape(-1, 8),
        roots=np.zeros(1, dtype=np.int32),
        columns=np.array([column], dtype=np.int32),
        baseline=np.zeros(d_out),
        depth=np.array([nodes["depth"].max()], dtype=np.int32),
    )


def _concatenated(trees: Sequence[Trees]) -> Trees:
    """All trees in one list of nodes; baselines are added up."""
    start = np.cumsum([0, *(len(tree.value) for tree in trees)])[:-1]
    first_bits = np.cumsum([0, *(len(tree.bitsets) for tree in trees)])[:-1]
    moved = [
        asdict(tree)
        | {name: (getattr(tree, name) + at).astype(np.int32) for name in ("left", "right", "roots")}
        | {"bits": np.where(tree.bits >= 0, tree.bits + bits, -1).astype(np.int32)}
        for tree, at, bits in zip(trees, start, first_bits, strict=True)
    ]
    joined = {name: np.concatenate([tree[name] for tree in moved]) for name in moved[0]}
    joined["baseline"] = np.sum([tree["baseline"] for tree in moved], axis=0)
    joined["depth"] = joined["depth"].max(keepdims=True)
    return Trees(**joined)


def join(fitted: Sequence[Trees]) -> Trees:
    """The outputs of several sums of trees side by side.

    Example:
        >>> join([Trees.constant(np.array([1.0])), Trees.constant(np.array([2.0]))]).output(np.zeros((1, 1))).tolist()
        [[1.0, 2.0]]
    """
    widths = [len(trees.baseline) for trees in fitted]
    placed = []
    for start, trees in zip(np.cumsum([0, *widths])[:-1], fitted, strict=True):
        baseline = np.zeros(sum(widths))
        baseline[start : start + len(trees.baseline)] = trees.baseline
        columns = (trees.columns + start).astype(np.int32)
        placed.append(Trees(**(asdict(trees) | {"columns": columns, "baseline": baseline})))
    return _concatenated(placed)
