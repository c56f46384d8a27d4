"""The benchmark of generation: what is said, who is asked in which turn, and what is made of the answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from evals.benchmarks.generation.__main__ import main, options
from evals.benchmarks.generation.material import END, Material, train_tokenizer
from evals.benchmarks.generation.model import TINY, build
from evals.benchmarks.generation.parts import CHAT, OWN, PARTS, PIPELINE, RAW, Bench, Lengths
from evals.benchmarks.generation.session import opened
from evals.benchmarks.measure import Outcome
from evals.benchmarks.process import RoundError, Side

LENGTHS = Lengths(rounds=3, turns=2, keep=2)


class Canned:
    """A side that answers without computing; every second is its own number of milliseconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.loaded = Outcome(numbers={"loaded_mb": 100.0})

    def ask(self, task: str, **job: Any) -> Outcome:
        self.asked.append((task, job))
        words = {"text": "said", "messages": json.dumps([("user", f"turn {len(self.asked)}")])}
        numbers = {"wall_s": self.seconds, "cpu_s": self.seconds, "rate": 1 / self.seconds, "first_s": self.seconds}
        return Outcome(numbers={**numbers, "held_mb": 9.0, "peak_rss_mb": 1.0, "resident_half_mb": 1.0}, words=words)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(600)


@pytest.fixture
def bench(tokenizer: Tokenizer) -> Bench:
    seconds = {RAW: 1.0, OWN: 1.02, PIPELINE: 1.1, CHAT: 1.2}
    sides = [Side(name=name, python=Path(sys.executable), module="none", setting=name) for name in seconds]
    sessions: Any = {name: Canned(one) for name, one in seconds.items()}
    material = Material(list(range(100, 600)), tokenizer)
    return Bench(sides, sessions, material, LENGTHS, "About.", prefix_mb=8.0, failures={})


def test_the_tokenizer_reads_back_what_it_wrote_and_knows_the_end_of_a_turn(tokenizer: Tokenizer) -> None:
    text = "def énumérer(x):\n\treturn 1  # 日本"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert tokenizer.encode(f"a{END}").ids[-1] == tokenizer.token_to_id(END)
    assert tokenizer.get_vocab_size() == 600


def test_pieces_are_never_the_same_twice(tokenizer: Tokenizer) -> None:
    material = Material(list(range(100, 130)), tokenizer)
    pieces = [material.cut(10) for _ in range(3)]
    assert len(set(pieces)) == 3
    assert [piece[:3] for piece in pieces] == ["1: ", "2: ", "3: "]


def test_every_side_is_asked_the_same_and_in_turn(bench: Bench) -> None:
    PARTS["overhead"](bench)
    asked = [[job["messages"] for _, job in session.asked] for session in bench.sessions.values()]  # type: ignore[attr-defined]
    assert len(asked[0]) == 3
    assert asked.count(asked[0]) == 4


def test_overhead_is_told_in_per_cent_against_the_goal(bench: Bench) -> None:
    part = PARTS["overhead"](bench)
    assert part.notes[0].startswith("Overhead over `generate`: +2.0 % in seconds (rounds +2.0, +2.0, +2.0)")
    assert part.notes[0].endswith("goal: below 5 % in seconds: met.")
    assert "ragkit 3 of 3" in part.notes[1]


def test_first_tokens_are_compared_after_our_own_turns(bench: Bench) -> None:
    part = PARTS["first-token"](bench)
    own: Any = bench.sessions[OWN]
    assert [task for task, _ in own.asked].count("talk") == 3
    assert [one.peer for one in part.ratios] == [RAW, PIPELINE, CHAT]
    assert all("NOT met" in note for note in part.notes)


def test_callers_never_repeat_a_question_to_the_side_that_keeps_prefixes(bench: Bench) -> None:
    part = PARTS["callers"](bench)
    own: Any = bench.sessions[OWN]
    said = [json.dumps(one) for _, job in own.asked for one in job["conversations"]]
    assert len(said) == len(set(said)) == 3 * 3 * 8
    assert len(part.rows) == 10


def test_more_held_than_allowed_is_told(bench: Bench) -> None:
    part = PARTS["memory"](bench)
    assert part.notes[0] == "Never above what may be kept: NOT met (most 9.0 MB)."


def test_a_process_that_fails_says_its_last_word(tmp_path: Path) -> None:
    side = Side(name="broken", python=Path(sys.executable), module="evals.benchmarks.no_such_module", setting="")
    with (
        pytest.raises(RoundError, match=r"loading ended with 1: .*No module named evals.benchmarks.no_such_module"),
        opened(side, {}, threads=1),
    ):
        pass


def test_a_process_answers_until_it_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    assert build(folder, {**TINY, "vocab_size": 400}) > 10_000
    side = Side(name=RAW, python=Path(sys.executable), module="evals.benchmarks.generation.raw", setting="")
    with opened(side, {"model": str(folder), "dtype": "float32"}, threads=1) as session:
        found = session.ask("reply", messages=[("user", "hello")], tokens=5)
        assert found.numbers["tokens"] == 5
        assert session.ask("peak").numbers["peak_rss_mb"] > 10
        with pytest.raises(RoundError, match=r"reply ended with 1: KeyError: 'messages'"):
            session.ask("reply", tokens=5)


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--only", "speed"])
    assert "there is no part speed: choose from overhead, first-token, callers, memory." in capsys.readouterr().err


def test_help_names_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        options().parse_args(["--help"])
    assert "overhead,first-token,callers,memory" in capsys.readouterr().out
