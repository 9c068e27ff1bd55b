import pytest
import torch

from automl_nn.model.inputs import Inputs
from automl_nn.model.windows import cells, in_batches, overlapping, stitch

STARTS = torch.tensor([0, 3, 40, 41, 105])
N_STEPS = 300
LENGTHS = (1, 2, 7, 16, 64, 500)


def stretch_of(steps):
    return torch.bucketize(steps.contiguous(), STARTS, right=True)


@pytest.mark.parametrize("length", LENGTHS)
def test_stitched_windows_give_each_step_what_its_places_agree_on(length):
    windows = overlapping(STARTS, n_steps=N_STEPS, length=length)
    value = torch.randn(N_STEPS, 2)
    batches = list(in_batches(windows, 3))
    outputs = [value[batch.rows()].unsqueeze(0) for batch in batches]
    torch.testing.assert_close(stitch(outputs, batches, n_steps=N_STEPS)[0], value)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_window_never_reaches_over_the_end_of_its_stretch(length):
    drawn, _ = cells(STARTS, n_steps=N_STEPS, length=length, generator=torch.Generator().manual_seed(0))
    for windows in (overlapping(STARTS, n_steps=N_STEPS, length=length), drawn):
        rows = windows.rows().view(-1, length)
        assert (stretch_of(rows) == stretch_of(rows[:, :1])).all()


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("seed", range(5))
def test_each_step_is_in_one_cell_and_its_window_holds_it(length, seed):
    windows, begin = cells(STARTS, n_steps=N_STEPS, length=length, generator=torch.Generator().manual_seed(seed))
    end = torch.cat([begin[1:], torch.tensor([N_STEPS])])
    rows = windows.rows().view(-1, length)
    own = (rows >= begin.unsqueeze(1)) & (rows < end.unsqueeze(1)) & windows.known().view(-1, length)
    assert sorted(rows[own].tolist()) == list(range(N_STEPS))


def test_the_middle_of_a_window_counts_most():
    weights = overlapping(torch.tensor([0]), n_steps=5, length=5).weights()
    assert weights.tolist() == [1, 2, 3, 2, 1]


def test_taken_steps_stay_neighbours_only_if_they_were():
    steps = Inputs(torch.arange(10.0).unsqueeze(1), torch.zeros(10, 0, dtype=torch.int64), torch.tensor([0, 4]))
    assert steps[torch.tensor([2, 3, 4, 5, 8, 9])].starts.tolist() == [0, 2, 4]
    assert steps[3:7].starts.tolist() == [0, 1]
    assert steps[torch.tensor([], dtype=torch.int64)].starts.tolist() == []


def test_a_sample_of_steps_is_made_of_whole_pieces():
    steps = Inputs(torch.zeros(5000, 1), torch.zeros(5000, 0, dtype=torch.int64), torch.tensor([0, 3000]))
    drawn = steps.draw(2100, generator=torch.Generator().manual_seed(0))
    assert 0 < len(drawn) <= 2100
    assert len(steps[drawn].starts) <= 3
