"""What the choices of a search were worth."""
