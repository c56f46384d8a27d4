from __future__ import annotations

import io
from collections.abc import Mapping

from rich.cells import cell_len
from rich.console import Console

from ragkit.evaluate.outcome import Estimate
from ragkit.evaluate.reports.content import Case, Cases, Histogram, Interval, Report, Table
from ragkit.evaluate.reports.terminal import print_report


def _printed(report: Report, estimates: Mapping[str, Estimate], width: int = 100) -> str:
    out = io.StringIO()
    print_report(report, estimates, Console(file=out, width=width))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def test_a_report_is_printed_as_aligned_tables() -> None:
    estimates = {
        "nDCG@10": Estimate(value=0.64512, low=0.59876, high=0.69018, n=300, coverage=1.0),
        "F1": Estimate(value=0.5, low=0.4, high=0.6, n=1200, coverage=1.0),
    }
    row = ("nDCG@10", Interval(0.0451, 0.02, 0.068, signed=True), 0.00001, "better")
    table = Table("Comparison", ("Measure", "Difference", "p", "Verdict"), (row,), "After Holm.")
    cases = Cases("Worst", (Case("why?", {"F1": "0.0000"}, ("first\n  line", "x" * 400)),))
    printed = _printed(Report("A run", "SciFact.", ("Closed corpus.",), (table, cases)), estimates)
    assert printed.splitlines() == [
        "A run",
        "SciFact.",
        "! Closed corpus.",
        "",
        "Measures",
        "Measure    Mean with 95 % interval      n  Coverage",
        "nDCG@10  0.6451 [0.5988 to 0.6902]    300     100 %",
        "F1       0.5000 [0.4000 to 0.6000]  1,200     100 %",
        "",
        "Comparison",
        "After Holm.",
        "Measure                    Difference         p  Verdict",
        "nDCG@10  +0.0451 [+0.0200 to +0.0680]  < 0.0001  better",
        "",
        "Worst",
        "why?",
        "  F1: 0.0000",
        "  1. first line",
        "  2.",
        "  " + "x" * 98,
        "  " + "x" * 98,
        "  " + "x" * 98,
        "  " + "x" * 5 + "…",
    ]


def test_every_kind_of_part_is_printed_and_no_control_reaches_the_terminal(
    report: Report, estimates: Mapping[str, Estimate]
) -> None:
    printed = _printed(report, estimates, width=60)
    for section in report.sections:
        assert (f"\n{section.title}\n" in printed) != isinstance(section, Histogram)
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    assert max(map(cell_len, printed.splitlines())) <= 60


def test_plots_and_all_but_three_cases_are_left_to_the_page() -> None:
    cases = Cases("Worst", tuple(Case(f"query {number}", {}, ()) for number in range(20)))
    printed = _printed(Report("t", "d", (), (Histogram("nDCG per query", "nDCG", [0.5, 1.0]), cases)), {})
    assert printed.splitlines()[2:] == [
        "",
        "Worst",
        "query 0",
        "query 1",
        "query 2",
        "",
        "Only in the HTML report: nDCG per query, 17 more cases.",
    ]


def test_rich_markup_in_foreign_text_is_text() -> None:
    assert "[bold]x[/bold]" in _printed(Report("[bold]x[/bold]", "d"), {})
