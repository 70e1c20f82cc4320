"""Scores of customers against closed forms, drawn lives and files that cannot be."""
