"""Titles of panels: as wide as there is room, and in signs that a font has."""

import itertools

import pytest

from clvsim.calibration import titles as own
from clvsim.calibration.titles import short, titles


def test_a_short_label_stays():
    assert short("Month-to-month") == "Month-to-month"
    assert short("x" * 24) == "x" * 24


def test_a_long_label_keeps_both_ends():
    label = "Customers of the northern region on the premium plan"
    found = short(label)
    assert len(found) <= 24
    assert found.startswith("Customers")
    assert found.endswith("remium plan")
    assert found.count("…") == 1


def test_wide_signs_count_twice():
    assert short("月額プラン") == "月額プラン"
    assert len(short("月" * 40)) <= 12


def test_panels_do_not_overlap_however_long_their_names():
    pytest.importorskip("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.8, 3.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 3)
    names = titles([f"W{'m' * 60}{number}" for number in range(3)]).texts
    for panel, name in zip(panels, names, strict=True):
        panel.set_title(f"{name} (1,234 customers)", fontsize=10)
    figure.canvas.draw()
    boxes = [panel.title.get_window_extent() for panel in panels]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


def test_signs_that_no_font_has_are_told(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(own, "_OTHERS", ())
    found = titles(["Monthly", "月額"])
    assert found.texts == ("Monthly", "segment 2")
    (note,) = found.notes
    assert "'月額'" in note
    assert "segment 2" in note
    assert titles(["Monthly", "Ännual"]).notes == ()


def test_a_font_that_has_them_is_fallen_back_to(monkeypatch):
    monkeypatch.setattr(own, "_OTHERS", ("none", "Some CJK"))
    signs = {"DejaVu Sans": frozenset(map(ord, "Monthly")), "Some CJK": frozenset(map(ord, "月額"))}
    monkeypatch.setattr(own, "_signs", lambda family: signs.get(family, frozenset()))
    found = titles(["Monthly", "月額"])
    assert found.texts == ("Monthly", "月額")
    assert found.fonts == ["DejaVu Sans", "Some CJK"]
    assert found.notes == ()
