"""The shell's door: `automl-nn`. It waits for neither torch nor Optuna before a command needs them."""

from automl_nn.cli.app import main

__all__ = ["main"]
