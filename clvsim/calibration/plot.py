"""Fit against data as a picture, what was held out shaded. The only user of matplotlib."""

from __future__ import annotations

import importlib.util
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from clvsim.calibration.outcome import WORDS
from clvsim.calibration.titles import titles
from clvsim.errors import InputError, counted
from clvsim.files import whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from clvsim.calibration.outcome import Curve, Outcome, SegmentFit

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


def check_matplotlib() -> None:
    """Refuse a plot where matplotlib is missing.

    Raises
    ------
    InputError
    """
    if importlib.util.find_spec("matplotlib") is None:
        message = "--plot needs matplotlib: install it with pip install 'clvsim[plot]'"
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
    _observations(panel, curve)
    if math.isfinite(curve.held_out_from):
        cut, end = curve.held_out_from, float(curve.times[-1])
        panel.axvspan(cut, end, color="#000000", alpha=0.07, lw=0)
        across = panel.get_xaxis_transform()
        middle = 0.5 * (cut + end)
        panel.text(middle, 0.02, "held out", transform=across, ha="center", fontsize=8, color=_INK)
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
    panel.grid(color="#dddddd", linewidth=0.6, zorder=0)
    panel.set_axisbelow(True)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    panel.legend(frameon=False, fontsize=8, loc=_corner(curve))


def _corner(curve: Curve) -> str:
    """The corner that the curves leave free."""
    if curve.observed[-1] > curve.observed[0]:
        return "upper left"
    return "upper right" if np.nanmin(curve.observed) < 0.55 else "lower left"


def _observations(panel: Any, curve: Curve) -> None:
    """The data: points where there are few, a line where there are many."""
    is_sparse = curve.times.size <= 30
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


def left_out(segments: Sequence[SegmentFit]) -> int:
    """Segments that one picture has no room for."""
    return max(len(segments) - _MOST, 0)
