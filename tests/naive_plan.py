"""Naive twins of the plan's measures: loops over worlds, periods and accounts, one number a time.

Arrays are plain: cash ``(world, account, period)`` and present values ``(world, account)`` of one
scenario, with the plan and without it.
"""

import math

#: Of all that has flowed: a balance nearer to zero is rounding.
_ROUNDING = 1e-12


def cash_of_plan(cash, without):
    """Cash flow of the plan by period, ``(period,)``, of one world."""
    flows = []
    for period in range(len(cash[0])):
        flow = 0.0
        for account in range(len(cash)):
            flow += cash[account][period] - without[account][period]
        flows.append(flow)
    return flows


def course(cash, without):
    """Deepest point, its period, and payback (NaN: never) of the plan in one world."""
    balance, flowed = 0.0, 0.0
    deepest, deepest_in, last_below = 0.0, 0, None
    for period, flow in enumerate(cash_of_plan(cash, without)):
        balance += flow
        for account in range(len(cash)):
            flowed += abs(cash[account][period]) + abs(without[account][period])
        if balance < -_ROUNDING * flowed:
            last_below = period
            if balance < deepest:
                deepest, deepest_in = balance, period
    if last_below is None:
        return deepest, deepest_in, 0.0
    if last_below == len(cash[0]) - 1:
        return deepest, deepest_in, math.nan
    # The first whole period that is no longer below, counted from 1.
    return deepest, deepest_in, last_below + 2.0


def total(present, accounts):
    """Sum of some accounts of one world."""
    found = 0.0
    for account in accounts:
        found += present[account]
    return found


def ratio(tops, bottoms):
    """Ratio of two means over worlds, and its standard error by the delta method."""
    worlds = len(tops)
    top, bottom = sum(tops) / worlds, sum(bottoms) / worlds
    if bottom == 0.0:
        return math.nan, math.nan
    value = top / bottom
    squares = sum((a - value * b) ** 2 for a, b in zip(tops, bottoms, strict=True))
    return value, math.sqrt(squares / (worlds - 1) / worlds) / abs(bottom)


def mean(values):
    """Mean over the worlds that have a value, and its standard error."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return math.nan, math.nan
    middle = sum(known) / len(known)
    if len(known) < 2:
        return middle, math.nan
    squares = sum((value - middle) ** 2 for value in known)
    return middle, math.sqrt(squares / (len(known) - 1) / len(known))
