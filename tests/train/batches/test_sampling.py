import pytest
import torch

from automl_nn.model.inputs import Inputs
from automl_nn.train.batches.rows import Rows
from automl_nn.train.batches.sampling import SAMPLINGS, Candidates, EventCentred, Natural
from automl_nn.train.batches.windows import WindowBatches, events

STARTS = torch.tensor([0, 300, 301, 640])
N_STEPS = 1000


def rows(y=None):
    y = torch.zeros(N_STEPS, 1) if y is None else y
    inputs = Inputs(torch.arange(float(N_STEPS)).unsqueeze(1), torch.zeros(N_STEPS, 0, dtype=torch.int64), STARTS)
    return Rows(inputs, y, None, torch.arange(N_STEPS))


def batches(part, sampling, *, n_windows, batch_size=4, seeds=(0,), length=16):
    return WindowBatches(
        part,
        sampling=sampling,
        family="labels",
        length=length,
        n_windows=n_windows,
        batch_size=batch_size,
        seeds=list(seeds),
    )


def test_an_epoch_of_all_windows_counts_no_step_twice():
    made = batches(rows(), Natural(), n_windows=64)
    seen = torch.zeros(N_STEPS)
    for batch in made.epoch():
        seen.index_add_(0, batch.dense[0, :, 0].long(), batch.targets.weight[0, :, 0])
    assert seen.max() == 1
    assert seen.mean() > 0.9


def test_an_epoch_costs_the_windows_that_it_draws():
    assert len(list(batches(rows(), Natural(), n_windows=8).epoch())) == 2


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_event_centred_batches_expect_the_natural_loss(share):
    has_event = torch.arange(1000) < 30
    value = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    sampling, generator = EventCentred(share=share, hard=0.0), torch.Generator().manual_seed(1)
    drawn = sampling.draw(Candidates(has_event), n_steps=1000, batch=8, generator=generator)
    assert (has_event[drawn.windows].sum(1) == 8 * share).all()
    by_kind = [(drawn.weight * (has_event[drawn.windows] == kind)).mean() for kind in (True, False)]
    assert by_kind == pytest.approx([0.03, 0.97])
    seen = torch.zeros(1000).index_add_(0, drawn.windows.flatten(), drawn.weight.flatten())
    often = seen / len(drawn.windows) / 8 * 1000  # what each window counts over all epochs
    assert (often[has_event].std() + often[~has_event].std()) < 0.2
    assert (often * value).mean().item() == pytest.approx(value.mean().item(), abs=0.05)


def test_more_natural_events_than_asked_for_are_left_as_they_are():
    windows = Candidates(torch.arange(10) < 6)
    drawn = EventCentred(share=0.5, hard=0.0).draw(windows, n_steps=5, batch=2, generator=torch.Generator())
    assert drawn.windows.flatten().sort().values.tolist() == list(range(10))
    assert (drawn.weight == 1).all()


@pytest.mark.parametrize(("share", "hard"), [(0.25, 0.25), (0.5, 0.25), (0.25, 0.5)])
def test_batches_with_hard_windows_expect_the_natural_loss(share, hard):
    generator = torch.Generator().manual_seed(0)
    windows = Candidates(torch.arange(500) < 20, torch.randn(500, generator=generator))
    windows.hardness[100:200] = -torch.inf  # never read
    hardest = windows.hardest()
    kinds = torch.stack([windows.has_event, hardest, ~(windows.has_event | hardest)])
    assert kinds.sum(1).tolist() == [20, 38, 442]
    drawn = EventCentred(share=share, hard=hard).draw(windows, n_steps=400, batch=8, generator=generator)
    in_batch = [8 * share, 8 * hard, 8 * (1 - share - hard)]
    assert kinds[:, drawn.windows].sum(2).T.unique(dim=0).tolist() == [in_batch]
    counted = torch.zeros(500).index_add_(0, drawn.windows.flatten(), drawn.weight.flatten())
    by_kind = [(counted * kind).sum().item() / 3200 for kind in kinds]
    assert by_kind == pytest.approx([20 / 500, 38 / 500, 442 / 500])  # each kind counts as often as there are windows
    for kind in kinds:  # and within a kind every window alike, but for the last round of a shuffle
        assert counted[kind].max() - counted[kind].min() <= 1.001 * drawn.weight.max()


def test_windows_are_hard_whose_negatives_scored_high_when_they_were_last_read():
    y = torch.zeros(N_STEPS, 1)
    y[500] = 1
    made = batches(rows(y), EventCentred(share=0.25, hard=0.5), n_windows=64)
    for step, batch in enumerate(made.epoch()):  # scores are high at step 800, and at the positive, which is no mistake
        made.learn(step, batch, -(batch.dense - 800).abs().masked_fill(batch.dense == 500, 0.0))
    for batch in made.epoch():
        near = (batch.dense[0].view(4, 16) - 800).abs().amin(1)
        assert (near < 100).sum() >= 2


def test_negatives_are_drawn_anew_each_epoch():
    y = torch.zeros(N_STEPS, 1)
    y[500] = 1
    made = batches(rows(y), EventCentred(share=0.5, hard=0.0), n_windows=8)
    first, second = (torch.cat([batch.dense[0, :, 0] for batch in made.epoch()]) for _ in range(2))
    assert not torch.equal(first, second)
    assert all(500 in batch.dense[0, :, 0] for batch in made.epoch())


def test_a_network_draws_the_same_windows_in_a_stack_as_alone():
    stack, alone = (batches(rows(), SAMPLINGS.make({"name": "natural"}), n_windows=32, seeds=s) for s in ((1, 2), (2,)))
    for both, one in zip(stack.epoch(), alone.epoch(), strict=True):
        assert torch.equal(both.dense[1], one.dense[0])
        assert torch.equal(both.targets.weight[1], one.targets.weight[0])


def test_a_missing_label_counts_nothing():
    y = torch.zeros(N_STEPS, 1)
    y[:300] = float("nan")
    for batch in batches(rows(y), Natural(), n_windows=64).epoch():
        unlabelled = batch.dense[0, :, 0] < 300
        assert (batch.targets.weight[0, unlabelled] == 0).all()
        assert batch.targets.y.isfinite().all()


def test_a_window_is_known_by_its_first_step():
    made = batches(rows(), Natural(), n_windows=8)
    for step, batch in enumerate(made.epoch()):
        assert made.rows(0, step).tolist() == batch.dense[0, ::16, 0].tolist()


def test_events_are_positives_or_all_classes_but_the_most_common():
    assert events(torch.tensor([[1.0], [0.0], [torch.nan]]), family="labels").tolist() == [True, False, False]
    classes = torch.tensor([[2.0], [2.0], [0.0], [torch.nan]])
    assert events(classes, family="classes").tolist() == [False, False, True, False]
    assert not events(torch.ones(3, 1), family="values").any()
