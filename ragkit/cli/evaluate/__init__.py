"""`ragkit eval`: the commands that measure. One file each; what they do is in `ragkit.evaluate`."""

from __future__ import annotations

import typer

from ragkit.cli.evaluate.answers import answers
from ragkit.cli.evaluate.compare import compare
from ragkit.cli.evaluate.data import data
from ragkit.cli.evaluate.groundedness import groundedness
from ragkit.cli.evaluate.rerank import rerank
from ragkit.cli.evaluate.retrieval import retrieval
from ragkit.cli.evaluate.run import run

__all__ = ["evaluate"]

evaluate = typer.Typer(
    name="eval",
    help="Measure retrieval, answers and groundedness, with intervals, and compare runs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
evaluate.command("answers")(answers)
evaluate.command("compare")(compare)
evaluate.command("data")(data)
evaluate.command("groundedness")(groundedness)
evaluate.command("rerank")(rerank)
evaluate.command("retrieval")(retrieval)
evaluate.command("run")(run)
