import copy
import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from automl_nn import ImageClassifier
from automl_nn.errors import ModelFileError, SpaceError
from automl_nn.model.backbones import IMAGES
from automl_nn.model.backbones.base import plain_parts
from automl_nn.model.backbones.image import ImageShape
from automl_nn.model.network import evaluating
from automl_nn.model.pretrained import empty_network, features, read_pretrained
from automl_nn.space.draw import defaults
from automl_nn.train.gradients import Gradients

transformers = pytest.importorskip("transformers")

SHAPE = ImageShape(3, 20, 24)


def tiny(kind):
    if kind == "resnet":
        config = transformers.ResNetConfig(
            embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic", num_channels=3
        )
        return transformers.ResNetModel(config)
    config = transformers.ViTConfig(
        hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=8
    )
    return transformers.ViTModel(config)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders with small random networks, as `save_pretrained` writes them."""
    root = tmp_path_factory.mktemp("pretrained")
    transformers.utils.logging.disable_progress_bar()
    for kind in ("resnet", "vit"):
        torch.manual_seed(0)
        tiny(kind).save_pretrained(root / kind)
    return root


def backbone(folder, *, k=1, **knobs):
    option = IMAGES["pretrained"]
    config = {**defaults(option.space), "weights": str(folder), "side": 32, **knobs}
    return option.make(**config, shape=knobs.pop("shape", SHAPE), parts=plain_parts(k=k, d_in=1))


def images(n=6):
    return torch.randn(1, n, 3, 20, 24, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", ["resnet", "vit"])
def test_features_are_those_of_transformers(folders, kind):
    net, x = backbone(folders / kind), torch.randn(1, 3, 3, 32, 32)
    theirs = transformers.AutoModel.from_pretrained(folders / kind).eval()
    with torch.no_grad():
        output = theirs(pixel_values=x[0])
        last = output.last_hidden_state
        expected = output.pooler_output[:, :, 0, 0] if last.dim() == 4 else torch.cat([last[:, 0], last.mean(1)], 1)
        found = net._of_network(x[0], 0)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["resnet", "vit"])
def test_a_stored_network_needs_its_folder_no_more(folders, kind):
    net = backbone(folders / kind, frozen=0.0, d_head=4)
    option = IMAGES["pretrained"]
    parts = plain_parts(k=1, d_in=1)
    config = {**defaults(option.space), "weights": "gone", "side": 32, "frozen": 0.0, "d_head": 4}
    again = option.make(**config, shape=SHAPE, parts=replace(parts, architecture=net.architecture))
    again.load_state_dict(net.state_dict())
    with evaluating(net), evaluating(again):
        assert torch.equal(net(images()), again(images()))


def test_frozen_features_are_computed_once_for_all_trainings(folders, monkeypatch):
    net, computed = backbone(folders / "resnet"), []
    other = backbone(folders / "resnet", d_head=128)
    assert other.memory is net.memory
    plain = type(net)._computed
    monkeypatch.setattr(type(net), "_computed", lambda self, x, i: computed.append(len(x)) or plain(self, x, i))
    with net.memory.open():
        net(images())
    net(images())
    other(images())
    assert computed == [6]


def test_other_weights_have_a_memory_of_their_own(folders):
    assert backbone(folders / "resnet").memory is not backbone(folders / "vit").memory


def test_no_weight_of_a_frozen_network_is_trained(folders):
    net = backbone(folders / "resnet", frozen=1.0)
    trained = {name for name, parameter in net.named_parameters() if parameter.requires_grad}
    assert trained == {"norm.scale", "norm.shift"}


def test_the_layers_near_the_input_are_frozen_first(folders):
    names = list(dict(tiny("resnet").named_parameters()))
    net = backbone(folders / "resnet", frozen=0.5)
    learns = [net.get_parameter(net._names[name]).requires_grad for name in names]
    assert learns == sorted(learns)
    assert 0 < sum(learns) < len(learns)


def test_the_learning_rate_falls_from_the_output_to_the_input(folders):
    net = backbone(folders / "vit", frozen=0.0, lr_share=0.5, lr_decay=0.5)
    factors = [net.LR_FACTORS[net._names[name]] for name in dict(tiny("vit").named_parameters())]
    assert factors == sorted(factors)
    assert factors[-1] == 0.5
    assert factors[0] == 0.5 * 0.5**11
    moved = {piece.lr_factor for piece in Gradients(net, k=1).slices(0)}
    assert moved == {*factors, 1.0}


def test_the_head_learns_alone_first(folders):
    net = backbone(folders / "resnet", frozen=0.0, head_first=0.5)
    for progress, learns in ((0.0, False), (0.4, False), (0.5, True), (0.1, True)):
        net.reach(progress)
        net.zero_grad()
        net(images()).square().sum().backward()
        gradients = [
            net.get_parameter(name).grad for name in net._names.values() if name in dict(net.named_parameters())
        ]
        assert any(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients) == learns


@pytest.mark.parametrize("statistics", ["frozen", "learned"])
def test_batch_norm_keeps_its_statistics_where_they_are_frozen(folders, statistics):
    net = backbone(folders / "resnet", frozen=0.0, head_first=0.0, statistics=statistics)
    before = {
        name: tensor.clone() for name, tensor in net.named_buffers() if "running_mean" in name and "borrowed" in name
    }
    net(images())
    same = all(torch.equal(tensor, net.get_buffer(name)) for name, tensor in before.items())
    assert same == (statistics == "frozen")


def test_the_networks_of_a_stack_are_those_of_one(folders):
    two, one = (backbone(folders / "resnet", k=k, frozen=0.0, head_first=0.0, d_head=4) for k in (2, 1))
    for net in (two, one):
        torch.nn.init.constant_(net.dense.weight, 0.3)
        net(images()).square().mean((1, 2)).sum().backward()
    for (name, single), both in zip(one.named_parameters(), two.parameters(), strict=True):
        if single.grad is not None:
            torch.testing.assert_close(both.grad[1:], single.grad, msg=name, atol=1e-5, rtol=1e-3)


def test_an_image_has_the_same_features_alone_as_among_others(folders):
    for knobs in ({"frozen": 1.0}, {"frozen": 0.0, "statistics": "learned", "head_first": 0.0}):
        net, x = backbone(folders / "resnet", **knobs), images()
        net(x)
        with evaluating(net):
            alone = torch.cat([net(x[:, i : i + 1]) for i in range(6)], dim=1)
            torch.testing.assert_close(net(x), alone, atol=1e-5, rtol=1e-4)


def test_grey_images_are_read_as_three_equal_channels(folders):
    grey = torch.randn(1, 4, 1, 20, 24)
    nets = [backbone(folders / "resnet"), backbone(folders / "resnet")]
    torch.testing.assert_close(nets[0](grey), nets[1](grey.expand(-1, -1, 3, -1, -1)))


def test_a_copy_shares_what_is_remembered(folders):
    net = backbone(folders / "resnet")
    assert copy.deepcopy(net).memory is net.memory


def test_a_folder_with_a_pickle_is_refused_unread(folders, tmp_path):
    (tmp_path / "config.json").write_text((folders / "resnet" / "config.json").read_text())
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch " + str(tmp_path / "run").encode() + b"'\ntR.")
    with pytest.raises(ModelFileError, match=r"as a pickle \(pytorch_model.bin\), which may run foreign code"):
        read_pretrained(str(tmp_path))
    assert not (tmp_path / "run").exists()


def test_a_folder_without_weights_is_refused(folders, tmp_path):
    with pytest.raises(ModelFileError, match=r"it needs config.json and model.safetensors"):
        read_pretrained(str(tmp_path))
    (tmp_path / "config.json").write_text((folders / "resnet" / "config.json").read_text())
    with pytest.raises(ModelFileError, match="holds no weights"):
        read_pretrained(str(tmp_path))


def test_a_folder_with_code_of_its_own_does_not_run_it(tmp_path):
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "ours", "auto_map": {"AutoConfig": "ours.Config", "AutoModel": "ours.Model"}})
    )
    (tmp_path / "ours.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')\n")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_pretrained(str(tmp_path))
    assert not (tmp_path / "run").exists()


def test_a_truncated_file_of_weights_is_refused(folders, tmp_path):
    (tmp_path / "config.json").write_text((folders / "resnet" / "config.json").read_text())
    blob = (folders / "resnet" / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(blob[: len(blob) // 2])
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_pretrained(str(tmp_path))


def test_weights_of_another_network_are_refused(folders, tmp_path):
    """Else every layer would be drawn at random, and nobody told."""
    shutil.copy(folders / "resnet" / "config.json", tmp_path)
    shutil.copy(folders / "vit" / "model.safetensors", tmp_path)
    with pytest.raises(ModelFileError, match="lack 100 % of the network that config"):
        read_pretrained(str(tmp_path))


@pytest.mark.parametrize("form", ["{0}/gone", "weights/gone", "./gone", "a/b/gone"])
def test_a_folder_that_does_not_exist_is_refused_and_not_looked_for_on_the_hub(tmp_path, monkeypatch, form):
    (tmp_path / "weights").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelFileError, match="There is no folder"):
        read_pretrained(form.format(tmp_path))


def test_a_name_on_the_hub_is_refused_at_once_where_the_hub_cannot_be_reached(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelFileError, match=r"'owner/name' are not on this machine, and http://127.0.0.1:1 cannot"):
        read_pretrained("owner/name")


def test_no_name_of_weights_is_asked_for():
    with pytest.raises(SpaceError, match=r"Set model\.backbone\.weights"):
        backbone("")


def test_images_of_other_channels_are_refused(folders):
    option = IMAGES["pretrained"]
    config = {**defaults(option.space), "weights": str(folders / "resnet")}
    with pytest.raises(SpaceError, match="reads 3 channels, but the images have 5"):
        option.make(**config, shape=ImageShape(5, 8, 8), parts=plain_parts(k=1, d_in=1))


def test_a_size_that_a_network_cannot_read_is_refused(folders):
    with pytest.raises(SpaceError, match="cannot read images of 24 x 24 pixels"):
        backbone(folders / "vit", side=24)


def test_an_unknown_description_is_refused():
    with pytest.raises(ModelFileError, match="cannot make a network of kind 'unheard'"):
        empty_network(json.dumps({"model_type": "unheard"}))


def test_reading_draws_nothing_from_the_global_source_of_randomness(folders):
    _, description = read_pretrained(str(folders / "resnet"))
    torch.manual_seed(5)
    empty_network(description)
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(1))


def test_the_features_of_tokens_are_the_first_beside_the_mean(folders):
    network, _ = read_pretrained(str(folders / "vit"))
    with torch.no_grad():
        assert features(network, torch.zeros(2, 3, 32, 32)).shape == (2, 16)


def test_a_study_of_images_starts_with_frozen_features_and_predicts_without_the_folder(folders, tmp_path):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 80)
    x = (rng.integers(0, 60, (80, 12, 12)) + 120 * y[:, None, None]).astype(np.uint8)
    moved = tmp_path / "moved"
    shutil.copytree(folders / "resnet", moved)
    settings = {"model.backbone.weights": str(moved), "model.backbone.side": 32, "train.n_epochs": 25}
    net = ImageClassifier(n_trials=1, settings=settings, random_state=0).fit(x, y)
    shutil.rmtree(moved)
    assert (net.predict(x) == y).mean() > 0.9


def test_without_transformers_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModelFileError, match=r"pip install 'automl_nn\[pretrained\]'"):
        read_pretrained("owner/name")
