"""``clvsim fit states``: in which state each customer is in each period, and where it goes next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clvsim.calibration.drops import Drops, Reason, column_faults, refuse
from clvsim.calibration.outcome import keys_of
from clvsim.calibration.texts import Codes, numbers, periods
from clvsim.errors import Fault

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from clvsim.calibration.records import Records

    Floats = NDArray[np.float64]

MOST_STATES = 200
"""Most different states, beyond which the column is hardly one of states."""
MOST_CELLS = 150
"""Most different transitions whose covariance is written: it has as many rows and columns."""
_DISCOUNT = 0.1
"""Discount per period by which states are compared: which of them is better hardly turns on it."""

_FEWEST_STATES = 2


@dataclass(frozen=True)
class StateColumns:
    """Names of columns; `value` may be empty."""

    customer: str
    period: str
    state: str
    value: str = ""

    def options(self) -> dict[str, str]:
        """Columns that were named, by option."""
        named = {
            "--customer": self.customer,
            "--period": self.period,
            "--state": self.state,
            "--value": self.value,
        }
        return {option: name for option, name in named.items() if name}


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


_NOBODY = Reason("--customer", "no customer", "the customer's name or number in every row")
_PERIOD = Reason(
    "--period", "periods that are no whole number", "whole numbers, or months like 2026-03"
)
_STATE = Reason("--state", "no name of a state", "the name of a state in every row")
_VALUE = Reason(
    "--value",
    "values that are no number (used for transitions all the same)",
    "29.33",
    is_loss=False,
)
_AGAIN = Reason("", "equal to an earlier row of the same customer and period", is_fault=False)
_CONFLICT = Reason(
    "--state",
    "another state than an earlier row of the same customer and period",
    "one state a customer and period",
)


def fit_states(records: Records, columns: StateColumns, step: str, gone: str = "") -> StateFit:
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

    Raises
    ------
    RecordsError
        If a column is missing, most of the rows cannot be used, no customer has two periods that
        follow one another, or there is one state only.
    """
    refuse(column_faults(records, columns.options()))
    drops = Drops(str(records.path), records.unit)
    customer, period, state, value, labels = _read(records, columns, drops)
    if gone:
        customer, period, state, value = _with_gone(customer, period, state, value, labels, gone)
    if len(labels) < _FEWEST_STATES:
        message = f"the only state is {labels[0]!r}: nobody is seen to move, or to leave"
        advice = "two states or more; or --gone NAME, if customers without rows have left"
        refuse([Fault(str(records.path), None, "--state", message, advice)])
    ranks = _ranks(labels)
    state, states = ranks[state], tuple(labels[at] for at in np.argsort(ranks).tolist())
    sort = np.lexsort((period, customer))
    customer, period, state, value = customer[sort], period[sort], state[sort], value[sort]
    same = np.diff(customer) == 0
    follows = same & (np.diff(period) == 1)
    size = len(states)
    counts = np.zeros((size, size))
    np.add.at(counts, (state[:-1][follows], state[1:][follows]), 1.0)
    if not counts.any():
        message = "no customer has two periods that follow one another: there are no transitions"
        allowed = "one row a customer and period"
        refuse([Fault(str(records.path), None, "--period", message, allowed)])
    seen = np.bincount(state, minlength=size).astype(np.float64)
    values, errors = _means(customer, state, value, size)
    firsts = np.concatenate(([True], ~same))
    notes = _notes(states, counts, int(np.sum(same & ~follows)))
    stays = counts.sum(axis=1) == np.diagonal(counts)
    vanished = np.concatenate((~same, [True])) & (period < period.max()) & ~stays[state]
    if vanished.any():
        notes.append(
            f"{int(vanished.sum()):,} of {int(firsts.sum()):,} customers have no row in the "
            "panel's last period: the transitions say nothing of what became of them; if they have "
            "left, use --gone NAME"
        )
    if not columns.value:
        notes.append("no --value was given: the block's state_values are 0")
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    log_likelihood = float(np.sum(counts * np.log(np.where(share > 0, share, 1.0))))
    return StateFit(
        key=keys_of([records.path.stem])[0],
        data=records.path.name,
        step=step,
        states=states,
        counts=counts,
        seen=seen,
        starts=np.bincount(state[firsts], minlength=size).astype(np.float64),
        values=values,
        value_errors=errors,
        customers=int(np.unique(customer).size),
        log_likelihood=log_likelihood,
        drops=drops,
        notes=tuple(notes),
    )


def _read(
    records: Records, columns: StateColumns, drops: Drops
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Floats, list[str]]:
    """Customer, period, state, value of the rows that can be used, and the states' names."""
    people, names, parts = Codes(), Codes(), []
    for piece in records.pieces(list(dict.fromkeys(columns.options().values()))):
        drops.begin(piece)
        texts = piece.columns
        when = periods(texts[columns.period])
        good = np.ones(when.size, dtype=bool)
        for reason, column in ((_NOBODY, columns.customer), (_STATE, columns.state)):
            named = np.array([bool(text) for text in texts[column]], dtype=bool)
            good = drops.keep(reason, named, good, piece, column)
        good = drops.keep(_PERIOD, ~np.isnan(when), good, piece, columns.period)
        value = np.full(when.size, math.nan)
        if columns.value:
            value = numbers(texts[columns.value])
            drops.keep(_VALUE, ~np.isnan(value), good, piece, columns.value)
        kept = np.flatnonzero(good)
        person = people.encode(texts[columns.customer])[kept]
        # States only of rows that are used: a stray word in a bad row is none.
        state = names.encode([texts[columns.state][row] for row in kept.tolist()])
        parts.append((person, when[kept].astype(np.int64), state, value[kept], piece.lines[kept]))
    if not parts or not sum(part[0].size for part in parts):
        refuse(drops.faults() or [Fault(str(records.path), None, "", "has no usable rows")])
    person = np.concatenate([part[0] for part in parts])
    at = np.concatenate([part[1] for part in parts])
    state = np.concatenate([part[2] for part in parts])
    amount: Floats = np.concatenate([part[3] for part in parts])
    lines = np.concatenate([part[4] for part in parts])
    labels = names.labels
    order = np.lexsort((lines, at, person))
    person, at, state = person[order], at[order], state[order]
    amount, lines = amount[order], lines[order]
    again = np.concatenate(([False], (np.diff(person) == 0) & (np.diff(at) == 0)))
    # The first row of a customer and period stands for it.
    first = np.maximum.accumulate(np.where(again, 0, np.arange(again.size)))
    differs = again & (state != state[first])
    drops.add(_AGAIN, np.sort(lines[again & ~differs]))
    drops.add(_CONFLICT, np.sort(lines[differs]))
    faults = drops.faults()
    if len(labels) > MOST_STATES:
        message = f"{len(labels):,} different states, among them {labels[0]!r} and {labels[1]!r}"
        allowed = f"at most {MOST_STATES} states: a column of names or classes, not of numbers"
        faults.append(Fault(str(records.path), None, "--state", message, allowed))
    refuse(faults)
    return person[~again], at[~again], state[~again], amount[~again], labels


def _with_gone(
    customer: NDArray[np.int64],
    period: NDArray[np.int64],
    state: NDArray[np.int64],
    value: Floats,
    labels: list[str],
    gone: str,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Floats]:
    """The rows, in their order, and one in the state ``gone`` for each who disappears early."""
    if gone not in labels:
        labels.append(gone)
    place = labels.index(gone)
    is_last = np.concatenate((np.diff(customer) != 0, [True]))
    left = is_last & (period < period.max()) & (state != place)
    count = int(left.sum())
    return (
        np.concatenate((customer, customer[left])),
        np.concatenate((period, period[left] + 1)),
        np.concatenate((state, np.full(count, place))),
        np.concatenate((value, np.zeros(count))),
    )


def _ranks(labels: list[str]) -> NDArray[np.int64]:
    """Place of each name in the order that people expect."""
    values = numbers(labels)
    keys = values if np.isfinite(values).all() else np.array(labels, dtype=np.str_)
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[np.argsort(keys, kind="stable")] = np.arange(len(labels))
    return ranks


def _means(
    customer: NDArray[np.int64], state: NDArray[np.int64], value: Floats, size: int
) -> tuple[Floats, Floats]:
    """Mean value by state and its standard error, shape (state,).

    The error is that of a ratio of sums over customers (Liang & Zeger 1986, independence working
    model), and the usual one where every customer has one row in a state.
    """
    known = np.isfinite(value)
    who, place, amount = customer[known], state[known], value[known]
    count = np.bincount(place, minlength=size).astype(np.float64)
    unknown = np.full(size, math.nan)
    mean = np.divide(np.bincount(place, amount, size), count, out=unknown.copy(), where=count > 0)
    pair, own = np.unique(who * size + place, return_inverse=True)
    excess = np.bincount(own.ravel(), amount - mean[place], pair.size)
    people = np.bincount(pair % size, minlength=size).astype(np.float64)
    squares = np.bincount(pair % size, excess**2, size) * people
    variance = np.divide(squares, count**2 * (people - 1.0), out=unknown.copy(), where=people > 1.0)
    return mean, np.sqrt(variance)


def _notes(states: tuple[str, ...], counts: Floats, gaps: int) -> list[str]:
    notes = []
    if gaps:
        notes.append(
            f"pairs of rows of a customer with a period missing between, not used: {gaps:,}"
        )
    stuck = [state for state, row in zip(states, counts, strict=True) if not row.any()]
    if stuck:
        named = ", ".join(map(repr, stuck))
        notes.append(
            f"nobody was seen after being in {named}: written as a state that holds for good"
        )
    seen = int(np.count_nonzero(counts[np.count_nonzero(counts, axis=1) > 1]))
    if seen > MOST_CELLS:
        notes.append(
            f"{seen:,} different transitions: the block holds no covariance of more than "
            f"{MOST_CELLS:,}, so every world has the same ones"
        )
    return notes
