from __future__ import annotations

import math
import re

import matplotlib as mpl
import pytest
from lxml import etree

from ragkit.evaluate.reports.content import Curve, Differences, Histogram, Reliability, ReliabilityBin, Report
from ragkit.evaluate.reports.drawing import described, draw
from ragkit.evaluate.reports.tables import Drawn

_RISK = Curve("Risk", "coverage", "risk", {"a": ((0.0, 0.0), (1.0, 0.5)), "b": ((0.0, 0.1), (1.0, 0.6))})
_DRAWN: list[Drawn] = [
    Histogram("Spread", "F1", [0.1, 0.5, 0.5, math.nan]),
    Differences("Wins", "a − b", [0.5, 0.0, -0.25]),
    _RISK,
    Reliability("Calibration", (ReliabilityBin(0.25, 0.1, 40), ReliabilityBin(0.5, 0.0, 0))),
]


def _texts(svg: str) -> list[str]:
    return [element.text or "" for element in etree.fromstring(svg).iter("text")]


@pytest.mark.parametrize("section", _DRAWN, ids=lambda section: type(section).__name__)
def test_a_drawing_is_the_same_bytes_each_time_whatever_the_person_has_set(section: Drawn) -> None:
    first = draw(section, "part-1")
    with mpl.rc_context({"axes.facecolor": "red", "font.size": 30, "svg.fonttype": "path", "axes.grid": False}):
        assert draw(section, "part-1") == first
        assert mpl.rcParams["font.size"] == 30


@pytest.mark.parametrize("section", _DRAWN, ids=lambda section: type(section).__name__)
def test_a_drawing_is_plain_svg_in_the_colours_of_the_page(section: Drawn) -> None:
    svg = draw(section, "part-1")
    root = etree.fromstring(svg)
    assert root.tag == "svg"
    assert root.attrib == {"viewBox": "0 0 480 270", "role": "img", "aria-label": described(section)}
    assert not re.search(r"#[0-9a-f]{6}\b|xmlns|xlink|<style|<metadata|font|http", svg)
    assert {"var(--rule)", "var(--muted)"} <= set(re.findall(r"var\(--[a-z0-9-]+\)", svg))
    assert len(svg) < 20_000


@pytest.mark.parametrize("section", _DRAWN, ids=lambda section: type(section).__name__)
def test_ids_of_two_drawings_on_one_page_differ_and_every_reference_is_met(section: Drawn) -> None:
    ids = []
    for name in ("part-1", "part-2"):
        svg = draw(section, name)
        here = re.findall(r' id="([^"]+)"', svg)
        ids += here
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)) == set(here)
        assert all(found.startswith(f"{name}-") for found in here)
    assert len(ids) == len(set(ids))


def test_words_are_not_drawn_only_the_numbers_of_the_axes() -> None:
    shown = _texts(draw(_RISK, "part-1"))
    assert shown
    assert all(re.fullmatch(r"[−\d.,M]*", text) for text in shown)


def test_a_histogram_has_at_most_twenty_bars_for_any_number_of_values() -> None:
    few = draw(Histogram("H", "F1", [0.5]), "h")
    many = draw(Histogram("H", "F1", [place / 6979 for place in range(6980)]), "h")
    assert abs(len(many) - len(few)) < 2_000


def test_thousands_of_differences_are_drawn_as_an_area() -> None:
    svg = draw(Differences("D", "a − b", [place / 6980 - 0.5 for place in range(6980)]), "d")
    assert len(svg) < 40_000
    assert "6,000" in _texts(svg)
    assert "var(--win)" in svg
    assert "var(--loss)" in svg


def test_a_run_without_losses_shows_none() -> None:
    assert "var(--loss)" not in draw(Differences("D", "a − b", [0.5, 0.0]), "d")


def test_a_logarithmic_axis_is_written_in_plain_numbers() -> None:
    svg = draw(Curve("C", "passages", "y", {"a": ((1e3, 0.9), (8841823, 0.4))}, log_x=True), "c")
    assert [text for text in _texts(svg) if text][:5] == ["1,000", "10,000", "100,000", "1M", "10M"]


def test_more_lines_than_colours_differ_in_their_dash() -> None:
    lines = {str(place): ((0.0, float(place)), (1.0, float(place))) for place in range(8)}
    svg = draw(Curve("C", "x", "y", lines), "c")
    dashed = [style for style in re.findall(r'style="([^"]+)"', svg) if "dasharray" in style]
    assert len(dashed) == 2
    assert "var(--line-6)" in svg


@pytest.mark.parametrize("values", [[], [math.nan], [3.0, 3.0], [0.0], [1e300, -1e300]])
def test_odd_values_are_drawn_too(values: list[float]) -> None:
    etree.fromstring(draw(Histogram("H", "x", values), "h"))
    etree.fromstring(draw(Differences("D", "x", values), "d"))


def test_a_description_says_what_is_seen() -> None:
    assert described(_DRAWN[0]) == "Spread. Histogram of 3 values of F1, from 0.1000 to 0.5000, mean 0.3667."
    assert described(_DRAWN[1]) == "Wins. Sorted differences, a − b: 1 wins, 1 ties, 1 losses, mean +0.0833."
    assert described(_DRAWN[2]) == "Risk. risk over coverage: a, b."
    assert described(_DRAWN[3]) == "Calibration. Share that is right over confidence, 2 bins of 40 rows."
    assert described(Histogram("H", "x", [])) == "H. Histogram of 0 values of x."


def test_no_hostile_word_breaks_a_drawing(hostile: tuple[str, ...], report: Report) -> None:
    for place, word in enumerate(hostile):
        svg = draw(Curve(word, word, word, {word: ((0.0, 1.0), (1.0, 1.0))}), f"c{place}")
        assert etree.fromstring(svg).attrib["aria-label"] == described(Curve(word, word, word, {word: ()}))
