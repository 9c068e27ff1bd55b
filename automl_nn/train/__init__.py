"""Training: losses, optimizers, schedules, clipping, stability, and the one loop."""
