from automl_nn.task.tasks import Embedding
from automl_nn.train.batches.feed import Feeder
from automl_nn.train.batches.rows import Fold


def test_batches_of_embeddings_hold_groups_of_one_class(settings):
    setting = settings("classes")
    network = setting.network([setting.config()], seeds=[0])
    task = Embedding(("y",), "recall_at_1", (0, 1, 2))
    config = {"batch_size": 16, "n_same": 4}
    batches, _ = Feeder(network, [Fold(setting.train, setting.val)], config, task, seeds=[0]).feed()
    for batch in batches.epoch():
        groups = batch.targets.y[0].reshape(-1, 4)
        assert (groups == groups[:, :1]).all()
