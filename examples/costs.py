"""One search, several decisions: what a miss costs changes the threshold and trains nothing."""

from sklearn.datasets import load_breast_cancer

from automl_nn import Study

frame = load_breast_cancer(as_frame=True).frame
frame["target"] = frame["target"].map({0: "malignant", 1: "benign"})

quick = {"model.backbone.d_block": 64, "train.n_epochs": 10}
study = Study(frame, "target", settings=quick, storage="sqlite:///costs.db")
study.tune(n_trials=2)

for miss in (1, 10, 100):
    predictor = study.predictor(study.decide(cost=(1, miss)))
    marked = (predictor.predict(frame.drop(columns="target")) == "malignant").sum()
    print(f"if a miss costs {miss} false alarms: {marked} of {len(frame)} rows are called malignant")
