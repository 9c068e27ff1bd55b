import torch

from automl_nn.model.embeddings import CategoryEmbedding


def test_each_network_and_column_has_vectors_of_its_own():
    embedding = CategoryEmbedding(k=3, vocabularies=(4, 2), d_embedding=5)
    with torch.no_grad():
        embedding.weight.copy_(torch.arange(18.0)[:, None].expand(-1, 5))
    codes = torch.tensor([[[0, 0], [3, 1]]])
    assert embedding(codes)[..., ::5].tolist() == [[[6 * i, 6 * i + 4], [6 * i + 3, 6 * i + 5]] for i in range(3)]


def test_a_step_touches_the_rows_of_its_batch_only():
    embedding = CategoryEmbedding(k=2, vocabularies=(1_000_000,), d_embedding=4)
    embedding(torch.tensor([[[5], [5], [9]]])).sum().backward()
    gradient = embedding.weight.grad.coalesce()
    assert gradient.indices().tolist() == [[5, 9, 1_000_005, 1_000_009]]
    assert gradient.values()[:, 0].tolist() == [2, 1, 2, 1]


def test_unseen_levels_start_at_zero_and_the_others_do_not():
    embedding = CategoryEmbedding(k=2, vocabularies=(3, 4), d_embedding=8)
    embedding.reset(1, generator=torch.Generator().manual_seed(0))
    norms = embedding.weight.detach().norm(dim=1)
    assert (norms[:7] == 0).all()
    assert (norms[7:] == 0).tolist() == [True, False, False, True, False, False, False]
