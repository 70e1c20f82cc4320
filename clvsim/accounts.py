"""The registry of accounts and measures: name, unit, sign, roll-up, one line of description."""

from dataclasses import dataclass
from typing import Literal

RollUp = Literal["revenue", "service", "acquisition", "retention", "overhead", "residual"]
Unit = Literal["currency", "1", "customers", "prospects", "periods", "share"]


@dataclass(frozen=True)
class Account:
    """A named money flow.

    Attributes
    ----------
    name : str
    sign : int
        +1 for receipts, -1 for costs: results carry signed amounts.
    roll_up : str
        Line of the profit and loss statement that it belongs to.
    description : str
    cash : bool
        Whether money flows inside the horizon (what lies beyond it does not).
    given : bool
        Whether it is a give-away: let off the list price, or given, to win or keep somebody.
    """

    name: str
    sign: int
    roll_up: RollUp
    description: str
    cash: bool = True
    given: bool = False


ACCOUNTS: tuple[Account, ...] = (
    Account("list_revenue", 1, "revenue", "Spend of active customers at the price list"),
    Account(
        "introductory_discounts",
        -1,
        "revenue",
        "Price let off by offers, free periods aside",
        given=True,
    ),
    Account("free_periods", -1, "revenue", "Price of periods that offers give free", given=True),
    Account("concessions", -1, "revenue", "Price let off by programs", given=True),
    Account("add_on_revenue", 1, "revenue", "Revenue of members per period (add-ons)"),
    Account("termination_fees", 1, "revenue", "Fees for leaving before a contract's term"),
    Account("cost_of_sales", -1, "service", "Share of spend that is cost, whatever the price"),
    Account("royalties", -1, "service", "Share of the price paid that is owed to others"),
    Account("cost_to_serve", -1, "service", "Cost per active customer, and per purchase"),
    Account("cancellation_calls", -1, "service", "Calls of leavers to cancel"),
    Account("channel_spend", -1, "acquisition", "Spend in channels, and cohorts bought"),
    Account("gifts", -1, "acquisition", "Gifts of offers", given=True),
    Account("equipment", -1, "acquisition", "Equipment subsidies of offers", given=True),
    Account("lead_costs", -1, "acquisition", "Programs' costs per lead"),
    Account("campaigns", -1, "acquisition", "Fixed costs of programs that raise acquisition"),
    Account("program_costs", -1, "retention", "Fixed costs of all other programs"),
    Account("member_costs", -1, "retention", "Programs' costs per customer, member and adoption"),
    Account("contacts", -1, "retention", "Contacts of treatments, and of customers by their state"),
    Account("incentives", -1, "retention", "Incentives paid on acceptance"),
    Account("fixed_costs", -1, "overhead", "Fixed costs of the business"),
    Account(
        "residual_value",
        1,
        "residual",
        "Expected margin beyond the horizon of those still there",
        cash=False,
    ),
    Account(
        "fixed_costs_beyond",
        -1,
        "residual",
        "Fixed costs beyond the horizon, of the business and of programs that go on",
        cash=False,
    ),
    Account(
        "undecided_value",
        1,
        "residual",
        "Expected value of those who join after the horizon, by carry-over and undecided leads",
        cash=False,
    ),
)
ACCOUNT_NAMES: tuple[str, ...] = tuple(account.name for account in ACCOUNTS)
ACCOUNT_INDEX: dict[str, int] = {name: i for i, name in enumerate(ACCOUNT_NAMES)}
#: Roll-ups of what is spent on marketing.
_MARKETING: tuple[RollUp, ...] = ("acquisition", "retention")


def rolled_up(*roll_ups: RollUp) -> list[int]:
    """Indices of the accounts of some roll-ups, in the registry's order."""
    return [i for i, account in enumerate(ACCOUNTS) if account.roll_up in roll_ups]


def spent() -> list[int]:
    """Indices of the accounts of what is spent on marketing, gifts and equipment included."""
    return rolled_up(*_MARKETING)


def given_away() -> list[int]:
    """Indices of the accounts of what is given away."""
    return [i for i, account in enumerate(ACCOUNTS) if account.given]


def invested() -> list[int]:
    """Indices of the accounts of the marketing investment: what is spent and what is given away."""
    return [i for i, one in enumerate(ACCOUNTS) if one.given or one.roll_up in _MARKETING]


@dataclass(frozen=True)
class Measure:
    """A figure derived from accounts and lives.

    Attributes
    ----------
    name : str
    unit : str
    description : str
    dims : tuple of str
        Dimensions beside scenario and world.
    of_plan : bool
        Whether it tells of the plan (the same worlds with it less those without it), not of the
        business as a whole.
    """

    name: str
    unit: Unit
    description: str
    dims: tuple[str, ...] = ()
    of_plan: bool = False


MEASURES: tuple[Measure, ...] = (
    Measure(
        "plan_npv",
        "currency",
        "Net present value of the plan: that of the same worlds with it less without it",
        of_plan=True,
    ),
    Measure(
        "plan_investment",
        "currency",
        "Marketing investment of the plan: with it less without it",
        of_plan=True,
    ),
    Measure(
        "romi",
        "1",
        "Return on marketing investment: NPV of the plan per unit of its marketing investment",
        of_plan=True,
    ),
    Measure(
        "romi_on_spend",
        "1",
        "NPV of the plan per unit of what it spends alone, without what it gives away in price",
        of_plan=True,
    ),
    Measure(
        "plan_payback_period",
        "periods",
        "Periods until the plan's cumulated cash flow is back at zero for good (0: never below)",
        of_plan=True,
    ),
    Measure(
        "plan_payback_or_horizon",
        "periods",
        "The same, and the whole horizon where it never is",
        of_plan=True,
    ),
    Measure(
        "plan_cash_trough",
        "currency",
        "Deepest point of the plan's cumulated cash flow",
        of_plan=True,
    ),
    Measure(
        "plan_cash_trough_period", "periods", "Period of the plan's deepest point", of_plan=True
    ),
    Measure(
        "plan_cash",
        "currency",
        "Cash flow of the plan: that of the business less that of the same worlds without it",
        ("period",),
        of_plan=True,
    ),
    Measure(
        "prospects", "prospects", "Expected prospects of channels that decide within the horizon"
    ),
    Measure("conversion", "share", "Share of these expected to join, under their channel's offer"),
    Measure("conversion_at_list", "share", "The same if the list price were offered instead"),
    Measure("expected_joiners", "customers", "Expected customers of these prospects"),
    Measure("customers_acquired", "customers", "Customers that joined within the horizon"),
    Measure(
        "undecided_customers",
        "customers",
        "Expected to join after the horizon, by carry-over and leads paid for within it or before",
    ),
    Measure(
        "clv",
        "currency",
        "Discounted margin from joining, after acquisition cost, per customer",
    ),
    Measure("clv_before_acquisition", "currency", "The same before acquisition cost"),
    Measure(
        "clv_quantiles",
        "currency",
        "Quantiles of CLV over the customers acquired (over the installed base if there are none)",
        ("quantile",),
    ),
    Measure(
        "acquisition_cost",
        "currency",
        "Acquisition costs, by the prospects reached, per customer acquired",
    ),
    Measure("npv", "currency", "Net present value of all cash flows and what lies beyond"),
    Measure(
        "residual_share",
        "share",
        "Share of the NPV that lies beyond the horizon (none where the NPV is not above 0)",
    ),
    Measure(
        "marketing_investment",
        "currency",
        "Discounted: spent on acquisition and retention, and given away",
    ),
    Measure(
        "payback_period",
        "periods",
        "Periods until the cumulated cash flow of the business is back at zero for good "
        "(0: never below)",
    ),
    Measure(
        "payback_or_horizon",
        "periods",
        "The same, and the whole horizon where it never is",
    ),
    Measure(
        "payback_share",
        "share",
        "Customers acquired whose margin inside the horizon covers their acquisition cost",
    ),
    Measure(
        "purchases_per_customer",
        "1",
        "Purchases inside the horizon per customer that buys now and then",
    ),
    Measure("cash_trough", "currency", "Deepest point of the business's cumulated cash flow"),
    Measure("cash_trough_period", "periods", "Period of the deepest point"),
    Measure("top_20_share", "share", "Share of customer value from the top 20 % of customers"),
    Measure("gini", "1", "Gini coefficient of customer value (before acquisition)"),
    Measure(
        "retention_curve",
        "share",
        "Customers that have not left or decided to leave, by tenure",
        ("segment", "tenure"),
    ),
    Measure(
        "customer_equity",
        "currency",
        "Value at each period's end of all later margin of the customers so far",
        ("period",),
    ),
    Measure("clv_by_cohort", "currency", "CLV before acquisition by joining period", ("cohort",)),
)
#: Measures of the distribution over worlds, without a world dimension of their own.
RISK_MEASURES: tuple[Measure, ...] = (
    Measure(
        "plan_payback_probability",
        "share",
        "Share of worlds in which the plan pays itself back inside the horizon",
        of_plan=True,
    ),
    Measure("loss_probability", "share", "Share of worlds with a negative NPV"),
    Measure(
        "var_95",
        "currency",
        "Value at risk: the loss (negative NPV) that 95 % of worlds stay below; from 100 worlds",
    ),
    Measure("cvar_95", "currency", "Mean loss of the worst 5 % of worlds; from 100 worlds"),
    Measure(
        "payback_probability",
        "share",
        "Share of worlds in which the business is back at zero inside the horizon",
    ),
    Measure(
        "npv_spread_customers",
        "currency",
        "Standard deviation of NPV over worlds from the customers' own luck",
    ),
    Measure(
        "npv_spread_parameters",
        "currency",
        "Standard deviation of NPV over worlds from uncertain numbers (0: none are)",
    ),
    Measure(
        "npv_spread_shocks",
        "currency",
        "Standard deviation of NPV over worlds from common shocks (0: there are none)",
    ),
)
