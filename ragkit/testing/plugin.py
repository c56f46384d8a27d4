"""The pytest plugin: quality that is not lost, and recordings in the place of a network and of weights.

    def test_retrieval_keeps_its_quality(ragkit_quality):
        ragkit_quality.check(rows, baseline="tests/baselines/retrieval.json", measures=["nDCG@10"])

    @pytest.mark.ragkit_cassette
    def test_the_client_answers(): ...

    def test_the_model_answers(ragkit_generations):
        model = ragkit_generations(lambda: LocalChatModel(model="..."))

`pytest --ragkit-update-baselines` writes the baselines anew, `pytest --ragkit-record` the recordings. Installed with
ragkit; nothing is loaded until a test asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ragkit.testing.cassettes.fixtures import (
    _ragkit_cassette_of_marker,
    add_options,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_runtest_makereport,
    pytest_terminal_summary,
    ragkit_cassette,
    ragkit_cassette_dir,
    ragkit_generations,
    ragkit_vcr_config,
)

if TYPE_CHECKING:
    from ragkit.evaluate.comparison.measured import Measured
    from ragkit.evaluate.comparison.verdicts import Comparison
    from ragkit.evaluate.outcome import Row

__all__ = [
    "Quality",
    "_ragkit_cassette_of_marker",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_makereport",
    "pytest_terminal_summary",
    "ragkit_cassette",
    "ragkit_cassette_dir",
    "ragkit_generations",
    "ragkit_quality",
    "ragkit_vcr_config",
]

_OPTION = "--ragkit-update-baselines"

# Asserts of the contracts, which are not tests of this project's own, show their values too.
pytest.register_assert_rewrite("ragkit.testing.contracts")


class Quality:
    """Compares what a test measured with a baseline file; the fixture `ragkit_quality` gives one."""

    def __init__(self, root: Path, *, update: bool) -> None:
        """Take the folder that baselines' relative paths start from, and whether to write them."""
        self._root = root
        self._update = update

    def check(
        self,
        measured: Path | str | Measured | Sequence[Row],
        *,
        baseline: Path | str,
        min_effect: float = 0.01,
        measures: Sequence[str] | None = None,
    ) -> Comparison | None:
        """Fail the test if a measure lost significantly and by more than the minimum effect.

        Args:
            measured: A finished run's folder, what was measured, or its rows.
            baseline: File to compare with; a relative path starts from pytest's root folder.
            min_effect: The smallest loss that matters, in the unit of the measures.
            measures: The family, as in `ragkit.evaluate.compare.compare`; also what a new baseline keeps.

        Returns:
            The comparison, which did not fail; None where the baseline was written.
        """
        __tracebackhide__ = True
        from ragkit.errors import RagkitError
        from ragkit.evaluate.baseline import write_baseline
        from ragkit.evaluate.compare import compare_measured
        from ragkit.evaluate.comparison.measured import read_measured
        from ragkit.evaluate.comparison.text import as_text

        file = self._root / baseline
        try:
            found = _measured(measured)
            if self._update:
                write_baseline(found, file, measures=measures)
                return None
            if not file.exists():
                pytest.fail(f"There is no baseline at {file} yet: write it with {_OPTION}.", pytrace=False)
            comparison = compare_measured(read_measured(file), found, min_effect=min_effect, measures=measures)
        except RagkitError as error:
            pytest.fail(str(error), pytrace=False)
        if comparison.regressions:
            lost = ", ".join(measure.measure for measure in comparison.regressions)
            advice = f"If the loss is meant, write the baseline anew with {_OPTION}."
            pytest.fail(f"Quality was lost: {lost}.\n\n{as_text(comparison)}\n\n{advice}", pytrace=False)
        return comparison


def _measured(given: Path | str | Measured | Sequence[Row]) -> Measured:
    from ragkit.evaluate.comparison.measured import Measured, measured_rows, read_measured

    if isinstance(given, Measured):
        return given
    if isinstance(given, Path | str):
        return read_measured(Path(given))
    return measured_rows(given)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that write baselines and recordings."""
    add_options(parser)
    parser.getgroup("ragkit").addoption(
        _OPTION, action="store_true", help="Write ragkit's quality baselines anew instead of comparing with them."
    )


@pytest.fixture
def ragkit_quality(pytestconfig: pytest.Config) -> Quality:
    """Compare what was measured with a baseline file: `ragkit_quality.check(rows, baseline="...")`."""
    return Quality(pytestconfig.rootpath, update=bool(pytestconfig.getoption(_OPTION)))
