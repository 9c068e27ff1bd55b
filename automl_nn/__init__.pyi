from automl_nn.decide.decision import Decision as Decision
from automl_nn.errors import AutoMLError as AutoMLError
from automl_nn.errors import BudgetError as BudgetError
from automl_nn.errors import DataError as DataError
from automl_nn.errors import DecisionError as DecisionError
from automl_nn.errors import DivergedError as DivergedError
from automl_nn.errors import InputError as InputError
from automl_nn.errors import ModelFileError as ModelFileError
from automl_nn.errors import NoTrialError as NoTrialError
from automl_nn.errors import SpaceError as SpaceError
from automl_nn.errors import SplitError as SplitError
from automl_nn.errors import StorageError as StorageError
from automl_nn.errors import TargetError as TargetError
from automl_nn.errors import TrainingError as TrainingError
from automl_nn.estimator import AutoMLClassifier as AutoMLClassifier
from automl_nn.estimator import AutoMLRegressor as AutoMLRegressor
from automl_nn.estimator import DecisionClassifier as DecisionClassifier
from automl_nn.predict import Predictor as Predictor
from automl_nn.search.problem import Parting as Parting
from automl_nn.space.ranges import Choice as Choice
from automl_nn.space.ranges import Held as Held
from automl_nn.space.ranges import Integer as Integer
from automl_nn.space.ranges import Real as Real
from automl_nn.study import Study as Study

__version__: str
