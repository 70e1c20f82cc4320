"""All cases, and the run over them."""

import math
from collections.abc import Callable

from clvsim.verification import (
    amounts,
    berger_nasr,
    campaign,
    cdnow,
    common_numbers,
    donations,
    equity,
    examples,
    migration,
    purchases,
    sbg,
    subscribers,
)
from clvsim.verification.verdict import PRECISION, Case, Verdict, judge

CASES: tuple[Case, ...] = (
    Case("Berger & Nasr 1998", berger_nasr.examine),
    Case("Fader & Hardie 2007", sbg.examine_survival),
    Case("Fader & Hardie 2010", sbg.examine_value),
    Case("Fader, Hardie & Lee 2005", cdnow.examine),
    Case("Fader, Hardie & Shang 2010", donations.examine),
    Case("Pfeifer & Carraway 2000", migration.examine),
    Case("Blattberg & Deighton 1996", equity.examine),
    Case("Neslin et al. 2006", campaign.examine),
    Case("Common random numbers", common_numbers.examine),
    Case("Gupta, Lehmann & Stuart 2004", examples.examine_elasticities),
    Case("Payments", examples.examine_amounts),
    Case("Mean lives", examples.examine_lives),
    Case("Virgin Mobile USA", subscribers.examine_virgin),
    Case("Rosewood", subscribers.examine_rosewood),
    Case("Network provider", subscribers.examine_network),
    Case("Purchases now and then", purchases.examine),
    Case("Fader & Hardie 2013", amounts.examine),
)


def run_cases(
    progress: Callable[[int, int], None] | None = None, worlds_scale: float = 1.0
) -> list[Verdict]:
    """Simulate all cases and judge what they find.

    Parameters
    ----------
    progress : callable, optional
        Told the cases done and the cases in all.
    worlds_scale : float
        Share of the full number of worlds to simulate. Below 1 the largest relative error that
        passes widens in proportion to its root's inverse; above 1 it stays at ``PRECISION``.

    Raises
    ------
    ValueError
        If the scale is not positive.
    """
    if not worlds_scale > 0.0:
        message = f"worlds_scale must be above 0, not {worlds_scale:g}"
        raise ValueError(message)
    precision = PRECISION / math.sqrt(min(1.0, worlds_scale))
    verdicts: list[Verdict] = []
    for done, case in enumerate(CASES, start=1):
        verdicts += [judge(finding, precision) for finding in case.examine(worlds_scale)]
        if progress is not None:
            progress(done, len(CASES))
    return verdicts
