"""The database of studies: its tables, how it is opened, what is written about a trial, and what is read again."""
