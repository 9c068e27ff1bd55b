import pytest
import torch

from automl_nn.train.losses.stack_loss import StackLoss, Targets
from automl_nn.train.members import pooled

PLAIN = {
    "labels": {"name": "cross_entropy", "tau": 0.0, "label_smoothing": 0.0},
    "classes": {"name": "cross_entropy", "tau": 0.0, "label_smoothing": 0.0},
    "values": {"name": "mse"},
}
D_OUT = {"labels": 2, "classes": 3, "values": 2}


def targets_of(family, n_rows=6):
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(3 if family == "classes" else 2, (n_rows, 1 if family == "classes" else 2), generator=generator)
    return Targets(y.float(), torch.rand(n_rows, 1, generator=generator))


@pytest.mark.parametrize("family", D_OUT)
def test_the_loss_of_a_network_is_the_mean_of_the_losses_of_its_members(family):
    targets, d_out = targets_of(family), D_OUT[family]
    members = torch.randn(5, 6, d_out)
    together = StackLoss([PLAIN[family]], targets, family=family, d_out=d_out)
    apart = StackLoss([PLAIN[family]] * 5, targets, family=family, d_out=d_out)
    side_by_side = members.transpose(0, 1).reshape(1, 6, -1)
    torch.testing.assert_close(together(side_by_side, targets), apart(members, targets).mean(0, keepdim=True))


@pytest.mark.parametrize(
    ("family", "read"), [("labels", torch.sigmoid), ("classes", lambda z: z.softmax(-1)), ("values", lambda z: z)]
)
def test_predictions_of_members_are_averaged_as_probabilities(family, read):
    members = 3 * torch.randn(2, 7, 4, 3)
    output = pooled(members.flatten(1, 2), n_rows=7, family=family)
    torch.testing.assert_close(read(output), read(members).mean(2))


@pytest.mark.parametrize("family", ["labels", "classes"])
def test_members_that_are_very_sure_keep_finite_outputs(family):
    output = pooled(torch.tensor([[[90.0, -90.0], [95.0, -95.0]]]), n_rows=1, family=family)
    assert output.isfinite().all()
    assert output[0, 0, 0] - output[0, 0, 1] > 170


def test_each_member_is_freed_of_the_shift_of_its_loss_before_the_mean():
    targets = Targets(torch.tensor([[0.0], [0.0], [0.0], [1.0]]))
    config = {"name": "cross_entropy", "tau": 1.0, "label_smoothing": 0.0}
    loss = StackLoss([config], targets, family="labels", d_out=1)
    outputs = torch.randn(1, 4, 2)
    expected = (outputs - loss.shift.unsqueeze(1)).sigmoid().mean(-1, keepdim=True)
    assert float(loss.shift) > 1
    torch.testing.assert_close(loss.correct(outputs).sigmoid(), expected)
