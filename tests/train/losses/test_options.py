import inspect
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from automl_nn.train.losses.options import CLASS_LOSSES, LABEL_LOSSES, MAX_WEIGHT, VALUE_LOSSES, losses_for
from automl_nn.train.losses.stack_loss import StackLoss, Targets

KNOBS = {"tau": 0.7, "gamma": 1.5, "label_smoothing": 0.1, "delta": 0.8}
KNOBS |= {"gamma_positive": 0.5, "gamma_negative": 2.5, "margin": 0.05}
TABLES = {"labels": LABEL_LOSSES, "classes": CLASS_LOSSES, "values": VALUE_LOSSES}
D_OUT = {"labels": 2, "classes": 3, "values": 2}
CASES = [pytest.param(family, name, id=f"{family}-{name}") for family, table in TABLES.items() for name in table]
PROBABILISTIC = [case for case in CASES if case.values[0] != "values"]


def config_of(family: str, name: str, **changes: float) -> dict[str, Any]:
    return {"name": name} | {knob: KNOBS[knob] for knob in TABLES[family][name].space} | changes


def make_loss(family: str, *configs: Mapping[str, Any], targets: Targets) -> StackLoss:
    return StackLoss(configs, targets, family=family, d_out=D_OUT[family])


def draw(family: str, *, n_rows: int = 12, k: int = 1, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Outputs of k networks and labels of the rows they share."""
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(k, n_rows, D_OUT[family], generator=generator, dtype=dtype)
    if family == "classes":
        return output, torch.randint(0, 3, (n_rows, 1), generator=generator).to(dtype)
    y = torch.randn(n_rows, D_OUT[family], generator=generator, dtype=dtype)
    return output, (y > 0.5).to(dtype) if family == "labels" else y


@pytest.mark.parametrize(("family", "name"), CASES)
def test_every_knob_is_a_parameter_of_its_maker(family, name):
    option = losses_for(family)[name]
    assert set(option.space) <= set(inspect.signature(option.make).parameters)
    assert option.source


@pytest.mark.parametrize(("family", "name"), CASES)
def test_gradients_agree_with_finite_differences(family, name):
    output, y = draw(family)
    targets = Targets(y)
    loss = make_loss(family, config_of(family, name), targets=targets)
    assert torch.autograd.gradcheck(lambda x: loss(x, targets), (output.requires_grad_(),))


@pytest.mark.parametrize(("family", "name"), CASES)
def test_doubling_the_rows_changes_nothing(family, name):
    output, y = draw(family)
    once, twice = Targets(y), Targets(torch.cat([y, y]))
    config = config_of(family, name)
    single = make_loss(family, config, targets=once)(output, once)
    double = make_loss(family, config, targets=twice)(torch.cat([output, output], dim=1), twice)
    torch.testing.assert_close(double, single)


@pytest.mark.parametrize(("family", "name"), CASES)
def test_a_weight_of_two_equals_a_repeated_row(family, name):
    output, y = draw(family)
    weight = torch.ones(len(y)).index_fill(0, torch.tensor([0, 3]), 2.0)
    weighted = Targets.of(y, weight, family=family)
    repeated = Targets(torch.cat([y, y[[0, 3]]]))
    config = config_of(family, name)
    left = make_loss(family, config, targets=weighted)(output, weighted)
    right = make_loss(family, config, targets=repeated)(torch.cat([output, output[:, [0, 3]]], dim=1), repeated)
    torch.testing.assert_close(left, right)


@pytest.mark.parametrize(("family", "name"), CASES)
def test_rows_without_labels_change_nothing(family, name):
    output, y = draw(family)
    gaps = Targets.of(torch.cat([y, torch.full_like(y, torch.nan)]), family=family)
    known = Targets(y)
    config = config_of(family, name)
    left = make_loss(family, config, targets=gaps)(torch.cat([output, 9 * output], dim=1), gaps)
    torch.testing.assert_close(left, make_loss(family, config, targets=known)(output, known))


@pytest.mark.parametrize(("family", "name"), CASES)
def test_a_missing_label_has_no_gradient(family, name):
    output, y = draw(family)
    y[2, 0] = torch.nan
    targets = Targets.of(y, family=family)
    output.requires_grad_()
    make_loss(family, config_of(family, name), targets=targets)(output, targets).sum().backward()
    assert output.grad is not None
    assert output.grad[0, 2, 0] == 0
    assert output.grad.isfinite().all()


@pytest.mark.parametrize("family", TABLES)
def test_networks_of_different_losses_cost_in_a_stack_what_they_cost_alone(family):
    names = [name for name in TABLES[family] for _ in range(2)][::-1]
    configs = [config_of(family, name) for name in names]
    for config, tau in zip(configs, (0.1, 0.3, 0.5, 0.7, 0.9, 1.0), strict=False):
        config |= {"tau": tau} if "tau" in config else {}
    configs = configs[::2] + configs[1::2]
    output, y = draw(family, k=len(configs))
    targets = Targets(y)
    stack = make_loss(family, *configs, targets=targets)
    alone = [make_loss(family, config, targets=targets) for config in configs]
    singles = [output[i : i + 1] for i in range(len(configs))]
    values = [loss(own, targets) for loss, own in zip(alone, singles, strict=True)]
    torch.testing.assert_close(stack(output, targets), torch.cat(values))
    torch.testing.assert_close(stack.shift, torch.cat([loss.shift for loss in alone]))
    corrected = [loss.correct(own) for loss, own in zip(alone, singles, strict=True)]
    torch.testing.assert_close(stack.correct(output), torch.cat(corrected))


def minimum(loss: StackLoss, targets: Targets, *, d_out: int) -> Tensor:
    """The output, the same for all rows, at which the loss is smallest."""
    output = torch.zeros(1, 1, d_out, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([output], max_iter=500, tolerance_grad=1e-12, tolerance_change=1e-15)

    def closure() -> Tensor:
        search.zero_grad()
        value = loss(output.expand(1, len(targets.y), d_out), targets).sum()
        value.backward()
        return value

    for _ in range(20):
        search.step(closure)
    return output.detach()


@pytest.mark.parametrize(("family", "name"), PROBABILISTIC)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_corrected_minimum_is_the_truth(family, name, gamma):
    if family == "labels":
        truth = torch.tensor([0.1, 0.6], dtype=torch.float64)
        y = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
        weight = torch.where(y[:, :1] == 1, 0.1, 0.9) * torch.where(y[:, 1:] == 1, 0.6, 0.4)
    else:
        truth = torch.tensor([0.05, 0.25, 0.7], dtype=torch.float64)
        y, weight = torch.arange(3, dtype=torch.float64)[:, None], truth[:, None]
    targets = Targets.of(y, weight.squeeze(1), family=family)
    changes = {"focal": {"gamma": gamma}, "asymmetric": {"gamma_negative": gamma}}.get(name, {"label_smoothing": 0.0})
    loss = make_loss(family, config_of(family, name, **changes), targets=targets)
    corrected = loss.correct(minimum(loss, targets, d_out=len(truth)))[0, 0]
    found = corrected.sigmoid() if family == "labels" else corrected.softmax(-1)
    torch.testing.assert_close(found, truth, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", VALUE_LOSSES)
def test_a_value_loss_is_smallest_at_the_value(name):
    _, y = draw("values")
    targets = Targets(y)
    loss = make_loss("values", config_of("values", name), targets=targets)
    assert float(loss(y[None], targets)) == 0
    assert float(loss(y[None] + 0.01, targets)) > 0


@pytest.mark.parametrize(("family", "name"), CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_outputs_have_a_finite_loss_and_gradient(family, name, dtype):
    output, y = draw(family, dtype=dtype)
    output = (1e4 * output).requires_grad_()
    targets = Targets(y)
    loss = make_loss(family, config_of(family, name), targets=targets)
    value = loss(output, targets)
    value.sum().backward()
    assert value.isfinite().all()
    assert output.grad is not None
    assert output.grad.isfinite().all()
    assert loss.correct(output).isfinite().all()


@pytest.mark.parametrize("name", LABEL_LOSSES)
def test_without_knobs_labels_cost_torch_cross_entropy(name):
    output, y = draw("labels")
    targets = Targets(y)
    off = dict.fromkeys(LABEL_LOSSES[name].space, 0.0)
    loss = make_loss("labels", {"name": name, **off}, targets=targets)
    expected = functional.binary_cross_entropy_with_logits(output[0], y)
    torch.testing.assert_close(loss(output, targets), expected[None])


def test_positives_weigh_as_in_torch():
    output, y = draw("labels")
    targets = Targets(y)
    loss = make_loss("labels", {"name": "cross_entropy", "tau": 1.0, "label_smoothing": 0.0}, targets=targets)
    pos_weight = (1 - y).sum(0) / y.sum(0)
    expected = functional.binary_cross_entropy_with_logits(output[0], y, pos_weight=pos_weight)
    torch.testing.assert_close(loss(output, targets), expected[None])
    torch.testing.assert_close(loss.shift, pos_weight.log()[None])


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_classes_cost_torch_cross_entropy(name, smoothing):
    output, y = draw("classes")
    targets = Targets(y)
    off = dict.fromkeys(CLASS_LOSSES[name].space, 0.0)
    if "label_smoothing" in off:
        off["label_smoothing"] = smoothing
    expected = functional.cross_entropy(output[0], y[:, 0].long(), label_smoothing=off.get("label_smoothing", 0.0))
    torch.testing.assert_close(
        make_loss("classes", {"name": name, **off}, targets=targets)(output, targets)[0], expected
    )


def test_soft_labels_cost_torch_cross_entropy():
    output, _ = draw("classes")
    y = torch.rand_like(output[0]).softmax(-1)
    targets = Targets.of(y, family="classes")
    loss = make_loss("classes", {"name": "cross_entropy", "tau": 0.0, "label_smoothing": 0.0}, targets=targets)
    torch.testing.assert_close(loss(output, targets)[0], functional.cross_entropy(output[0], y))


def test_huber_is_that_of_torch():
    output, y = draw("values")
    targets = Targets(y)
    loss = make_loss("values", {"name": "huber", "delta": 0.8}, targets=targets)
    torch.testing.assert_close(loss(output, targets)[0], functional.huber_loss(output[0], y, delta=0.8))


def test_a_rare_label_weighs_at_most_a_hundred():
    y = torch.zeros(10_000, 2)
    y[0, 0] = 1
    targets = Targets(y)
    loss = make_loss("labels", {"name": "cross_entropy", "tau": 1.0, "label_smoothing": 0.0}, targets=targets)
    torch.testing.assert_close(loss.shift.exp(), torch.full((1, 2), MAX_WEIGHT))


def test_the_loss_starts_at_the_entropy_of_the_prior():
    _, y = draw("labels")
    targets = Targets(y[:, :1])
    prior = y[:, 0].mean()
    for name in LABEL_LOSSES:
        off = dict.fromkeys(LABEL_LOSSES[name].space, 0.0)
        loss = StackLoss([{"name": name, **off}], targets, family="labels", d_out=1)
        output = (prior.logit() + loss.shift).unsqueeze(1).expand(1, len(y), 1)
        entropy = functional.binary_cross_entropy(prior, prior)
        torch.testing.assert_close(loss(output, targets)[0], entropy)


def test_an_asymmetric_loss_of_one_strength_and_no_margin_is_the_focal_loss():
    output, y = draw("labels")
    targets = Targets(y)
    focal = make_loss("labels", {"name": "focal", "gamma": 1.5, "tau": 0.7}, targets=targets)
    knobs = {"gamma_positive": 1.5, "gamma_negative": 1.5, "margin": 0.0, "tau": 0.7}
    asymmetric = make_loss("labels", {"name": "asymmetric", **knobs}, targets=targets)
    torch.testing.assert_close(asymmetric(output, targets), focal(output, targets))
    torch.testing.assert_close(asymmetric.correct(3 * output), focal.correct(3 * output))


def test_a_negative_below_the_margin_costs_nothing_and_keeps_its_place_in_the_ranking():
    y = torch.tensor([[0.0], [0.0], [0.0], [1.0]], dtype=torch.float64)
    targets = Targets(y)
    knobs = {"gamma_positive": 0.0, "gamma_negative": 2.0, "margin": 0.1, "tau": 0.0}
    loss = StackLoss([{"name": "asymmetric", **knobs}], targets, family="labels", d_out=1)
    output = torch.tensor([[[-6.0], [-4.0], [-2.3], [9.0]]], dtype=torch.float64, requires_grad=True)
    loss(output, targets).sum().backward()
    assert output.grad is not None
    assert output.grad[0, :3].abs().max() == 0
    assert bool((loss.correct(output)[0, :, 0].diff() > 0).all())
