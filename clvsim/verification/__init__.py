"""Verification against theory and the literature: cases with automatic verdicts."""

from clvsim.verification.cases import run_cases
from clvsim.verification.verdict import Case, Verdict

__all__ = ["Case", "Verdict", "run_cases"]
