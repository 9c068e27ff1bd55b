"""What a person sees of a study: tables, pictures, progress. It reads and never trains."""
