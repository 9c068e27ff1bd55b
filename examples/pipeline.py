"""The scikit-learn door: an estimator behind a selection of features, scored on folds that it never saw."""

from sklearn.datasets import load_diabetes
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from automl_nn import AutoMLRegressor

X, y = load_diabetes(return_X_y=True)
quick = {"model.backbone.d_block": 64, "train.n_epochs": 10}
regressor = AutoMLRegressor(n_trials=2, settings=quick, random_state=0)
pipeline = make_pipeline(SelectKBest(f_regression, k=6), regressor)
print("R2 of each fold:", cross_val_score(pipeline, X, y, cv=2, scoring="r2").round(2))
