from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from lxml import html

from ragkit.evaluate.outcome import Estimate
from ragkit.evaluate.reports.content import Case, Cases, Interval, Report, Table
from ragkit.evaluate.reports.page import render_html
from ragkit.evaluate.usage import Usage


@pytest.fixture(scope="module")
def page(report: Report, estimates: Mapping[str, Estimate], metrics: Mapping[str, Any], usage: Usage) -> str:
    return render_html(report, estimates, metrics, usage=usage)


def _cells(page: str, section: str) -> list[list[str]]:
    rows = html.fromstring(page).xpath(f"//section[@id='{section}']//tbody/tr")
    return [[" ".join(cell.text_content().split()) for cell in row] for row in rows]


def _of(table: Table) -> str:
    return render_html(Report("t", "d", sections=(table,)), {}, {})


def test_the_same_values_give_the_same_page(
    page: str, report: Report, estimates: Mapping[str, Estimate], metrics: Mapping[str, Any], usage: Usage
) -> None:
    assert render_html(report, estimates, metrics, usage=usage) == page


def test_the_page_loads_nothing_and_runs_nothing(page: str) -> None:
    root = html.fromstring(page)
    assert root.xpath("//script | //img | //iframe | //object | //link[@rel!='icon']") == []
    assert [value for value in root.xpath("//@href | //@src") if not value.startswith(("#", "data:,"))] == []
    assert not [name for element in root.iter() for name in element.keys() if name.startswith("on")]  # noqa: SIM118
    styles = [*root.xpath("//@style | //@clip-path"), root.xpath("string(//style)")]
    assert [style for style in styles if re.search(r"url\((?!#)|@import", style)] == []
    assert "default-src 'none'" in page


def test_measures_stand_with_value_interval_count_coverage_and_reasons(page: str) -> None:
    assert _cells(page, "measures") == [
        ["nDCG@10", "0.6451", "", "0.5988 to 0.6902", "300", "100 %", ""],
        ["BLEU", "35.2000", "", "31.0000 to 39.9000", "201", "67.0 %", "<b>cross</b>: 99"],
        ["faithfulness", "–", "", "", "0", "0 %", "no model: 300"],
    ]


def test_a_bar_lies_on_zero_to_one_or_zero_to_a_hundred(page: str) -> None:
    bars = html.fromstring(page).xpath("//section[@id='measures']//tbody//rect")
    assert [(bar.get("x"), bar.get("width")) for bar in bars] == [("59.88", "9.14"), ("31.0", "8.9")]


def test_differences_share_a_scale_with_zero_in_the_middle_and_colour_only_what_leaves_zero_out(page: str) -> None:
    root = html.fromstring(page)
    bars = root.xpath("//section[@id='part-1']//tbody//rect")
    assert [(bar.get("x"), bar.get("width")) for bar in bars] == [("62.5", "30.0"), ("37.5", "17.5"), ("0.0", "37.5")]
    assert root.xpath("//section[@id='part-1']//td[contains(@class, 'value')]/@class") == [
        "number value win",
        "number value ",
        "number value loss",
    ]


@pytest.mark.parametrize(
    ("interval", "tone"),
    [
        (Interval(0.2, 0.1, 0.3, signed=True), "win"),
        (Interval(-0.2, -0.3, -0.1, signed=True), "loss"),
        (Interval(0.2, -0.1, 0.3, signed=True), ""),
        (Interval(0.2, 0.1, 0.3, signed=True, tone="neither"), ""),
        (Interval(-0.2, -0.3, 0.1, signed=True, tone="loss"), "loss"),
        (Interval(-0.2, -0.3, -0.1, signed=True, tone="win"), "win"),
        (Interval(0.2, 0.1, 0.3), ""),
    ],
)
def test_a_difference_is_coloured_as_its_test_says(interval: Interval, tone: str) -> None:
    page = _of(Table("T", ("a", "b"), (("x", interval),)))
    assert html.fromstring(page).xpath("//td[1]/@class") == [f"number value {tone}"]


def test_short_text_stays_on_its_line() -> None:
    page = _of(Table("T", ("a", "b"), (("Success(rel=2)@10", "y" * 24), ("x" * 25, "y" * 25))))
    classes = [cell.get("class") for cell in html.fromstring(page).xpath("//tbody/tr/*")]
    assert classes == ["short", "short", None, None]


@pytest.mark.parametrize(
    "interval",
    [
        Interval(-0.5, -0.6, -0.4),
        Interval(120.0, 100.0, 140.0),
        Interval(math.nan, 0.0, 1.0),
    ],
)
def test_an_interval_that_fits_no_scale_has_no_bar(interval: Interval) -> None:
    page = _of(Table("T", ("a", "b"), (("x", interval),)))
    assert html.fromstring(page).xpath("//td[@class='bar']/svg") == []


def test_differences_that_are_all_zero_have_their_bar_in_the_middle() -> None:
    page = _of(Table("T", ("a", "b"), (("x", Interval(0.0, 0.0, 0.0, signed=True)),)))
    assert html.fromstring(page).xpath("//rect/@x") == ["50.0"]


def test_a_plain_number_in_a_column_of_intervals_takes_its_three_columns() -> None:
    page = _of(Table("T", ("a", "b", "c"), (("x", Interval(0.5, 0.4, 0.6), 1), ("y", 0.5, 2))))
    assert _cells(page, "part-1") == [["x", "0.5000", "", "0.4000 to 0.6000", "1"], ["y", "0.5000", "", "", "2"]]
    assert html.fromstring(page).xpath("//thead//th/@colspan") == ["3"]


def test_a_column_of_intervals_without_ends_is_a_column_of_numbers() -> None:
    page = _of(Table("T", ("a", "b"), (("x", Interval(0.5, math.nan, math.nan)),)))
    assert _cells(page, "part-1") == [["x", "0.5000"]]


def test_hostile_text_is_text(page: str, hostile: tuple[str, ...]) -> None:
    root = html.fromstring(page)
    assert hostile[0] in root.xpath("string(//section[@id='part-2'])")
    assert root.xpath("string(//h1)") == "Hybrid <retrieval>"
    assert "\x1b" not in page
    assert "\u202e" not in page
    page.encode()


def test_every_drawing_table_and_part_has_a_name_and_headings_descend(page: str) -> None:
    root = html.fromstring(page)
    assert root.get("lang") == "en"
    for drawing in root.xpath("//svg"):
        assert drawing.get("aria-label") or drawing.get("aria-hidden") == "true"
    assert root.xpath("//table[not(caption)] | //th[not(@scope)]") == []
    for part in root.xpath("//section"):
        assert root.xpath(f"//*[@id='{part.get('aria-labelledby')}']")
    levels = [int(heading.tag[1]) for heading in root.xpath("//h1 | //h2 | //h3")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_texts_of_the_first_three_cases_are_open_and_of_others_folded() -> None:
    cases = tuple(Case(f"why {place}?", {"F1": "0"}, ("one", "two")[:place]) for place in range(6))
    root = html.fromstring(render_html(Report("t", "d", sections=(Cases("Worst", cases),)), {}, {}))
    folded = [(case.xpath("string(h3)"), case.xpath("details/@open")) for case in root.xpath("//article")]
    assert folded == [
        ("why 0?", []),
        ("why 1?", [""]),
        ("why 2?", [""]),
        ("why 3?", []),
        ("why 4?", []),
        ("why 5?", []),
    ]
    assert root.xpath("//article/details/summary/text()") == ["1 text", *["2 texts"] * 4]


def test_ids_are_unique(page: str) -> None:
    ids = html.fromstring(page).xpath("//@id")
    assert len(ids) == len(set(ids))


def test_what_made_the_run_is_folded(page: str) -> None:
    root = html.fromstring(page)
    groups = {
        group.xpath("string(summary)"): [" ".join(fact.itertext()).strip() for fact in group.xpath(".//div")]
        for group in root.xpath("//section[@id='about']/details")
    }
    assert groups == {
        "Command": ["command eval retrieval", "data set scifact"],
        "Configuration": ["mode hybrid", "encoder.name mini<lm>", "encoder.dim 384", "reranker none"],
        "Inputs (sha256)": ["qrels 53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"],
        "Versions": ["python 3.12.1", "ragkit 9.8.7"],
    }
    assert root.xpath("//section[@id='about']//details[@open]") == []
    assert root.xpath("string(//footer)") == "ragkit 9.8.7"


def test_times_and_cost_stand_between_their_marks_only(
    page: str, report: Report, estimates: Mapping[str, Estimate], metrics: Mapping[str, Any]
) -> None:
    inside = page.partition("<!-- usage -->")[2].partition("<!-- /usage -->")[0]
    assert re.findall(r"<dd>([^<]+)</dd>", inside) == ["61.5", "201", "12,345", "678", "$0.5000"]
    assert "p50 350.00 ms, p90 430.00 ms, p99 448.00 ms, max 60,000.00 ms. Slower than p99 is drawn at p99." in inside
    assert "Latency of one reply" in inside
    without = render_html(report, estimates, metrics)
    assert "<!-- usage -->" not in without
    assert page.partition("<!-- usage -->")[0] in without


def test_a_run_that_asked_no_model_shows_no_tokens_and_a_latency_nobody_measured_is_left_out() -> None:
    page = render_html(Report("t", "d"), {}, {}, usage=Usage(seconds=1.0, latencies_s={"row": []}))
    assert re.findall(r"<dt>([^<]+)</dt>", page) == ["Seconds of work"]
    assert "Latency" not in page


def test_a_report_of_nothing_is_a_page() -> None:
    page = render_html(Report("t", "d"), {}, {})
    assert html.fromstring(page).xpath("//section") == []
    assert len(page) < 12_000


def test_a_page_of_thousands_of_rows_stays_small(page: str) -> None:
    assert len(page) < 250_000


def test_a_run_is_worked_without_the_packages_that_draw() -> None:
    code = "import sys; import ragkit.evaluate.runs; print({'matplotlib', 'jinja2', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
