"""What we keep: one file per domain; ``app/models.py`` lists the tables."""
