from __future__ import annotations

from collections.abc import Mapping

import pytest

from ragkit.evaluate.outcome import Estimate
from ragkit.evaluate.reports.content import Case, Cases, Histogram, Interval, Report, Table
from ragkit.evaluate.reports.markdown import as_markdown


def test_a_report_is_headings_tables_and_lists() -> None:
    estimates = {"F1": Estimate(value=0.5, low=0.25, high=0.75, n=8, coverage=0.8, reasons={"no claims": 2})}
    row = ("nDCG@10", Interval(0.0451, 0.02, 0.068, signed=True), "better")
    table = Table("Comparison", ("Measure", "Difference", "Verdict"), (row,), "After Holm.")
    spread = Histogram("Spread", "F1", [0.5, 0.52])
    cases = Cases("Worst", (Case("why?", {"F1": "0.0000"}, ("first\n  line", "second")),), "Two.")
    text = as_markdown(Report("A run", "SciFact.", ("Closed.",), (table, spread, cases)), estimates)
    assert text.endswith("second\n")
    assert text.splitlines() == [
        "# A run",
        "",
        "SciFact.",
        "",
        "> Closed.",
        "",
        "## Measures",
        "",
        "| Measure | Mean with 95 % interval | n | Coverage | Unscored |",
        "| --- | --: | --: | --: | --- |",
        "| F1 | 0.5000 [0.2500 to 0.7500] | 8 | 80.0 % | no claims: 2 |",
        "",
        "## Comparison",
        "",
        "After Holm.",
        "",
        "| Measure | Difference | Verdict |",
        "| --- | --: | --- |",
        "| nDCG@10 | +0.0451 [+0.0200 to +0.0680] | better |",
        "",
        "## Spread",
        "",
        "| From | To | Rows |",
        "| --- | --: | --: |",
        "| 0.5000 | 0.5500 | 2 |",
        "",
        "## Worst",
        "",
        "Two.",
        "",
        "### why?",
        "",
        "- F1: 0.0000",
        "1. first line",
        "2. second",
    ]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("<b>", r"\<b\>"),
        ("# no heading", r"\# no heading"),
        ("1. no list", r"1\. no list"),
        ("- no list", r"\- no list"),
        ("===", r"\==="),
        ("[a](b) [c]: d", r"[a\](b) [c\]: d"),
        ("`x` *y* _z_ $w$ &amp;", r"\`x\` \*y\* \_z\_ \$w\$ \&amp;"),
        ("two\n\n# lines", r"two \# lines"),
        ("3.5 [1 to 2] +0.1", "3.5 [1 to 2] +0.1"),
    ],
)
def test_foreign_text_stays_text(text: str, escaped: str) -> None:
    assert as_markdown(Report("t", text), {}).splitlines()[2] == escaped


def test_every_row_of_every_table_has_its_cells(report: Report, estimates: Mapping[str, Estimate]) -> None:
    text = as_markdown(report, estimates)
    text.encode()
    for block in text.split("\n\n"):
        if block.startswith("|"):
            bars = {line.replace(r"\|", "").count("|") for line in block.splitlines()}
            assert len(bars) == 1
