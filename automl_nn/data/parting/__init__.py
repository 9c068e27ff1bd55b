"""Which rows train and which choose: by class, at random, by group, by time, in folds."""
