"""Closed forms against printed figures, quadrature and simulated customers."""
