"""What effects of personal programs change of a single payment, and which of them last."""

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
def lasts(model, row, cell, scratch):
    """Whether a row's effect runs on beyond the horizon: memberships do, treatments end."""
    is_member = int(model.personal[row, p.KIND]) == p.MEMBERSHIP and scratch[p.SINCE, row] >= 0.0
    return is_member and scratch[p.UNTIL, row] > model.facts[cell, p.STEPS]
