"""From a table to a model file: search, decide, save, load, predict."""

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from automl_nn import Predictor, Study

frame = load_breast_cancer(as_frame=True).frame
frame["target"] = frame["target"].map({0: "malignant", 1: "benign"})
known, new = train_test_split(frame, test_size=0.2, stratify=frame["target"], random_state=0)

quick = {"model.backbone.d_block": 64, "train.n_epochs": 10}
study = Study(known, "target", settings=quick, storage="sqlite:///quick_start.db")
study.tune(n_trials=3)
print(study.leaderboard())

study.predictor(study.decide(maximize="f1")).save("quick_start.nn")
predictions = Predictor.load("quick_start.nn").predict_frame(new.drop(columns="target"))
print("right on", (predictions["prediction"].to_numpy() == new["target"].to_numpy()).mean(), "of unseen rows")
