from __future__ import annotations

import io
import json
from collections.abc import Callable

from rich.console import Console

from ragkit.evaluate.chat import Ask
from ragkit.evaluate.optimise.candidates import random_sets
from ragkit.evaluate.optimise.search import optimise
from ragkit.evaluate.reports.terminal import print_report
from ragkit.prompts.examples import Example
from ragkit.prompts.few_shot import FewShot
from ragkit.testing.scripts import ScriptedModel

CAREFUL = "Be careful. Say one of {{labels}}."


def test_the_report_shows_held_out_rows_the_trail_and_what_was_not_tried(
    builder: FewShot[str], rows: list[Example], skilled: Callable[[Ask], str]
) -> None:
    found = optimise(
        builder,
        ScriptedModel(skilled),
        rows,
        calls=600,
        instructions=["No slot.", CAREFUL],
        selections=random_sets(1, 2),
    )
    report = found.report()
    held_out, trail = report.sections
    assert [row[0] for row in held_out.rows] == ["start", "winner: instruction 2, as it is"]  # type: ignore[union-attr]
    # Those with the most rows first, and of them the best.
    assert trail.rows[0][0] == "instruction 2, as it is"  # type: ignore[union-attr]
    (note,) = report.notes
    assert note.startswith("Not tried: prompt parity: ")
    console = Console(file=io.StringIO(), width=160)
    print_report(report, {}, console)
    assert "against the start" in console.file.getvalue()  # type: ignore[attr-defined]


def test_the_result_as_json_has_no_text_of_a_row(
    builder: FewShot[str], rows: list[Example], skilled: Callable[[Ask], str]
) -> None:
    found = optimise(builder, ScriptedModel(skilled), rows, calls=600, instructions=[CAREFUL])
    document = json.dumps(found.as_dict(), allow_nan=False)
    assert "number" not in document.replace('"number"', "")
    assert set(found.as_dict()) == {
        "verdict",
        "measure",
        "improved",
        "winner",
        "held_out",
        "calls",
        "budget",
        "prompt",
        "selector",
        "trail",
        "refused",
    }
    assert found.as_dict()["trail"][0]["p_adjusted"] is None
    assert "number" not in repr(found)
