"""What there is to see of images: small copies and sheets of mistakes."""
