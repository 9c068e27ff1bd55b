import torch
from torch import nn
from torch.nn import functional

from automl_nn.model.backbones.ft_transformer import Tokens


def dense(state, name, x):
    return x @ state[f"{name}.weight"] + state[f"{name}.bias"]


def normed(state, name, x):
    return functional.layer_norm(x, x.shape[-1:], state[f"{name}.scale"], state[f"{name}.shift"])


def test_one_network_follows_the_formula_of_the_paper(config, make, inputs):
    network = make([config(backbone__name="ft_transformer", recipe="relu-he-layernorm", backbone__n_heads=2)], [3])
    state = {name.removeprefix("backbone."): tensor[0] for name, tensor in network.state_dict().items()}
    features = network.features(inputs.dense[None], inputs.codes[None])[0]
    columns = torch.split(features, network.backbone.tokens.features, dim=1)
    weights = torch.split(state["tokens.weight"], network.backbone.tokens.features)
    tokens = [torch.zeros(len(inputs), 8), *(x @ w for x, w in zip(columns, weights, strict=True))]
    x = torch.stack(tokens, dim=1) + state["tokens.bias"].view(-1, 8)
    for block in ("blocks.0", "blocks.1"):
        y = normed(state, f"{block}.norm_attention", x)
        key, value = dense(state, f"{block}.key_value", y).chunk(2, dim=-1)
        x = x + dense(state, f"{block}.gathered", attention(dense(state, f"{block}.query", y), key, value))
        y = normed(state, f"{block}.norm_ffn", x)
        gated = dense(state, f"{block}.value", y) * functional.relu(dense(state, f"{block}.gate", y))
        x = x + dense(state, f"{block}.second", gated)
    hidden = functional.relu(normed(state, "norm", x[:, 0]))
    torch.testing.assert_close(network.predict(inputs)[0], dense(state, "head.linear", hidden), atol=1e-4, rtol=1e-4)


def attention(query, key, value):
    """Two heads, each a softmax over the tokens."""
    heads = []
    for q, k, v in zip(query.chunk(2, -1), key.chunk(2, -1), value.chunk(2, -1), strict=True):
        heads.append((q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v)
    return torch.cat(heads, dim=-1)


def test_attention_is_that_of_torch():
    query, key, value = torch.randn(3, 5, 7, 8).unbind()
    theirs = nn.MultiheadAttention(8, 2, bias=False, batch_first=True)
    theirs.in_proj_weight.data.copy_(torch.eye(8).repeat(3, 1))
    theirs.out_proj.weight.data.copy_(torch.eye(8))
    torch.testing.assert_close(attention(query, key, value), theirs(query, key, value)[0])


def test_each_feature_is_a_token_whatever_its_width():
    tokens = Tokens(1, 4, features=(1, 2, 2, 1))
    tokens.draw(0, gain=1.0, generator=torch.Generator().manual_seed(0))
    x = torch.randn(1, 3, 6)
    moved = x.clone()
    moved[..., 3:5] += 1
    changed = (tokens(moved) != tokens(x)).any(-1)[0]
    assert changed.tolist() == [[False, False, False, True, False]] * 3
