from __future__ import annotations

from ragkit.evaluate.compare import compare_measured
from ragkit.evaluate.comparison.measured import measured_rows
from ragkit.evaluate.comparison.page import comparison_report
from ragkit.evaluate.comparison.text import as_text
from ragkit.evaluate.comparison.verdicts import Comparison
from ragkit.evaluate.outcome import Outcome, Row, Unscored
from ragkit.evaluate.reports.content import Differences, Interval, Table

BAD = Unscored("no JSON")


def compared() -> Comparison:
    """Twenty rows: one measure is lost everywhere, one a little, one is better, one is there on one side only."""

    def rows(ndcg: float, rr: float, brier: float, judge: Outcome, **more: Outcome) -> list[Row]:
        return [
            Row(
                id=str(i),
                outcomes={"nDCG": ndcg + i % 2 / 1000, "RR": rr, "brier": brier, "judge": BAD if i else judge} | more,
            )
            for i in range(20)
        ]

    a = measured_rows(rows(0.5, 0.5, 0.5, 0.4), name="runs/a", dataset="toy")
    b = measured_rows([*rows(0.4, 0.499, 0.3, 0.5, new=1.0), Row(id="x", outcomes={})], name="runs/b", dataset="toy")
    return compare_measured(a, b)


TEXT = """\
A runs/a
B runs/b
20 rows compared (1 only in B); minimum effect 0.01; p adjusted (Holm) over 4 measures.

measure                       A       B                B - A [95 %]       p  p Holm  detectable  rows needed  won/tied/lost  verdict
nDCG                     0.5005  0.4005  -0.1000 [-0.1000, -0.1000]  0.0001  0.0004           -            -         0/0/20  worse (1 row left out)
RR                       0.5000  0.4990  -0.0010 [-0.0010, -0.0010]  0.0001  0.0004           -            -         0/0/20  worse (by less than 0.01, 1 row left out)
brier (lower is better)  0.5000  0.3000  -0.2000 [-0.2000, -0.2000]  0.0001  0.0004           -            -         20/0/0  better (1 row left out)
judge                    0.4000  0.5000              +0.1000 [-, -]  1.0000  1.0000           -            -          1/0/0  too few rows to tell (20 rows left out)

Not compared:
new  -  1.0000  only the candidate has it"""  # noqa: E501


def test_a_comparison_reads_as_a_table() -> None:
    assert as_text(compared()) == TEXT


def test_one_measure_is_not_adjusted() -> None:
    rows = [Row(id=str(place), outcomes={"x": 0.5}) for place in range(3)]
    text = as_text(compare_measured(measured_rows(rows), measured_rows(rows)))
    assert "3 rows compared; minimum effect 0.01; one measure, p is not adjusted." in text
    assert "Not compared" not in text


def test_nothing_to_compare_is_no_table() -> None:
    a = measured_rows([Row(id="1", outcomes={"x": 0.5})])
    b = measured_rows([Row(id="1", outcomes={"y": 0.5})])
    assert as_text(compare_measured(a, b)).splitlines()[2:] == [
        "1 row compared; minimum effect 0.01; nothing could be compared.",
        "",
        "Not compared:",
        "x  0.5000       -  only the baseline has it",
        "y       -  0.5000  only the candidate has it",
    ]


def test_the_page_holds_the_table_and_draws_wins_upwards() -> None:
    report = comparison_report(compared())
    table, beside, *drawn = report.sections
    assert isinstance(table, Table)
    assert table.rows[2][0] == "brier (lower is better)"
    assert isinstance(table.rows[2][3], Interval)
    assert table.rows[2][4] == "better (1 row left out)"
    assert table.rows[2][9:] == (20, 0, 0)
    assert isinstance(beside, Table)
    assert beside.rows[0][3] == "only the candidate has it"
    assert all(isinstance(section, Differences) for section in drawn)
    brier = drawn[2]
    assert isinstance(brier, Differences)
    assert brier.x_label == "brier, A − B"
    assert min(brier.values) > 0.19
    assert report.dataset == "toy: 20 rows in both runs."
    assert "1 row is only in B and is left out." in report.notes


def test_a_page_of_equal_runs_without_a_name_for_their_data_says_so_and_draws_nothing() -> None:
    rows = [Row(id="1", outcomes={"x": 0.5})]
    report = comparison_report(compare_measured(measured_rows(rows), measured_rows(rows)))
    assert report.dataset == "Unnamed data: 1 row in both runs."
    assert [section.title for section in report.sections] == ["Measures"]
