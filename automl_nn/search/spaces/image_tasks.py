"""What of the space for images depends on what is asked: maps, several labels, columns beside the images."""

from collections.abc import Mapping
from typing import Any

from automl_nn.model.backbones import BACKBONES, MAPS
from automl_nn.model.backbones.fusion import BLIND, FUSION
from automl_nn.model.numeric import numeric_embeddings
from automl_nn.search.problems.problem import Problem, has_gaps, takes_unlabelled
from automl_nn.space.options import Options, Space
from automl_nn.space.ranges import Choice, Held, Integer, Real, Value
from automl_nn.train.losses.options import LABEL_LOSSES
from automl_nn.train.naming import NAMING
from automl_nn.train.pseudo import PSEUDO
from automl_nn.train.reconstruction import RECONSTRUCTION

MAP_PORTFOLIO: tuple[Mapping[str, Value], ...] = (
    {"model.backbone.d_block": 8, "model.backbone.side": 64},
    {},
    {"train.loss.name": "huber"},
    {"model.recipe": "relu-he-groupnorm"},
    {"model.backbone.n_levels": 4, "train.optimizer.lr": 1e-3},
)
"""What the first trials change of the defaults where pixels have labels: a small and quick one first."""

FUSION_PORTFOLIO: tuple[Mapping[str, Value], ...] = (
    {"model.backbone.name": "blind", "model.beside.d_block": 256},
    {"model.backbone.d_block": 8, "model.backbone.side": 32},
    {"model.backbone.side": 32},
    {"model.backbone.d_block": 8, "model.backbone.side": 32, "model.fusion.n_joint": 0, "model.dropout.rate": 0.3},
    {},
    {"model.backbone.name": "blind", "model.beside.name": "realmlp", "model.embedding.name": "piecewise"},
)
"""The same where columns stand beside images: what they say alone is known first."""

PSEUDO_TRIAL: Mapping[str, Value] = {"train.pseudo.name": "confident"}
"""A trial in which images without a label take part."""

GAPS_TRIAL: Mapping[str, Value] = {"train.pseudo.name": "none"}
"""A trial in which gaps between labels stay open, where they are filled by default."""

STILL_TRIAL: Mapping[str, Value] = {"model.backbone.side": 32, "train.augmentation.shift": 0.0}
"""A trial in which images stay where they are: what is asked for may be a place."""

IN_GAPS: Space = {
    **PSEUDO["confident"].space,
    "threshold": Real(0.7, 0.99, default=0.85, valid=(0.0, 1.0)),
    "weight": Real(0.1, 1.0, default=1.0, log=True, valid=(0.0, 100.0)),
}
"""How gaps between labels are filled: sooner than rows without any label, since the known labels keep them in check."""

MAP_BATCHES = (4, 8, 16, 32)
"""Images of a batch, each of which has thousands of labels."""

MAP_SIDE: Space = {"side": Choice((64, 128), default=128, also=Integer(4, 1024, default=128))}
"""As for other images, but twice as long: what is asked about pixels needs more of them."""

MAP_STEPS = 1500
"""Optimizer steps of a full training of maps, within 15 to 100 epochs."""


def suited(space: Mapping[str, Any], problem: Problem) -> Space:
    """The space of images, suited to what is asked.

    Args:
        space: The groups `model` and `train` of any images.
        problem: What is asked.
    """
    model, train = dict(space["model"]), dict(space["train"])
    if problem.maps is not None:
        model["backbone"] = MAPS.with_spaces({name: {**option.space, **MAP_SIDE} for name, option in MAPS.items()})
        train |= _map_train(len(problem.split.train))
    if problem.table.used:
        beside = BACKBONES.only("mlp", "resnet", "realmlp")
        table = model["backbone"]
        model["backbone"] = Options(
            "backbone", {**table, "blind": BLIND}, default=table.default, searched=(*table.searched, "blind")
        )
        embedding = numeric_embeddings(n_rows=len(problem.split.train), n_numeric=problem.table.n_numeric)
        model |= {"embedding": embedding, "beside": beside, "fusion": FUSION}
    if problem.task.kind == "multilabel":
        train["loss"] = LABEL_LOSSES.search(*LABEL_LOSSES)
    if problem.task.family == "embedding":
        train["augmentation"] = {**train["augmentation"], "mixup": 0.0}  # a mixture of two classes is of none
        train["naming"] = NAMING
    if takes_unlabelled(problem):
        train["reconstruction"] = RECONSTRUCTION
    if has_gaps(problem):
        train["pseudo"] = PSEUDO.with_spaces({"confident": IN_GAPS, "none": {}}).search("confident", "none")
    elif takes_unlabelled(problem) and problem.task.family in ("classes", "labels"):
        train["pseudo"] = PSEUDO
    return {"model": model, "train": train}


def _map_train(n_rows: int) -> Space:
    sizes = [size for size in MAP_BATCHES if size <= max(4, n_rows // 8)][-3:]
    batch_size = sizes[-1] if n_rows >= 1024 else sizes[max(0, len(sizes) - 2)]
    n_epochs = min(100, max(15, MAP_STEPS * batch_size // n_rows))
    return {
        "batch_size": Choice(tuple(sizes), default=batch_size, also=Integer(1, 4096, default=16)),
        "n_epochs": Held(Integer(1, 1000, default=n_epochs, log=True, valid=(1, 1_000_000))),
        "patience": Held(Integer(1, 200, default=max(6, n_epochs // 3), log=True, valid=(1, 1_000_000))),
    }
