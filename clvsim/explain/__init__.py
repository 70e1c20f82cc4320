"""A scenario in plain words: what it says, what is unlikely in it, what its keys mean."""
