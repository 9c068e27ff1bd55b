"""Images, and maps of them: files, arrays, and what they show before any training."""
