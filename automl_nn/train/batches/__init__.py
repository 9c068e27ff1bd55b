"""What a stack reads in training: rows, images or windows, batch after batch."""
