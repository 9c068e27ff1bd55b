"""What is asked: the kind of target, the score that compares trials, and what a network's output means."""
