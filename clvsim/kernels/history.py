"""Whether what a customer has bought so far is what a treatment asks for."""

from clvsim.kernels import plan as p
from clvsim.kernels.inner import inlined


@inlined
def is_asked_for(model):
    """Whether any treatment asks for what customers have bought so far."""
    for row in range(model.personal.shape[0]):
        if model.personal[row, p.ASKS_FOR_HISTORY] != 0.0:
            return True
    return False


@inlined
def is_within(terms, first, number):
    """Whether a number lies between the two columns from ``first`` on, both included."""
    return terms[first] <= number <= terms[first + 1]


@inlined
def hold_back(model, step, history, scratch):
    """Mark the treatments that do not ask for a customer of this history at a step.

    Parameters
    ----------
    history : tuple of latest, count, spent
        Moment of the last purchase (steps), number of purchases and their summed value at the price
        list, currency. Before the first purchase all that is asked for is 0.
    scratch : (SCRATCH, row)
        As in ``Block``, ``HELD_BACK`` written to.
    """
    latest, count, spent = history
    recency, value = 0.0, 0.0
    if count > 0:
        recency, value = step - latest, spent / count
    for row in range(model.personal.shape[0]):
        terms = model.personal[row]
        if terms[p.ASKS_FOR_HISTORY] != 0.0:
            is_meant = is_within(terms, p.LEAST_RECENCY, recency)
            is_meant = is_meant and is_within(terms, p.LEAST_FREQUENCY, float(count))
            is_meant = is_meant and is_within(terms, p.LEAST_VALUE, value)
            scratch[p.HELD_BACK, row] = 0.0 if is_meant else 1.0
