"""What is searched for each kind of problem, and the trials to begin with."""
