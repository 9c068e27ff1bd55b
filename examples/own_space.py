"""Search a space of your own: a value fixes a knob, a range or a table takes its place."""

from sklearn.datasets import load_wine

from automl_nn import Choice, Integer, Real, Study

study = Study(
    load_wine(as_frame=True).frame,
    "target",
    settings={
        "model.backbone.name": "mlp",
        "model.backbone.n_blocks": Integer(1, 2, default=1),
        "model.backbone.d_block": Choice((32, 64)),
        "train.optimizer.lr": Real(1e-3, 1e-1, default=1e-2, log=True),
        "train.n_epochs": 10,
    },
    storage="sqlite:///own_space.db",
)
study.tune(n_trials=4)
for trial in study.optuna_study.get_trials():
    print(trial.number, trial.value, trial.params)
