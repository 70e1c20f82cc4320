"""From records to the distributions of a scenario."""
