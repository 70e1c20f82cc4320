"""Scenarios: what the user writes, read, checked and explained."""
