from __future__ import annotations

from pathlib import Path

import pytest

from ragkit.messages.vocabularies import CL100K, O200K, Vocabulary, image_tokens, vocabulary_of


@pytest.mark.parametrize(
    ("model", "most", "least"),
    [
        ("gpt-4o", 1445, 85),
        ("gpt-4o-mini-2024-07-18", 48169, 2833),
        ("gpt-4.1", 1445, 85),
        ("gpt-4.1-mini", 2489, 2489),
        ("gpt-4.1-2025-04-14", 1445, 85),
        ("gpt-5", 1190, 70),
        ("gpt-5-nano", 3779, 3779),
        ("o3", 1275, 75),
        ("my-own", 3779, 3779),
    ],
)
def test_image_bounds_follow_the_documented_formulas(model: str, most: int, least: int) -> None:
    assert (image_tokens(model, low=False), image_tokens(model, low=True)) == (most, least)


@pytest.mark.parametrize(
    ("model", "vocabulary"),
    [
        ("gpt-4o-mini-2024-07-18", O200K),
        ("gpt-4.1", O200K),
        ("gpt-5.4-mini", O200K),
        ("o4-mini", O200K),
        ("chatgpt-4o-latest", O200K),
        ("gpt-4-turbo", CL100K),
        ("gpt-3.5-turbo", CL100K),
        ("text-embedding-3-large", CL100K),
        ("ft:gpt-4o-2024-08-06:me::1", O200K),
        ("llama-3", None),
    ],
)
def test_a_model_has_the_vocabulary_that_is_published_for_it(model: str, vocabulary: Vocabulary | None) -> None:
    assert vocabulary_of(model) is vocabulary


@pytest.mark.parametrize("vocabulary", [CL100K, O200K])
def test_vocabularies_are_those_of_tiktoken(vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiktoken_ext import openai_public

    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(
        openai_public, "load_tiktoken_bpe", lambda url, expected_hash: asked.append((url, expected_hash))
    )

    published = getattr(openai_public, vocabulary.name)()

    url = f"https://openaipublic.blob.core.windows.net/encodings/{vocabulary.name}.tiktoken"
    assert asked == [(url, vocabulary.sha256)]
    assert published["pat_str"] == vocabulary.pattern


def test_a_file_is_found_under_its_own_name_and_under_that_of_tiktokens_cache(tmp_path: Path) -> None:
    assert O200K.file_in(tmp_path) is None
    cached = tmp_path / "fb374d419588a4632f3f557e76b4b70aebbca790"
    cached.touch()
    assert O200K.file_in(tmp_path) == cached
    own = tmp_path / "o200k_base.tiktoken"
    own.touch()
    assert O200K.file_in(tmp_path) == own
