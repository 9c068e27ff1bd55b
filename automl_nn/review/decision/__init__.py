"""What there is to see of a decision: numbers, curves, pictures and files of them."""
