"""``clvsim fit states``: where customers go from one state to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.chain_tests import goodness_of_chain
from clvsim.calibration.drops import refuse
from clvsim.calibration.outcome import keys_of
from clvsim.calibration.panel import read_panel
from clvsim.calibration.shares import forecast, shares_of
from clvsim.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import NDArray

    from clvsim.calibration.chain_tests import ChainTest
    from clvsim.calibration.drops import Drops
    from clvsim.calibration.panel import Panel, StateColumns
    from clvsim.calibration.records import Records
    from clvsim.calibration.shares import Forecast, Shares

    Floats = NDArray[np.float64]

MOST_CELLS = 150
"""Most different transitions whose covariance is written: it has as many rows and columns."""
_DISCOUNT = 0.1
"""Discount per period by which states are compared: which of them is better hardly turns on it."""

_FEWEST_STATES = 2


@dataclass(frozen=True)
class StateFit:
    """Transitions from one period to the next.

    Attributes
    ----------
    key : str
        Name of the segment in the block.
    data, step : str
        Name of the file; what a period is.
    states : tuple of str
        In the order of numbers where all are numbers, of names otherwise.
    counts : ndarray, shape (state, state)
        Customers that went from one state (row) to another (column).
    seen : ndarray, shape (state,)
        Rows in a state.
    starts : ndarray, shape (state,)
        Customers whose first row is in a state.
    values, value_errors : ndarray, shape (state,), currency
        Mean value of a period in a state and its standard error; NaN where it is not known. A
        customer's periods in a state are like one another, so the error is that between customers.
    customers : int
    log_likelihood : float
    drops : Drops
    notes : tuple of str
    tests : dict of str to ChainTest
        Of what a chain takes for granted, by name.
    shares : Shares or None
        Of states over time, in the holdout too; None where there are too many periods and states.
    forecast : Forecast or None
        Of periods held out.
    calendar : str
        What periods are by the calendar (`Periods.calendar`); empty: numbers.
    """

    key: str
    data: str
    step: str
    states: tuple[str, ...]
    counts: Floats
    seen: Floats
    starts: Floats
    values: Floats
    value_errors: Floats
    customers: int
    log_likelihood: float
    drops: Drops
    notes: tuple[str, ...]
    tests: dict[str, ChainTest]
    shares: Shares | None
    forecast: Forecast | None
    calendar: str

    @property
    def probabilities(self) -> Floats:
        """Share of those in a state that are in another next, shape (state, state); NaN: nobody."""
        leaving = self.counts.sum(axis=1, keepdims=True)
        unknown = np.full_like(self.counts, math.nan)
        return np.asarray(np.divide(self.counts, leaving, out=unknown, where=leaving > 0))

    @property
    def errors(self) -> Floats:
        """Multinomial standard errors ``√(p(1-p)/n)`` of `probabilities`, shape (state, state)."""
        share, leaving = self.probabilities, self.counts.sum(axis=1, keepdims=True)
        return np.asarray(np.sqrt(share * (1.0 - share) / np.maximum(leaving, 1.0)))

    def block_values(self) -> dict[str, Any]:
        """Keys of a segment of the migration relationship, states from best to worst.

        A state that nobody was seen to leave keeps its customers. The best is the one from which
        most value is to be expected or, where values are not known, from which it takes longest
        to a state for good.
        """
        best = self._best_first()
        return {
            "relationship": "states",
            "states": [self.states[at] for at in best.tolist()],
            "transitions": self._table()[np.ix_(best, best)].tolist(),
            "state_values": np.nan_to_num(self.values)[best].tolist(),
            "start_state": self.states[int(np.argmax(self.starts))],
        }

    def sampling(self) -> tuple[list[str], Floats]:
        """Numbers of the block that have an error, and their covariance as in a scenario's ``fit``.

        Transitions that were seen, of which there are at most `MOST_CELLS`, by their logs; then the
        values of states, currency. Both are independent of one another.

        Returns
        -------
        tuple of (list of str, ndarray of shape (number, number))
        """
        cells, of_cells = self._sampling_of_transitions()
        errors = self.value_errors[self._best_first()]
        known = np.flatnonzero(errors > 0.0)
        covariance = np.zeros((len(cells) + known.size, len(cells) + known.size))
        covariance[: len(cells), : len(cells)] = of_cells
        covariance[len(cells) :, len(cells) :] = np.diag(errors[known] ** 2)
        return [*cells, *(f"state_values.{at}" for at in known.tolist())], covariance

    def _sampling_of_transitions(self) -> tuple[list[str], Floats]:
        """Transitions of the block that were seen, and the covariance of their logs.

        Of the multinomial counts n p of each row (delta method): ``(1 - p)/(n p)`` on the diagonal
        and ``-1/n`` elsewhere, so that the log-odds of two cells vary by ``1/(n p) + 1/(n q)``.
        Rows are independent. A row of one cell has no error, and a transition that was never seen
        stays at 0. Empty for more than `MOST_CELLS`.
        """
        best = self._best_first()
        counts = self.counts[np.ix_(best, best)]
        doubtful = (counts > 0.0) & (np.count_nonzero(counts, axis=1) > 1)[:, None]
        rows, columns = np.nonzero(doubtful)
        if rows.size > MOST_CELLS:
            return [], np.empty((0, 0))
        leaving = counts.sum(axis=1)[rows]
        same_row = rows[:, None] == rows[None, :]
        covariance = np.where(same_row, -1.0 / leaving[:, None], 0.0)
        covariance += np.diag(1.0 / counts[rows, columns])
        paths = [
            f"transitions.{i}.{j}" for i, j in zip(rows.tolist(), columns.tolist(), strict=True)
        ]
        return paths, covariance

    def _table(self) -> Floats:
        """Probabilities; a state that nobody was seen to leave keeps its customers."""
        return np.where(np.isnan(self.probabilities), np.eye(len(self.states)), self.probabilities)

    def _best_first(self) -> NDArray[np.int64]:
        """Places of the states, from best to worst, shape (state,)."""
        table, values = self._table(), np.nan_to_num(self.values)
        is_known = bool(np.isfinite(self.values).any())
        gains = values if is_known else (np.diagonal(table) < 1.0).astype(np.float64)
        expected = np.linalg.solve(np.eye(len(self.states)) - table / (1.0 + _DISCOUNT), gains)
        return np.argsort(-expected, kind="stable")


def fit_states(
    records: Records, columns: StateColumns, step: str, gone: str = "", holdout: int = 0
) -> StateFit:
    """Count the transitions of a panel and turn them into probabilities.

    Parameters
    ----------
    records : Records
        One row a customer and period, in any order.
    columns : StateColumns
    step : str
        What a period is.
    gone : str
        State of customers from the period after their last row on, if the panel goes on without
        them; empty: what became of them is not known.
    holdout : int
        Last periods that the fit does not see.

    Raises
    ------
    RecordsError
        If a column is missing, most of the rows cannot be used, no customer has two periods that
        follow one another, there is one state only, or the holdout leaves no two periods.
    """
    whole, drops = read_panel(records, columns, step)
    if gone:
        whole = whole.with_gone(gone)
    span = int(whole.period.max() - whole.period.min())
    if holdout and holdout >= span:
        message = f"a holdout of {holdout} leaves no two of the {span + 1} periods to fit"
        allowed = f"0 to {max(span - 1, 0)}"
        refuse([Fault(str(records.path), None, "--holdout", message, allowed)], drops)
    cut = int(whole.period.max()) - holdout
    panel = whole.until(cut) if holdout else whole
    if len(panel.states) < _FEWEST_STATES:
        message = f"the only state is {panel.states[0]!r}: nobody is seen to move, or to leave"
        advice = "two states or more; or --gone NAME, if customers without rows have left"
        refuse([Fault(str(records.path), None, "--state", message, advice)], drops)
    size = len(panel.states)
    counts = np.zeros((size, size))
    followed = panel.is_followed
    np.add.at(counts, (panel.state[:-1][followed], panel.state[1:][followed]), 1.0)
    if not counts.any():
        message = "no customer has two periods that follow one another: there are no transitions"
        allowed = "one row a customer and period"
        refuse([Fault(str(records.path), None, "--period", message, allowed)], drops)
    values, errors = _means(panel)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    table = share + np.diag((counts.sum(axis=1) == 0.0).astype(np.float64))
    lost = panel.states.index(gone) if gone in panel.states else None
    return StateFit(
        key=keys_of([records.path.stem])[0],
        data=records.path.name,
        step=step,
        states=panel.states,
        counts=counts,
        seen=np.bincount(panel.state, minlength=size).astype(np.float64),
        starts=np.bincount(panel.state[panel.is_first], minlength=size).astype(np.float64),
        values=values,
        value_errors=errors,
        customers=int(panel.is_first.sum()),
        log_likelihood=float(np.sum(counts * np.log(np.where(share > 0, share, 1.0)))),
        drops=drops,
        notes=tuple(_notes(panel, counts, has_values=bool(columns.value))),
        tests=goodness_of_chain(panel),
        shares=shares_of(whole, table, lost),
        forecast=forecast(whole, cut, counts, table, lost) if holdout else None,
        calendar=whole.calendar,
    )


def _means(panel: Panel) -> tuple[Floats, Floats]:
    """Mean value by state and its standard error, shape (state,).

    The error is that of a ratio of sums over customers (Liang & Zeger 1986, independence working
    model), and the usual one where every customer has one row in a state.
    """
    known, size = np.isfinite(panel.value), len(panel.states)
    who, place, amount = panel.customer[known], panel.state[known], panel.value[known]
    count = np.bincount(place, minlength=size).astype(np.float64)
    unknown = np.full(size, math.nan)
    mean = np.divide(np.bincount(place, amount, size), count, out=unknown.copy(), where=count > 0)
    pair, own = np.unique(who * size + place, return_inverse=True)
    excess = np.bincount(own.ravel(), amount - mean[place], pair.size)
    people = np.bincount(pair % size, minlength=size).astype(np.float64)
    squares = np.bincount(pair % size, excess**2, size) * people
    variance = np.divide(squares, count**2 * (people - 1.0), out=unknown.copy(), where=people > 1.0)
    return mean, np.sqrt(variance)


def _notes(panel: Panel, counts: Floats, *, has_values: bool) -> Iterator[str]:
    """What the block leaves out or takes for granted."""
    if panel.gaps:
        yield f"pairs of rows of a customer with a period missing between, not used: {panel.gaps:,}"
    stuck = [state for state, row in zip(panel.states, counts, strict=True) if not row.any()]
    if stuck:
        named = ", ".join(map(repr, stuck))
        yield f"nobody was seen after being in {named}: written as a state that holds for good"
    seen = int(np.count_nonzero(counts[np.count_nonzero(counts, axis=1) > 1]))
    if seen > MOST_CELLS:
        yield (
            f"{seen:,} different transitions: the block holds no covariance of more than "
            f"{MOST_CELLS:,}, so every world has the same ones"
        )
    stays = counts.sum(axis=1) == np.diagonal(counts)
    vanished = int(np.sum(panel.vanishes & ~stays[panel.state]))
    if vanished:
        yield (
            f"{vanished:,} of {int(panel.is_first.sum()):,} customers have no row in the panel's "
            "last period: the transitions say nothing of what became of them; if they have left, "
            "use --gone NAME"
        )
    if not has_values:
        yield "no --value was given: the block's state_values are 0"
