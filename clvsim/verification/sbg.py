"""Fader & Hardie 2007 and 2010: churn that differs between customers (sBG), and its value."""

from collections.abc import Iterator

from clvsim.reference import sbg_del, sbg_derl, sbg_survival
from clvsim.scenario.model import Scenario
from clvsim.scenario.retention import RetentionFit
from clvsim.verification.estimate import (
    column,
    estimate,
    mean,
    ratio,
    scaled,
    scenario,
    session,
    simulate,
)
from clvsim.verification.verdict import Finding

_FIT = "Fader & Hardie 2007"
_VALUE = "Fader & Hardie 2010"
#: Survivors of 1,000 customers after 0, 1, … 7 years: the years that are fitted.
_SURVIVORS: dict[str, list[float]] = {
    "Regular": [1000, 631, 468, 382, 326, 289, 262, 241],
    "High End": [1000, 869, 743, 653, 593, 551, 517, 491],
}
#: Alpha and beta: as printed, and recomputed with the log-likelihood.
_PRINTED_FIT = {"Regular": ("0.704", "1.182"), "High End": ("0.668", "3.806")}
_RECOMPUTED_FIT = {
    "Regular": ("0.704077", "1.182043", "-1680.265188"),
    "High End": ("0.668088", "3.806095", "-1611.158147"),
}
#: Projected survival, years 8 to 12.
_PROJECTED = {
    "Regular": ("0.220085", "0.204411", "0.191190", "0.179865", "0.170037"),
    "High End": ("0.460440", "0.435780", "0.414172", "0.395055", "0.377999"),
}
_FIRST_YEAR, _YEARS = 8, 13
#: DEL, and DERL of customers in their first, second, third and fourth year.
_DEL = {"Regular": "3.695147", "High End": "5.922596"}
_DERL = {
    "Regular": ("2.964662", "4.103459", "4.870137", "5.442391"),
    "High End": ("5.414856", "5.901753", "6.294261", "6.620280"),
}
_DISCOUNT = 0.1
#: Years simulated one by one; the rest of a life is its own expected value.
_HORIZON = 40

_SURVIVAL_WORLDS, _SURVIVAL_CUSTOMERS = 120, {"Regular": 65_536, "High End": 32_768}
_VALUE_WORLDS, _VALUE_CUSTOMERS = 144, 16_384


def examine_survival(scale: float) -> Iterator[Finding]:
    """The fit of the survivors tables, and the survival projected beyond them."""
    tables = scenario(
        time={"step": "year", "periods": _YEARS},
        segments={
            name: {"churn": {"survivors": survivors}, "spend": 1.0}
            for name, survivors in _SURVIVORS.items()
        },
        cohorts={
            name: {"segment": name, "customers": _SURVIVAL_CUSTOMERS[name]} for name in _SURVIVORS
        },
    )
    simulation = session({"baseline": tables}, scaled(_SURVIVAL_WORLDS, scale))
    fits = simulation.variants.compiled["baseline"].population.fits
    for name in _SURVIVORS:
        yield from _fitted(name, fits[name])
    result = simulation.result()
    for name in _SURVIVORS:
        alpha, beta = _parameters(fits[name])
        curve = result["retention_curve"].sel(segment=name).isel(scenario=0)
        for year, printed in enumerate(_PROJECTED[name], start=_FIRST_YEAR):
            yield Finding(
                _FIT,
                f"{name}: share that survives {year} years",
                float(sbg_survival(year, alpha, beta)),
                recomputed=printed,
                estimate=mean(curve.sel(tenure=year).values),
            )


def _fitted(name: str, fit: RetentionFit) -> Iterator[Finding]:
    """Parameters and log-likelihood of one table's fit."""
    printed, recomputed = _PRINTED_FIT[name], _RECOMPUTED_FIT[name]
    alpha, beta = _parameters(fit)
    yield Finding(_FIT, f"{name}: alpha", alpha, published=printed[0], recomputed=recomputed[0])
    yield Finding(_FIT, f"{name}: beta", beta, published=printed[1], recomputed=recomputed[1])
    yield Finding(_FIT, f"{name}: log-likelihood", fit.log_likelihood, recomputed=recomputed[2])


def _parameters(fit: RetentionFit) -> tuple[float, float]:
    """Alpha and beta; NaN, which agrees with nothing, where the sBG was not chosen."""
    nan = float("nan")
    return (nan if fit.alpha is None else fit.alpha, nan if fit.beta is None else fit.beta)


def examine_value(scale: float) -> Iterator[Finding]:
    """Value of new customers, and of customers in a later year just before they renew."""
    result = simulate({"baseline": _new_and_old()}, scaled(_VALUE_WORLDS, scale))
    for name, (alpha, beta) in _printed_parameters().items():
        totals = (column(result, one, channel=_source(name, 0)) for one in ("value", "customers"))
        yield Finding(
            _VALUE,
            f"{name}: DEL, years",
            sbg_del(alpha, beta, _DISCOUNT),
            recomputed=_DEL[name],
            estimate=ratio(*totals),
        )
        for year, printed in enumerate(_DERL[name], start=1):
            source = _source(name, year)
            totals = (column(result, one, channel=source) for one in ("value", "customers"))
            yield Finding(
                _VALUE,
                f"{name}: DERL in year {year}, years",
                sbg_derl(year, alpha, beta, _DISCOUNT),
                recomputed=printed,
                estimate=estimate(
                    # The payment of the year itself is made; the rest comes a year later.
                    lambda value, customers: (value / customers - 1.0) * (1.0 + _DISCOUNT),
                    *totals,
                ),
            )


def _printed_parameters() -> dict[str, tuple[float, float]]:
    return {name: (float(alpha), float(beta)) for name, (alpha, beta) in _PRINTED_FIT.items()}


def _source(name: str, year: int) -> str:
    """Name of the source of a segment's customers in a year of their lives; 0: new ones."""
    return f"{name}, year {year}" if year else f"{name}, new"


def _new_and_old() -> Scenario:
    """New cohorts, and installed bases in years 1 to 4, that pay 1 at the start of each year."""
    names = list(_PRINTED_FIT)
    return scenario(
        time={"step": "year", "periods": _HORIZON},
        money={"discount_rate": _DISCOUNT, "timing": "start", "residual": "expected"},
        segments={
            name: {"churn": {"distribution": "beta", "a": alpha, "b": beta}, "spend": 1.0}
            for name, (alpha, beta) in _printed_parameters().items()
        },
        cohorts={
            _source(name, 0): {"segment": name, "customers": _VALUE_CUSTOMERS} for name in names
        },
        installed_base={
            _source(name, year): {
                "segment": name,
                "customers": _VALUE_CUSTOMERS,
                "tenure": year - 1,
            }
            for name in names
            for year in range(1, 5)
        },
    )
