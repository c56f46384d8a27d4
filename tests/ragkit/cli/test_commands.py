from __future__ import annotations

import shutil
from pathlib import Path

import pytest


def test_index_reports_counts_as_promised(ragkit, docs: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ran = ragkit("index", docs, "--store", tmp_path / "store", "--json")
    assert ran.code == 0
    report = ran.json
    assert list(report) == ["added", "changed", "removed", "unchanged", "failed", "chunks", "embedded", "seconds"]
    assert (report["added"], report["changed"], report["removed"], report["unchanged"]) == (3, 0, 0, 0)
    assert report["failed"] == []


def test_index_again_embeds_nothing(ragkit, docs: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ragkit("index", docs, "--store", tmp_path / "store")
    again = ragkit("index", docs, "--store", tmp_path / "store", "--json").json
    assert (again["unchanged"], again["embedded"], again["added"]) == (3, 0, 0)


def test_a_dry_run_changes_nothing(ragkit, docs: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    plan = ragkit("index", docs, "--store", tmp_path / "store", "--dry-run", "--json")
    assert (plan.code, plan.json["added"], plan.json["embedded"]) == (0, 3, 3)
    assert not (tmp_path / "store").exists()


def test_a_file_that_cannot_be_read_is_reported_and_the_rest_goes_on(ragkit, docs: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "docs"
    shutil.copytree(docs, folder)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing more")
    ran = ragkit("index", folder, "--store", tmp_path / "store", "--json")
    assert ran.code == 1
    assert ran.json["added"] == 3
    assert [Path(failure["path"]).name for failure in ran.json["failed"]] == ["broken.pdf"]
    assert ran.json["failed"][0]["reason"]


@pytest.mark.parametrize("mode", ["hybrid", "dense", "bm25"])
def test_search_gives_the_hits_of_the_contract(ragkit, store: Path, mode: str) -> None:  # type: ignore[no-untyped-def]
    ran = ragkit("search", "Who walked on the Moon first?", "--store", store, "-k", 2, "--mode", mode, "--json")
    assert ran.code == 0
    assert list(ran.json) == ["query", "mode", "hits"]
    first = ran.json["hits"][0]
    assert list(first) == [
        "rank", "score", "doc_id", "chunk_id", "source", "title", "start", "end", "page", "text", "metadata", "arms",
    ]  # fmt: skip
    assert (first["rank"], first["doc_id"]) == (1, "moon.md")
    assert set(first["arms"]) <= {"dense", "bm25"}
    assert list(next(iter(first["arms"].values()))) == ["score", "rank"]


def test_search_hits_are_slices_of_what_show_prints(ragkit, store: Path) -> None:  # type: ignore[no-untyped-def]
    for hit in ragkit("search", "moon", "--store", store, "--json").json["hits"]:
        shown = ragkit("show", hit["doc_id"], "--store", store, "--start", hit["start"], "--end", hit["end"])
        assert shown.out == hit["text"]


def test_search_for_a_person_names_place_and_score(ragkit, store: Path) -> None:  # type: ignore[no-untyped-def]
    ran = ragkit("search", "moons of Mars", "--store", store, "-k", 1)
    assert ran.code == 0
    assert ran.out.startswith("1. ")
    assert "rows.jsonl" in ran.out
    assert "dense" in ran.out


def test_a_filter_holds(ragkit, store: Path) -> None:  # type: ignore[no-untyped-def]
    hits = ragkit("search", "moon", "--store", store, "--where", 'year >= 2020 and lang = "en"', "--json").json["hits"]
    assert {hit["doc_id"] for hit in hits} == {"moon.md"}


def test_an_exact_search_finds_the_same_in_a_small_collection(ragkit, store: Path) -> None:  # type: ignore[no-untyped-def]
    plain = ragkit("search", "moon", "--store", store, "--mode", "dense", "--json")
    exact = ragkit("search", "moon", "--store", store, "--mode", "dense", "--exact", "--json")
    assert (exact.code, exact.json) == (0, plain.json)


def test_ask_quotes_what_is_there(ragkit, store: Path) -> None:  # type: ignore[no-untyped-def]
    ran = ragkit("ask", "Who was the first person to walk on the Moon?", "--store", store, "--json")
    answer = ran.json
    assert ran.code == 0
    assert list(answer) == ["question", "text", "abstained", "reason", "citations", "sentences", "usage", "timings"]
    assert (answer["abstained"], answer["reason"]) == (False, None)
    assert "Neil Armstrong" in answer["text"]
    for citation in answer["citations"]:
        slice_ = ragkit(
            "show", citation["doc_id"], "--store", store, "--start", citation["start"], "--end", citation["end"]
        )
        assert slice_.out == citation["quote"]
        assert 0.0 <= citation["support"] <= 1.0
        assert citation["marker"] in answer["text"]


def test_ask_declines_what_is_not_there(ragkit, store: Path) -> None:  # type: ignore[no-untyped-def]
    answer = ragkit("ask", "What does a train ticket from Paris to Berlin cost?", "--store", store, "--json").json
    assert (answer["abstained"], answer["reason"], answer["citations"]) == (True, "not_in_documents", [])


def test_ask_for_a_person_shows_where_it_stands(ragkit, store: Path) -> None:  # type: ignore[no-untyped-def]
    ran = ragkit("ask", "How many moons does Mars have?", "--store", store)
    assert "Mars has two moons, Phobos and Deimos. [1]" in ran.out
    assert "rows.jsonl" in ran.out


def test_info_says_what_is_there(ragkit, store: Path) -> None:  # type: ignore[no-untyped-def]
    facts = ragkit("info", "--store", store, "--json").json
    assert facts["documents"] == 3
    assert "MiniLM" in str(facts)
    assert (facts["generation"], facts["precision"]) == (1, "float16")
    assert facts["index"]["kind"] == "exact"
    assert facts["index"]["recall@10"] == 1.0
    assert facts["bytes_by_part"]["vectors"] == 2 * 384 * facts["chunks"]
    assert sum(facts["bytes_by_part"].values()) <= facts["bytes"]
    assert "documents" in ragkit("info", "--store", store).out


def test_delete_by_id_and_by_filter(ragkit, docs: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ragkit("index", docs, "--store", tmp_path / "store")
    assert ragkit("delete", "sun.txt", "nothing", "--store", tmp_path / "store", "--json").json == {"deleted": 1}
    assert ragkit("delete", "--where", "year < 2000", "--store", tmp_path / "store", "--json").json == {"deleted": 1}
    assert ragkit("info", "--store", tmp_path / "store", "--json").json["documents"] == 1


def test_doctor_finds_the_packaged_model(ragkit) -> None:  # type: ignore[no-untyped-def]
    ran = ragkit("doctor", "--offline", "--deep", "--json")
    assert (ran.code, ran.json["ok"], ran.json["problems"]) == (0, True, [])
    assert ran.json["model"]["sha256"] == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert "openvino" in ragkit("doctor").out


@pytest.mark.parametrize(
    "command", ["index", "search", "ask", "show", "info", "delete", "compact", "reindex", "doctor"]
)
def test_every_command_has_help_with_an_example(ragkit, command: str) -> None:  # type: ignore[no-untyped-def]
    ran = ragkit(command, "--help")
    assert ran.code == 0
    assert f"Example: ragkit {command}" in " ".join(ran.out.split())


def test_the_version_is_printed(ragkit) -> None:  # type: ignore[no-untyped-def]
    assert ragkit("--version").out.strip() == "0.1.0"
