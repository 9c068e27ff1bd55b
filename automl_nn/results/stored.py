"""The results of a study from its storage."""

from typing import final

from automl_nn.results.results import Results
from automl_nn.store.store import Store
from automl_nn.task.tasks import task_from_json


@final
class StoredResults(Results):
    """The results of a study from its storage: no data, no network, and nothing that trains is imported.

    Args:
        name: The study.
        storage: SQLAlchemy URL of the database.

    Raises:
        StorageError: There is no such storage or study.
    """

    def __init__(self, name: str, *, storage: str) -> None:
        self.store = Store.existing(storage)
        self.name, self._url = name, storage
        self._learn()

    @classmethod
    def within(cls, store: Store, name: str, *, url: str) -> "StoredResults":
        """The results of a study of an open store, which one who shows many studies shares between them.

        Args:
            store: Where the study is kept.
            name: The study.
            url: The store's URL.

        Raises:
            StorageError: There is no such study.
        """
        results = cls.__new__(cls)
        results.store, results.name, results._url = store, name, url
        results._learn()
        return results

    def _learn(self) -> None:
        """Read what does not change: the task and the seed."""
        spec = self.store.spec(self._id)
        self._seed, self.task = spec["seed"], task_from_json(spec["task"])
