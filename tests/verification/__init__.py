"""The model against theory and the literature."""
