"""The stored models of a study as objects that predict."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from numpy.typing import NDArray

from automl_nn.search.references.reference import Reference
from automl_nn.store.store import Store
from automl_nn.train.trained import Trained, several_from_bytes


@final
@dataclass(frozen=True)
class Loaded:
    """A model of a study.

    Args:
        model: A network or a reference.
        weight: Its weight in the mean of the outputs.
        probe: What it gave for the first of the rows that choose, `(n_probe, d_out)` or more; None if that was one
            network of several.
    """

    model: Trained | Reference
    weight: float
    probe: NDArray[Any] | None


def load_members(store: Store, study_id: int, members: Mapping[int | str, float], *, refit: bool) -> list[Loaded]:
    """The models of trials and references.

    Args:
        store: Where the study is kept.
        study_id: The study.
        members: Weight of each trial, by number, and of each reference, by name; they sum to 1.
        refit: Whether networks that were trained again on all rows stand beside those of the search.
    """
    loaded: list[Loaded] = []
    runs, are_directions = run_ids(store, study_id), store.spec(study_id)["task"]["kind"] == "embedding"
    for member, weight in members.items():
        if isinstance(member, str):
            output, payload = store.reference(study_id, member)
            reference = Reference.from_bytes(payload)
            loaded.append(Loaded(reference, weight, output if len(reference.models) == 1 else None))
        else:
            loaded += _networks(store, runs[member], weight, refit=refit, are_directions=are_directions)
    return loaded


def run_ids(store: Store, study_id: int) -> dict[int, int]:
    """From the number of each trial to its run."""
    trials = store.trials(study_id)
    return dict(zip(trials["number"].astype(int).tolist(), trials["run_id"].astype(int).tolist(), strict=True))


def _networks(store: Store, run_id: int, weight: float, *, refit: bool, are_directions: bool) -> list[Loaded]:
    """Those of the search and those that were trained again, all with the same weight.

    Embeddings of two networks have nothing in common: of these it is the last one.
    """
    networks = several_from_bytes(store.model(run_id))
    probes = [store.predictions(run_id), *[None] * (len(networks) - 1)]  # the first rows are those of the first fold
    found = list(zip(networks, probes, strict=True))
    if refit:
        found += [(Trained.from_bytes(row.payload), row.probe) for row in store.refits(run_id)]
    found = found[-1:] if are_directions else found
    return [Loaded(network, weight / len(found), probe) for network, probe in found]
