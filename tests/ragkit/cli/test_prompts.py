from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

MINE = """\
---
name: mine
version: 4
about: Reads what was found.
variables:
  sources: {kind: documents, default: []}
  examples: {kind: examples, default: []}
  history: {kind: messages, default: []}
  question: text
---
# system

Be kind.

# {{examples}}

# {{history}}

# user

{{sources}}

{{question}}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "mine.md").write_text(MINE, encoding="utf-8")
    return folder


@pytest.mark.parametrize("command", [["prompts"], ["prompts", "show"], ["prompts", "export"], ["prompts", "explain"]])
def test_every_command_has_help_with_an_example(ragkit: Run, command: list[str]) -> None:
    ran = ragkit(*command, "--help")
    assert ran.code == 0
    assert f"Example: ragkit {' '.join(command)}" in " ".join(ran.out.split())


def test_the_list_names_version_hash_variables_and_origin(ragkit: Run) -> None:
    found = {prompt["name"]: prompt for prompt in ragkit("prompts", "--json").json["prompts"]}
    told = found["sentiment"]
    assert list(told) == ["name", "version", "sha256", "about", "variables", "origin", "replaces"]
    assert (told["origin"], told["replaces"]) == ("built in", None)
    assert told["variables"][0] == {
        "name": "labels",
        "kind": "option",
        "about": "The labels to choose from.",
        "required": False,
        "default": ["positive", "negative"],
    }
    line = next(line for line in ragkit("prompts").out.splitlines() if line.startswith("sentiment "))
    assert line.split() == [
        *("sentiment", f"v{told['version']}", told["sha256"][:12], "labels,", "examples,", "text", "built", "in")
    ]


def test_prompts_of_your_own_replace_and_add(ragkit: Run, own: Path) -> None:
    ragkit("prompts", "export", own, "sentiment")
    changed = own / "sentiment.md"
    changed.write_text(changed.read_text().replace("mood", "feeling"))
    listed = ragkit("prompts", "--prompts", own).out.splitlines()
    assert next(line for line in listed if line.startswith("sentiment ")).endswith(f"replaced by {changed}")
    assert next(line for line in listed if line.startswith("mine ")).endswith(str(own / "mine.md"))
    found = {prompt["name"]: prompt for prompt in ragkit("prompts", "--prompts", own, "--json").json["prompts"]}
    assert found["sentiment"]["replaces"]["sha256"] != found["sentiment"]["sha256"]
    assert (found["mine"]["origin"], found["mine"]["replaces"]) == (str(own / "mine.md"), None)


def test_the_folder_may_come_from_the_environment(
    ragkit: Run, own: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RAGKIT_PROMPTS", str(own))
    assert "mine " in ragkit("prompts").out
    assert ragkit("prompts", "show", "mine").out == MINE
    (tmp_path / "empty").mkdir()
    assert "mine " not in ragkit("prompts", "--prompts", tmp_path / "empty").out


def test_show_prints_the_file(ragkit: Run, own: Path) -> None:
    assert ragkit("prompts", "show", "mine", "--prompts", own).out == MINE
    shown = ragkit("prompts", "show", "mine", "--prompts", own, "--json").json
    assert (shown["name"], shown["version"], shown["text"]) == ("mine", 4, MINE)


def test_export_writes_what_show_prints_and_never_over_a_file(ragkit: Run, tmp_path: Path) -> None:
    folder = tmp_path / "copies/deep"
    written = ragkit("prompts", "export", folder, "sentiment", "topic", "--json").json["written"]
    assert written == [str(folder / "sentiment.md"), str(folder / "topic.md")]
    assert (folder / "sentiment.md").read_text() == ragkit("prompts", "show", "sentiment").out
    (folder / "topic.md").write_text("my own words")
    again = ragkit("prompts", "export", folder)
    assert again.code == 2
    assert "exists and would be written over: pass --force" in again.err
    assert sorted(path.name for path in folder.iterdir()) == ["sentiment.md", "topic.md"]
    assert (folder / "topic.md").read_text() == "my own words"
    forced = ragkit("prompts", "export", folder, "--force")
    assert forced.code == 0
    assert len(forced.out.splitlines()) == len(ragkit("prompts").out.splitlines()) == len(list(folder.iterdir()))
    assert (folder / "topic.md").read_text() == ragkit("prompts", "show", "topic").out


def test_explain_gives_the_exact_messages(ragkit: Run, own: Path, tmp_path: Path) -> None:
    (tmp_path / "question.txt").write_text("Why {x} and {{question}}?", encoding="utf-8")
    (tmp_path / "tea.md").write_text("Tea is hot.", encoding="utf-8")
    (tmp_path / "rows.jsonl").write_text('{"text": "Ice is cold.", "title": "On ice"}\n\n"Plain."\n', encoding="utf-8")
    (tmp_path / "examples.jsonl").write_text('{"input": "a", "output": "b"}\n', encoding="utf-8")
    said = '{"role": "user", "content": "Hello."}\n{"type": "ai", "content": "Hi."}\n'
    (tmp_path / "said.jsonl").write_text(said, encoding="utf-8")
    ran = ragkit(
        *("prompts", "explain", "mine", "--prompts", own, "--set-file", f"question={tmp_path / 'question.txt'}"),
        *("--documents", tmp_path / "tea.md", "--documents", tmp_path / "rows.jsonl"),
        *("--examples", tmp_path / "examples.jsonl", "--messages", tmp_path / "said.jsonl"),
        *("--model", "openai:gpt-4.1-mini", "--reply-tokens", 100),
        *("--seed", 1, "--json"),
    )  # fmt: skip
    assert ran.code == 0
    told = ran.json
    assert [message["type"] for message in told["messages"]] == ["system", "human", "ai", "human", "ai", "human"]
    user = told["messages"][-1]["content"]
    assert user.endswith(">>>\n\nWhy {x} and {{question}}?")
    assert [text in user for text in ("Tea is hot.", "On ice", "Ice is cold.", "Plain.")] == [True] * 4
    assert told["cost_usd"] > 0
    assert sum(part["tokens"] for part in told["parts"]) == told["tokens"]
    assert told["prompt"]["name"] == "mine"


def test_explain_takes_documents_for_each_of_several_variables(ragkit: Run, tmp_path: Path) -> None:
    for name in ("a", "b", "c=d"):
        (tmp_path / f"{name}.md").write_text(f"This is {name}.", encoding="utf-8")
    asked = ("prompts", "explain", "summarise-conversation", "--json")
    files = [
        ("--documents", f"{name}={tmp_path / file}.md")
        for name, file in (("turns", "a"), ("summary", "b"), ("turns", "c=d"))
    ]
    told = ragkit(*asked, *files[0], *files[1], *files[2]).json["messages"][-1]["content"]
    record, _, since = told.partition("What was said since:")
    assert ["This is b." in record, "This is a." in since, "This is c=d." in since] == [True, True, True]


def test_explain_says_what_a_budget_leaves_out(ragkit: Run, own: Path, tmp_path: Path) -> None:
    (tmp_path / "long.md").write_text("word " * 500, encoding="utf-8")
    asked = ("prompts", "explain", "mine", "--prompts", own, "--set", "question=Why = so?", "--documents")
    ran = ragkit(*asked, tmp_path / "long.md", "--max-tokens", 100)
    assert ran.code == 0
    assert "left out: sources" in ran.out
    assert ran.out.splitlines()[-1] == "Why = so?"
    assert "cost unknown" in ran.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "nothing"], "there is no prompt 'nothing': choose one of"),
        (["export", "DIR", "nothing"], "there is no prompt 'nothing'"),
        (["--json", "show", "sentiment"], "options of a command stand behind its name"),
        (["--prompts", "DIR/none"], "there is no folder"),
        (["explain", "sentiment"], "prompt sentiment needs a value for text"),
        (["explain", "sentiment", "--set", "text"], "'text' names no variable: write NAME=VALUE"),
        (["explain", "sentiment", "--set", "text=a", "--set", "text=b"], "text is given twice: keep one"),
        (
            ["explain", "summarise-conversation", "--documents", "DIR/mine.md"],
            "it has summary, turns: write NAME=FILE.",
        ),
        (["explain", "sentiment", "--set", "txt=a"], "prompt sentiment has no variable 'txt'"),
        (["explain", "sentiment", "--set", "text=a", "--documents", "DIR/a.md"], "must have one variable of kind docu"),
        (["explain", "mine", "--prompts", "DIR", "--documents", "DIR/bad.jsonl"], "bad.jsonl:1 is not JSON"),
        (["explain", "mine", "--prompts", "DIR", "--messages", "DIR/rows.jsonl"], "rows.jsonl:1 is no message"),
        (["explain", "mine", "--prompts", "DIR", "--documents", "DIR/latin.txt"], "latin.txt is not UTF-8"),
        (["explain", "mine", "--prompts", "DIR", "--set", "question=a", "--max-tokens", "3"], "3"),
    ],
)
def test_wrong_use_ends_in_a_sentence(ragkit: Run, own: Path, arguments: list[str], message: str) -> None:
    (own / "bad.jsonl").write_text("{", encoding="utf-8")
    (own / "rows.jsonl").write_text('{"content": "a"}', encoding="utf-8")
    (own / "latin.txt").write_bytes(b"\xe9")
    ran = ragkit("prompts", *(argument.replace("DIR", str(own)) for argument in arguments))
    assert ran.code in (1, 2)
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err


def test_a_file_that_is_not_there_is_named(ragkit: Run, own: Path) -> None:
    ran = ragkit("prompts", "explain", "mine", "--prompts", own, "--set-file", f"question={own / 'none.txt'}")
    assert (ran.code, ran.out, ran.err) == (1, "", f"ragkit: {own / 'none.txt'}: No such file or directory.\n")
