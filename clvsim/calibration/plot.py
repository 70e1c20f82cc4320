"""Fit against data as a picture, what was held out shaded. The only user of matplotlib."""

from __future__ import annotations

import importlib.util
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from clvsim.calibration.calendars import period_text
from clvsim.calibration.outcome import WORDS
from clvsim.calibration.shares import LEVEL
from clvsim.calibration.titles import titles
from clvsim.errors import InputError, counted
from clvsim.files import whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from clvsim.calibration.outcome import Band, Curve, Outcome, SegmentFit
    from clvsim.calibration.shares import Shares
    from clvsim.calibration.states import StateFit

#: Most segments that one picture shows.
_MOST = 12
_ACROSS = 3
#: Size of one panel, inches, and of the picture's point, per inch.
_WIDTH, _HEIGHT, _DPI = 4.6, 3.6, 150
_LOOKS = {
    "geometric": ("#8a8a8a", (0, (2, 2))),
    "sbg": ("#0b5fa5", "solid"),
    "bdw": ("#c2571a", (0, (6, 2))),
    "bg/nbd": ("#0b5fa5", "solid"),
    "pareto/nbd": ("#c2571a", (0, (6, 2))),
    "bg/bb": ("#0b5fa5", "solid"),
}
#: Colour-blind safe blue and orange, grey, and a black that is easy on the eye.
_INK = "#222222"
#: Colours of states, of a palette that the colour-blind can tell apart (Okabe & Ito 2008).
_STATES = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7"),
    *("#e69f00", "#56b4e9", "#222222", "#8a8a8a"),
)
#: Times up to which each has a mark of its own.
_SPARSE = 30


def check_matplotlib() -> None:
    """Refuse a plot where matplotlib is missing.

    Raises
    ------
    InputError
    """
    if importlib.util.find_spec("matplotlib") is None:
        message = "--plot needs matplotlib: install it with pip install -e '.[plot]'"
        raise InputError(message)


def draw(path: Path, outcome: Outcome) -> tuple[str, ...]:
    """Draw every segment's data and models to a PNG, written whole or not at all.

    Returns
    -------
    tuple of str
        Notes on what segments had to be called.

    Raises
    ------
    ClvsimError
        If writing fails.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [one for one in outcome.segments if one.curve is not None][:_MOST]
    across = min(len(shown), _ACROSS)
    down = -(-len(shown) // across)
    # A single panel may be wider: it is the whole picture.
    width = _WIDTH * across if across > 1 else 1.5 * _WIDTH
    height = _HEIGHT * down if across > 1 else 1.2 * _HEIGHT
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(down, across, squeeze=False)
    for panel in panels.flat[len(shown) :]:
        panel.set_axis_off()
    names = titles([one.label for one in shown])
    for place, (panel, segment) in enumerate(zip(panels.flat, shown, strict=False)):
        _panel(panel, segment, is_left=place % across == 0)
        panel.set_title(
            f"{names.texts[place]} ({counted(segment.customers, 'customer')})",
            fontsize=10,
            family=names.fonts,
        )
    with whole(path) as temporary:
        figure.savefig(temporary, format="png")
    return names.notes


def _panel(panel: Any, segment: SegmentFit, *, is_left: bool) -> None:
    curve = segment.curve
    if curve is None:
        return
    for model, values in curve.expected.items():
        colour, dashes = _LOOKS[model]
        is_chosen = model == segment.chosen.model
        label = f"{WORDS[model]}{' (in the block)' if is_chosen else ''}"
        panel.plot(
            curve.times,
            values,
            color=colour,
            linestyle=dashes,
            linewidth=2.0 if is_chosen else 1.4,
            label=label,
            zorder=3 if is_chosen else 2,
        )
    if curve.band is not None:
        _band(panel, curve.band, _LOOKS[segment.chosen.model][0])
    _observations(panel, curve)
    if math.isfinite(curve.held_out_from):
        _shade(panel, curve.held_out_from, float(curve.times[-1]))
    is_share = float(np.nanmax(curve.observed)) <= 1.0
    panel.set_xlabel(curve.across)
    if is_left:
        panel.set_ylabel(curve.up)
    panel.set_xlim(0.0, curve.times[-1])
    panel.set_ylim(0.0, 1.02 if is_share else None)
    if is_share:
        panel.yaxis.set_major_formatter(lambda value, _: f"{100.0 * value:.0f} %")
    else:
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    _tidy(panel)
    panel.legend(frameon=False, fontsize=8, loc=_corner(curve))


def _shade(panel: Any, cut: float, end: float, height: float = 0.02) -> None:
    """What was held out, said at a height where nothing is drawn."""
    panel.axvspan(cut, end, color="#000000", alpha=0.07, lw=0)
    across = panel.get_xaxis_transform()
    middle = 0.5 * (cut + end)
    panel.text(middle, height, "held out", transform=across, ha="center", fontsize=8, color=_INK)


def _tidy(panel: Any) -> None:
    """A light grid, and no frame at the top and to the right."""
    panel.grid(color="#dddddd", linewidth=0.6, zorder=0)
    panel.set_axisbelow(True)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def _corner(curve: Curve) -> str:
    """The corner that the curves leave free."""
    if curve.observed[-1] > curve.observed[0]:
        return "upper left"
    return "upper right" if np.nanmin(curve.observed) < 0.55 else "lower left"


def _band(panel: Any, band: Band, colour: str) -> None:
    """What the chosen model predicts from the last day that it saw."""
    label = f"predicted from the cut on, {100.0 * band.level:g} %"
    panel.fill_between(
        band.times, band.low, band.high, color=colour, alpha=0.22, lw=0, label=label, zorder=1
    )
    panel.plot(band.times, band.middle, color=colour, linestyle="dotted", linewidth=1.2, zorder=2)


def _observations(panel: Any, curve: Curve) -> None:
    """The data: points where there are few, a line where there are many."""
    is_sparse = curve.times.size <= _SPARSE
    panel.plot(
        curve.times,
        curve.observed,
        color=_INK,
        linestyle="none" if is_sparse else "solid",
        marker="o" if is_sparse else "",
        markersize=4,
        linewidth=1.2,
        label="observed",
        zorder=4,
        clip_on=False,
    )


def draw_states(path: Path, fit: StateFit) -> None:
    """Draw the share of customers in each state over time to a PNG, written whole or not at all.

    Raises
    ------
    InputError
        If there are too many periods and states for shares.
    ClvsimError
        If writing fails.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    shares = fit.shares
    if shares is None:
        message = "--plot: too many periods and states for a picture; leave it out"
        raise InputError(message)
    figure = Figure(figsize=(1.5 * _WIDTH, 1.4 * _HEIGHT), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    shown = _largest(fit)
    times = shares.periods.astype(np.float64)
    is_fitted = np.ones(times.size, dtype=bool)
    if fit.forecast is not None:
        is_fitted = times < fit.forecast.periods[0]
        # Half a period before the first one, that the line does not look fitted there.
        _shade(panel, float(fit.forecast.periods[0]) - 0.5, float(times[-1]), height=0.95)
    for state, colour in zip(shown, _STATES, strict=False):
        _state(panel, fit, shares, state, colour, is_fitted)
    panel.plot([], [], color=_INK, linestyle="none", marker="o", markersize=4, label="observed")
    panel.plot([], [], color=_INK, label="fitted")
    if fit.forecast is not None:
        label = f"forecast, {100.0 * LEVEL:g} %"
        panel.plot([], [], color=_INK, linestyle=(0, (4, 2)), label=label)
    panel.set_title(f"{fit.data} ({counted(fit.customers, 'customer')})", fontsize=10)
    panel.set_xlabel(fit.step)
    panel.set_ylabel("share of customers")
    panel.set_xlim(times[0], times[-1] if times[-1] > times[0] else times[0] + 1.0)
    panel.set_ylim(0.0, None)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    panel.xaxis.set_major_formatter(lambda value, _: period_text(round(value), fit.calendar))
    panel.yaxis.set_major_formatter(lambda value, _: f"{100.0 * value:.0f} %")
    _tidy(panel)
    figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=4)
    with whole(path) as temporary:
        figure.savefig(temporary, format="png")


def _state(
    panel: Any,
    fit: StateFit,
    shares: Shares,
    state: int,
    colour: str,
    is_fitted: NDArray[np.bool_],
) -> None:
    """One state: observed, fitted, and forecast with its interval."""
    times, seen = shares.periods.astype(np.float64), shares.observed[:, state]
    marker = "o" if times.size <= _SPARSE else "."
    looks = {"linestyle": "none", "marker": marker, "markersize": 4, "clip_on": False}
    panel.plot(times, seen, color=colour, zorder=4, **looks)
    line = shares.fitted[is_fitted, state]
    panel.plot(times[is_fitted], line, color=colour, linewidth=1.8, label=fit.states[state])
    found = fit.forecast
    if found is None:
        return
    many = np.where(found.customers > 0.0, found.customers, math.nan)
    bounds = [one[:, state] / many for one in (found.expected, found.low, found.high)]
    later = found.periods.astype(np.float64)
    panel.plot(later, bounds[0], color=colour, linewidth=1.4, linestyle=(0, (4, 2)))
    panel.fill_between(later, bounds[1], bounds[2], color=colour, alpha=0.18, lw=0)


def _largest(fit: StateFit) -> list[int]:
    """Places of the states that are drawn: those with most rows, in their order."""
    order = np.argsort(-fit.seen, kind="stable")[: len(_STATES)]
    return sorted(order.tolist())


def hidden_states(fit: StateFit) -> int:
    """States that one picture has no room for."""
    return max(len(fit.states) - len(_STATES), 0)


def left_out(segments: Sequence[SegmentFit]) -> int:
    """Segments that one picture has no room for."""
    return max(len(segments) - _MOST, 0)
