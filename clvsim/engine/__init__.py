"""From a scenario to arrays of results: compile, run, gather."""
