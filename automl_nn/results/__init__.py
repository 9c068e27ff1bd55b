"""What a study has stored: its trials, what they are worth, decisions on them, and the model that is deployed."""
