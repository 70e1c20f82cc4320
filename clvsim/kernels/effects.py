"""What effects of personal programs change of what is paid in a single step, and for ever."""

from clvsim.kernels import plan as p
from clvsim.kernels.inner import inlined


@inlined
def pay_under_effects(model, cell, step, amount, scratch, posts):
    """Margin that running effects change of one amount, posted to their rows."""
    extra = 0.0
    for row in range(model.personal.shape[0]):
        if scratch[p.SINCE, row] >= 0.0:
            unit = model.gates[row, p.EFFECT_UNIT, cell]
            extra += amount * (unit[step + 1] - unit[step])
            posts[row, p.POST_SPEND, step] += amount
    return extra


@inlined
def lasting_margin(model, cell, scratch):
    """Margin of a period beyond the horizon by memberships: per unit of spend, per head."""
    last = int(model.facts[cell, p.STEPS]) - 1
    unit, head, factor = 0.0, 0.0, model.period_factor**last
    for row in range(model.personal.shape[0]):
        member = int(model.personal[row, p.KIND]) == p.MEMBERSHIP
        if member and scratch[p.SINCE, row] >= 0.0:
            gates = model.gates[row]
            unit += gates[p.EFFECT_UNIT, cell, last + 1] - gates[p.EFFECT_UNIT, cell, last]
            head += gates[p.EFFECT_HEAD, cell, last + 1] - gates[p.EFFECT_HEAD, cell, last]
    return unit / (factor * model.facts[cell, p.RESIDUAL_SHOCK]), head / factor
