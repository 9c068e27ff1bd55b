"""Alarms: from scores of single steps to events, and the trigger that is best for a goal."""
