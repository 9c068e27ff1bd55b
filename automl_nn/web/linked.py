"""Optuna's storage as Optuna dashboard sees it: the note of each of our studies begins with links to our pages."""

from collections.abc import Mapping
from typing import Any, final

from optuna.storages._cached_storage import _CachedStorage
from optuna.study._frozen import FrozenStudy
from sqlalchemy import select

from automl_nn.store.opening import open_reading
from automl_nn.store.retries import retried
from automl_nn.store.schema import StudyTable

VERSION, TEXT = "dashboard:note_ver", "dashboard:note_str:"
"""Keys of the note of a study in Optuna dashboard: its version, and its text in numbered pieces."""


@final
class Linked(_CachedStorage):
    """A storage to look at, whose studies show links to our pages; nothing is written for that.

    Args:
        url: `sqlite:///file.db` or `postgresql://user:password@host/name`.

    Raises:
        StorageError: As for `open_reading`.
    """

    def __init__(self, url: str) -> None:
        self._storage = open_reading(url)
        super().__init__(self._storage)

    def get_all_studies(self) -> list[FrozenStudy]:
        """All studies, ours with their links."""
        studies, ours = super().get_all_studies(), retried(self._storage.engine, self._our_ids)
        for study in studies:
            if study._study_id in ours:
                study.system_attrs = with_links(study.system_attrs, study._study_id)
        return studies

    def _our_ids(self) -> set[int]:
        with self._storage.engine.connect() as connection:
            return set(connection.scalars(select(StudyTable.study_id)))


def with_links(attributes: Mapping[str, Any], study_id: int) -> dict[str, Any]:
    """The attributes of a study with links before its note.

    Args:
        attributes: As Optuna stores them.
        study_id: The study.

    Example:
        >>> note = with_links({VERSION: 1, f"{TEXT}0": "Mine."}, 3)
        >>> note[f"{TEXT}0"].startswith("[Study](/automl/studies/3)"), note[f"{TEXT}1"]
        (True, 'Mine.')
    """
    pieces = [attributes[key] for key in (f"{TEXT}{i}" for i in range(len(attributes))) if key in attributes]
    page = f"/automl/studies/{study_id}"
    links = f"[Study]({page}) · [Decision]({page}/decision) · [Data]({page}/data) · [Errors]({page}/errors)\n\n"
    numbered = {f"{TEXT}{i}": piece for i, piece in enumerate([links, *pieces])}
    return {**attributes, VERSION: attributes.get(VERSION, 0), **numbered}
