from dataclasses import replace

import pytest
import torch

from automl_nn.space.draw import defaults
from automl_nn.train.augmentation.augment import AUGMENTATION, FLIPS, Augmentation, augmentation
from automl_nn.train.augmentation.trivial import KINDS, trivial_colours
from automl_nn.train.augmentation.warps import flips, followed, shifts, turns, warped
from automl_nn.train.losses.stack_loss import Targets

STILL = Augmentation(
    flip="none",
    shift=0.0,
    turn=0.0,
    zoom=0.0,
    colour=0.0,
    cutout=0.0,
    mixup=0.0,
    trivial=0.0,
    family="labels",
    d_out=1,
)
STRONG = {
    "flip": "both",
    "shift": 0.15,
    "turn": 20.0,
    "zoom": 0.2,
    "colour": 0.4,
    "cutout": 0.4,
    "mixup": 0.5,
    "trivial": 1.0,
}


def images(n=6, channels=3, height=8, width=10):
    return torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(1))


def labels(n=6):
    return Targets(torch.arange(n).float().unsqueeze(1) % 2)


def changed(augment, x=None, targets=None, seed=0):
    x = images() if x is None else x
    return augment(x, labels(len(x)) if targets is None else targets, torch.Generator().manual_seed(seed))


def test_every_knob_has_a_value_to_be_tried_here():
    assert set(STRONG) == set(AUGMENTATION)


def test_without_any_change_images_and_labels_stay_as_they_are():
    x, targets = changed(STILL)
    assert torch.equal(x, images())
    assert torch.equal(targets.y, labels().y)


@pytest.mark.parametrize(("knob", "value"), STRONG.items())
def test_each_knob_changes_images_and_the_same_generator_the_same_way(knob, value):
    augment = replace(STILL, **{knob: value})
    x, _ = changed(augment)
    assert not torch.equal(x, images())
    assert torch.equal(x, changed(augment)[0])
    assert not torch.equal(x, changed(augment, seed=1)[0])
    assert x.isfinite().all()


def test_colour_is_one_contrast_one_saturation_and_one_brightness_in_deviations_of_each_image():
    x = 7 + 3 * images()
    y, _ = changed(replace(STILL, colour=0.4), x)
    grey = [own.mean(1, keepdim=True) - own.mean((1, 2, 3), keepdim=True) for own in (x, y)]
    apart = [own - own.mean(1, keepdim=True) for own in (x, y)]
    contrast = (grey[1] / grey[0]).flatten(1)
    saturation = (apart[1] / apart[0]).flatten(1) / contrast[:, :1]
    brightness = (y.mean((1, 2, 3)) - x.mean((1, 2, 3))) / x.std((1, 2, 3))
    for factors in (contrast, saturation):
        assert torch.allclose(factors, factors.median(1, keepdim=True).values, rtol=0.01)
        assert 0.59 < factors.median(1).values.min() < factors.median(1).values.max() < 1.41
    assert 0.0 < brightness.abs().max() < 0.401


@pytest.mark.parametrize("knob", sorted(set(STRONG) - {"mixup"}))
def test_labels_of_images_stay_where_only_images_are_changed(knob):
    assert torch.equal(changed(replace(STILL, **{knob: STRONG[knob]}))[1].y, labels().y)


@pytest.mark.parametrize("knob", ["flip", "shift", "turn", "zoom", "trivial"])
def test_the_labels_of_pixels_move_with_their_pixels(knob):
    augment = replace(STILL, **{knob: STRONG[knob]}, family="values")
    planes = images(channels=1)
    if knob == "trivial":  # only its moves are meant
        kinds = [changed(augment, planes, Targets(planes.flatten(1)), seed=seed) for seed in range(8)]
        assert any(not torch.equal(targets.y, planes.flatten(1)) for _, targets in kinds)
        return
    x, targets = changed(augment, planes, Targets(planes.flatten(1)))
    torch.testing.assert_close(targets.y, x.flatten(1))


def test_the_labels_of_pixels_are_read_row_by_row_with_the_outputs_of_a_pixel_together():
    planes = images(channels=2)
    y = planes.permute(0, 2, 3, 1).flatten(1)
    augment = replace(STILL, flip="both", family="values", d_out=2)
    x, targets = changed(augment, planes, Targets(y))
    torch.testing.assert_close(targets.y, x.permute(0, 2, 3, 1).flatten(1))


def test_a_pixel_whose_label_is_missing_keeps_counting_nothing():
    planes = images(channels=1)
    known = torch.ones(6, 80)
    known[:, :40] = 0
    augment = replace(STILL, flip="up_down", family="values")
    _, targets = changed(augment, planes, Targets(planes.flatten(1), known))
    upper, lower = targets.weight[:, :40], targets.weight[:, 40:]
    assert ((upper.sum(1) == 0) != (lower.sum(1) == 0)).all()


def test_mixed_images_have_labels_mixed_alike():
    x = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 1, 2, 2)
    augment = replace(STILL, mixup=1.0, family="values")
    mixed, targets = changed(augment, x, Targets(torch.arange(4.0).unsqueeze(1)))
    torch.testing.assert_close(mixed[:, 0, 0, 0], targets.y[:, 0])
    assert (targets.y[:, 0] != torch.arange(4)).all()


def test_mixed_classes_become_shares_that_sum_to_one_and_are_mostly_the_own_class():
    augment = replace(STILL, mixup=1.0, family="classes", d_out=6)
    _, targets = changed(augment, targets=Targets(torch.arange(6.0).unsqueeze(1)))
    torch.testing.assert_close(targets.y.sum(1), torch.ones(6))
    assert targets.y.argmax(1).tolist() == list(range(6))


def test_an_image_mixed_with_one_of_unknown_label_counts_nothing():
    weight = torch.tensor([[1.0], [0.0], [1.0], [1.0]])
    _, targets = changed(replace(STILL, mixup=1.0), images(4), Targets(torch.zeros(4, 1), weight))
    assert targets.weight.flatten().tolist() == [1.0, 0.0, 0.0, 1.0]


def test_a_cut_out_square_has_the_mean_of_its_image():
    x = images(50)
    y, _ = changed(replace(STILL, cutout=0.5), x)
    blank = (y == x.mean((2, 3), keepdim=True)).all(1)
    assert blank.any(2).any(1).all()
    assert blank.sum((1, 2)).max() <= 5 * 5


def test_images_of_bytes_are_changed_in_their_own_unit():
    x = (images() * 255).to(torch.uint8)
    y, _ = changed(replace(STILL, flip="left_right"), x)
    same, mirrored = ((y - seen).abs().flatten(1).amax(1) < 0.01 for seen in (x, x.flip(3)))
    assert (same | mirrored).all()
    assert same.any()
    assert mirrored.any()


@pytest.mark.parametrize("flip", [name for name in FLIPS if name != "none"])
def test_images_are_mirrored_in_the_named_directions_only(flip):
    x = images(40)
    y, _ = changed(replace(STILL, flip=flip), x)
    sides = {"left_right": [(3,)], "up_down": [(2,)], "both": [(2,), (3,), (2, 3)]}[flip]
    kinds = torch.stack([(y - seen).abs().flatten(1).amax(1) < 1e-5 for seen in [x, *(x.flip(side) for side in sides)]])
    assert kinds.any(0).all()
    assert kinds.any(1).all()


def test_a_shift_moves_by_whole_pixels():
    x = images(1, channels=1)
    y = warped(x, shifts(torch.tensor([2.4]), torch.tensor([-1.0]), size=(8, 10)))
    torch.testing.assert_close(y[:, :, :-1, 2:], x[:, :, 1:, :-2])


def test_a_turn_keeps_lengths_where_sides_differ():
    x = torch.zeros(1, 1, 9, 21)
    x[0, 0, 4, 10:14] = 1.0
    y = warped(x, turns(torch.tensor([90.0]), torch.ones(1), size=(9, 21)))
    torch.testing.assert_close(
        y[0, 0, :, 10], torch.tensor([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0]), atol=1e-5, rtol=0
    )


def test_warps_follow_each_other_in_their_order():
    x = images(1)
    mirror, move = flips(-torch.ones(1), torch.ones(1)), shifts(torch.tensor([3.0]), torch.zeros(1), size=(8, 10))
    torch.testing.assert_close(warped(x, followed(mirror, move)), warped(warped(x, mirror), move))


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_trivial_changes_of_values_leave_grey_images_finite(kind):
    x = torch.full((2, 1, 4, 4), 7.0)
    assert trivial_colours(x, torch.tensor([kind, kind]), torch.tensor([1.0, -1.0])).isfinite().all()


def test_the_default_moves_images_a_little_and_mirrors_none():
    config = {"augmentation": defaults(AUGMENTATION)}
    assert config["augmentation"]["flip"] == "none"
    assert augmentation(config, family="labels", d_out=1) is not None
    assert augmentation({}, family="labels", d_out=1) is None
