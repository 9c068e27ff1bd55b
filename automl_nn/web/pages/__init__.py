"""The pages, one module each: a frozen dataclass of what it shows, and the function that makes it from a study."""
