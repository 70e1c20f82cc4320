"""The registry of accounts and measures: name, unit, sign, roll-up, one line of description."""

from dataclasses import dataclass
from typing import Literal

RollUp = Literal["revenue", "service", "acquisition", "retention", "overhead", "residual"]
Unit = Literal["currency", "1", "customers", "periods", "share"]


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
        Whether money flows inside the horizon (the residual value does not).
    """

    name: str
    sign: int
    roll_up: RollUp
    description: str
    cash: bool = True


ACCOUNTS: tuple[Account, ...] = (
    Account("list_revenue", 1, "revenue", "Spend of active customers at the price list"),
    Account("discounts", -1, "revenue", "Price let off by offers and programs"),
    Account("add_on_revenue", 1, "revenue", "Revenue of members per period (add-ons)"),
    Account("termination_fees", 1, "revenue", "Fees for leaving before a contract's term"),
    Account("cost_of_sales", -1, "service", "Share of list revenue that is cost"),
    Account("cost_to_serve", -1, "service", "Cost per active customer, and per purchase"),
    Account("cancellation_calls", -1, "service", "Calls of leavers to cancel"),
    Account("channel_spend", -1, "acquisition", "Spend in channels, and cohorts bought"),
    Account("gifts", -1, "acquisition", "Gifts and equipment subsidies of offers"),
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
)
ACCOUNT_NAMES: tuple[str, ...] = tuple(account.name for account in ACCOUNTS)
ACCOUNT_INDEX: dict[str, int] = {name: i for i, name in enumerate(ACCOUNT_NAMES)}
#: Roll-ups that make up the marketing investment.
MARKETING: tuple[RollUp, ...] = ("acquisition", "retention")


def rolled_up(*roll_ups: RollUp) -> list[int]:
    """Indices of the accounts of some roll-ups, in the registry's order."""
    return [i for i, account in enumerate(ACCOUNTS) if account.roll_up in roll_ups]


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
    """

    name: str
    unit: Unit
    description: str
    dims: tuple[str, ...] = ()


MEASURES: tuple[Measure, ...] = (
    Measure("customers_acquired", "customers", "Customers that joined within the horizon"),
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
    Measure("acquisition_cost", "currency", "Acquisition cost per customer acquired"),
    Measure("npv", "currency", "Net present value of all cash flows and the residual value"),
    Measure("marketing_investment", "currency", "Discounted acquisition and retention spend"),
    Measure("romi", "1", "Return on marketing investment against the same worlds without the plan"),
    Measure(
        "payback_period",
        "periods",
        "Periods until the cumulated cash flow is back at zero for good (0: never below)",
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
    Measure("cash_trough", "currency", "Deepest point of the cumulated cash flow"),
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
    Measure("loss_probability", "share", "Share of worlds with a negative NPV"),
    Measure(
        "var_95",
        "currency",
        "Value at risk: the loss (negative NPV) that 95 % of worlds stay below; from 100 worlds",
    ),
    Measure("cvar_95", "currency", "Mean loss of the worst 5 % of worlds; from 100 worlds"),
    Measure("payback_probability", "share", "Share of worlds that pay back inside the horizon"),
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
