"""Pages on studies, drawn from their storage: a web app around Optuna dashboard, and a report in one file."""
