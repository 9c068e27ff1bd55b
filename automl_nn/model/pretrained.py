"""Pretrained networks of images from transformers: read from safetensors alone, so that nothing foreign is ever run."""

import json
import os
import ssl
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import torch
from torch import Tensor, nn

from automl_nn.errors import ModelFileError

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
"""Endings of files whose reading may run what somebody wrote into them."""

MOST_MISSING = 0.1
"""Share of a network's weights that its file may lack: a pooler, say, often left out and read by nothing."""

PATIENCE_SECONDS = 5.0
"""How long the hub may take to answer before it counts as out of reach."""


def read_pretrained(source: str) -> tuple[nn.Module, str]:
    """A pretrained network and the description from which `empty_network` makes one of the same layers.

    Args:
        source: A folder with `config.json` and weights in safetensors, or a name on the Hugging Face hub.

    Returns:
        The network in evaluation mode, and its description as JSON.

    Raises:
        ModelFileError: transformers is missing, or there are no such weights, or they are no network of images.
    """
    transformers = _transformers()
    if os.sep in source and not (_is_hub_name(source) or Path(source).exists()):
        raise ModelFileError(f"There is no folder {source!r}: name one that holds config.json and model.safetensors.")
    is_folder = Path(source).exists()
    if is_folder:
        _check_folder(Path(source))
    is_local = is_folder or not _is_hub_reachable()
    with _quiet(transformers):
        try:
            network, told = transformers.AutoModel.from_pretrained(
                source,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=is_local,
                dtype=torch.float32,
                output_loading_info=True,
            )
        except Exception as error:
            if is_local and not is_folder:
                raise ModelFileError(
                    f"Pretrained weights {source!r} are not on this machine, and {_hub()} cannot be reached: connect "
                    "to it, or name a folder that holds config.json and model.safetensors."
                ) from error
            raise ModelFileError(f"Pretrained weights {source!r} cannot be read: {_first_line(error)}.") from error
    _check_found(source, network, missing=told["missing_keys"])
    return network.eval(), json.dumps(network.config.to_dict(), sort_keys=True, default=str)


def empty_network(description: str) -> nn.Module:
    """A network of the same layers, whose weights are of no meaning.

    Args:
        description: What `read_pretrained` said of it.

    Raises:
        ModelFileError: transformers is missing, or does not know such networks.
    """
    transformers = _transformers()
    settings = json.loads(description)
    with _quiet(transformers), torch.random.fork_rng(devices=[]):
        try:
            config = transformers.AutoConfig.for_model(**settings)
            network: nn.Module = transformers.AutoModel.from_config(config, trust_remote_code=False)
        except Exception as error:
            kind = settings.get("model_type")
            raise ModelFileError(
                f"transformers cannot make a network of kind {kind!r}: {_first_line(error)}."
            ) from error
    return network.float().eval()


def features(network: nn.Module, images: Tensor) -> Tensor:
    """What a network says of images, `(batch, d)`: what it pools; of tokens, the first one beside their mean.

    Args:
        network: One of `read_pretrained` or `empty_network`.
        images: `(batch, 3, height, width)`.
    """
    output = network(pixel_values=images)
    last: Tensor = output.last_hidden_state
    if last.dim() == 3:
        return torch.cat([last[:, 0], last.mean(1)], dim=1)
    pooled = getattr(output, "pooler_output", None)
    return last.mean((2, 3)) if pooled is None else torch.flatten(pooled, 1)


def _check_folder(folder: Path) -> None:
    """Refuse a folder without weights that can be read safely."""
    if not folder.is_dir() or not (folder / "config.json").is_file():
        raise ModelFileError(
            f"{str(folder)!r} is no folder of a pretrained network: it needs config.json and model.safetensors."
        )
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(file.name for file in folder.iterdir() if file.suffix in PICKLES)
    if pickles:
        raise ModelFileError(
            f"Folder {str(folder)!r} holds its weights as a pickle ({pickles[0]}), which may run foreign code when it "
            "is read: write them as model.safetensors with save_pretrained where you trust them."
        )
    raise ModelFileError(f"Folder {str(folder)!r} holds no weights: it needs model.safetensors beside config.json.")


def _check_found(source: str, network: nn.Module, *, missing: Collection[str]) -> None:
    """Refuse weights of other layers than the description names: transformers draws at random what it does not find."""
    sizes = {name: weights.numel() for name, weights in network.named_parameters()}
    share = sum(sizes.get(name, 0) for name in missing) / max(1, sum(sizes.values()))
    if share > MOST_MISSING:
        raise ModelFileError(
            f"Pretrained weights {source!r} lack {100 * share:.0f} % of the network that config.json describes, and "
            "would be drawn at random: take both files from one network."
        )


def _is_hub_name(source: str) -> bool:
    """Whether it may be `owner/name` rather than a path, as it is if there is a folder of the owner's name."""
    owner, _, name = source.partition("/")
    return bool(owner and name) and "/" not in name and owner[0] not in ".~" and not Path(owner).is_dir()


def _hub() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co")


def _is_hub_reachable() -> bool:
    """Whether the hub answers anything at all: transformers would ask again for minutes where it does not."""
    try:
        urlopen(Request(_hub(), method="HEAD"), timeout=PATIENCE_SECONDS).close()
    except HTTPError:
        return True
    except URLError as error:
        return isinstance(error.reason, ssl.SSLError)  # it is there; transformers knows of other certificates
    except (OSError, ValueError):
        return False
    return True


def _transformers() -> Any:
    try:
        import transformers  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise ModelFileError("Pretrained networks need transformers: pip install 'automl_nn[pretrained]'.") from error
    return transformers


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(" .:")


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Without reports and progress bars of transformers."""
    logging = transformers.utils.logging
    verbosity, shows = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shows:
            logging.enable_progress_bar()
