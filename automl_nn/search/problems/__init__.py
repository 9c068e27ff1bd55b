"""What is given and asked: rows, targets, and which rows choose. Nothing in here is ever searched."""
