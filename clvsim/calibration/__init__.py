"""From real records to the distributions of a scenario: fits by maximum likelihood."""
