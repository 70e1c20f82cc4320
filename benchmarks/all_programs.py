"""Every kind of program at once: nanoseconds per active customer-month on one processor.

python benchmarks/all_programs.py [--tiny]
"""

import sys
from typing import Any

from plain_subscription import rival, scenario
from timing import report, seconds, simulate

from clvsim.engine.compile import compile_scenario
from clvsim.kernels import plan as p
from clvsim.scenario.model import Scenario

PROGRAMS: dict[str, dict[str, Any]] = {
    "loyalty": {"kind": "loyalty", "member_share": 0.3, "hazard": 0.9, "cost_per_member": 1.0},
    "welcome": {"kind": "onboarding", "tenures": 3, "hazard": 0.8, "cost_per_customer": 2.0},
    "save_the_best": {
        "kind": "retention", "target": "value", "share": 0.2, "every": 6, "duration": 6,
        "hazard": 0.7, "acceptance": 0.5, "contact_cost": 2.0, "incentive": 10.0,
    },
    "winter_mailing": {
        "kind": "retention", "target": "random", "share": 0.1, "every": 12, "duration": 3,
        "hazard": 0.9, "discount": 0.1, "contact_cost": 1.0,
    },
    "sports_channel": {
        "kind": "add_on", "adoption": 0.02, "price": 10.0, "cost": 4.0, "hazard": 0.9,
    },
    "price_rise": {"kind": "price_change", "change": 0.05, "first": 24},
    "brand": {"kind": "brand_campaign", "conversion_odds": 1.2, "fixed_cost": 1000.0},
    "nurture": {"kind": "nurture", "conversion_odds": 1.2, "cost_per_lead": 1.0},
}  # fmt: skip


def with_programs(customers: int) -> Scenario:
    """The plain subscription with every kind of program."""
    plain = scenario(customers).model_dump()
    plain["programs"] = PROGRAMS
    plain["segments"]["all"] |= {"price_rise_sensitivity": 2.0, "call_share": 0.4, "call_cost": 5.0}
    return Scenario.model_validate(plain)


def measure(*, tiny: bool = False) -> dict[str, Any]:
    """Figures of the benchmark; ``tiny`` for the tests."""
    customers, repeats = (1_000, 1) if tiny else (200_000, 5)
    compiled = compile_scenario(with_programs(customers))
    world = simulate(compiled, 1)
    months = float(world.flows[0, p.ACTIVE].sum())
    timed = seconds(lambda: simulate(compiled, 1), repeats)
    plain = seconds(lambda: rival(customers, 1), repeats)
    return {
        "customers": customers,
        "programs": len(PROGRAMS),
        "active_customer_months": months,
        "engine_1_thread": timed,
        "ns_per_active_customer_month": 1e9 * timed["fastest_s"] / months,
        "rival_numpy_compacting_without_programs": plain,
        "speed_up_over_rival_without_programs": plain["fastest_s"] / timed["fastest_s"],
    }


if __name__ == "__main__":
    report("all programs", measure(tiny="--tiny" in sys.argv))
