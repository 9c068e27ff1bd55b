import torch

from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Real
from automl_nn.train.groups import Groups

TABLE = Options(
    "map",
    {
        "times": Option(lambda by: lambda x: x * by, {"by": Real(0, 9, default=1)}),
        "plus": Option(lambda by: lambda x: x + by, {"by": Real(0, 9, default=1)}),
    },
)


def test_results_lie_at_the_place_of_their_network():
    configs = [{"name": name, "by": by} for name, by in (("plus", 5), ("times", 2), ("plus", 7), ("times", 3))]
    result = Groups(TABLE, configs).map(lambda part, x: part(x), torch.full((4,), 10.0))
    assert result.tolist() == [15.0, 20.0, 17.0, 30.0]


def test_an_alternative_is_made_once_for_all_its_networks():
    groups = Groups(TABLE, [{"name": "times", "by": by} for by in (1, 2, 3)])
    assert len(groups.parts) == 1
