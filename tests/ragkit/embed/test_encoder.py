from __future__ import annotations

import shutil
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.embed.cache import VectorCache
from ragkit.embed.encoder import SentenceEncoder
from ragkit.embed.language import LanguageWarning
from ragkit.embed.layout import read_layout
from ragkit.embed.model_files import ModelFiles
from ragkit.embed.tokens import TruncationWarning
from ragkit.encoder import as_encoder
from ragkit.errors import InputError, ModelError, ModelFilesError

WORDS = ["river", "boat", "harbour", "old", "town", "fisherman", "every", "single", "day"]


def test_the_card_tells_what_an_index_must_agree_on(minilm: SentenceEncoder) -> None:
    card = minilm.card
    assert (card.model, card.dim, card.max_tokens) == ("sentence-transformers/all-MiniLM-L6-v2", 384, 256)
    assert (card.pooling, card.normalised, card.language) == ("mean", True, "en")
    assert card.revision == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def test_it_is_an_encoder_already(minilm: SentenceEncoder) -> None:
    assert as_encoder(minilm) is minilm


def test_none_gives_no_rows(minilm: SentenceEncoder) -> None:
    assert minilm.encode_documents([]).shape == (0, 384)
    assert minilm.encode_queries(()).shape == (0, 384)


def test_rows_have_unit_length_and_float32(minilm: SentenceEncoder) -> None:
    rows = minilm.encode_documents(["", " \n", "a", "a longer text about boats"])
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


def test_vectors_of_a_model_that_does_not_normalise_have_unit_length(make_model: Callable[..., Path]) -> None:
    rows = SentenceEncoder.load(make_model("bert", normalise=False)).encode_documents(["a boat", "a river"])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


def test_similar_texts_are_nearer(minilm: SentenceEncoder) -> None:
    cat, kitten, loan = minilm.encode_documents(["a cat", "a kitten", "the interest rate of a loan"])
    assert cat @ kitten > 0.7 > 0.3 > cat @ loan


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=40).map(" ".join), min_size=1, max_size=30))
@settings(max_examples=15, deadline=None)
def test_results_come_in_input_order(minilm: SentenceEncoder, texts: list[str]) -> None:
    together = minilm.encode_documents(texts)
    alone = np.concatenate([minilm.encode_documents([text]) for text in texts])
    assert (together * alone).sum(axis=1).min() > 0.9999


def test_float32_hardly_depends_on_the_batch(packaged: Path) -> None:
    encoder = SentenceEncoder.load(engine="openvino-f32")
    texts = [" ".join(WORDS[:count]) for count in range(1, 9)]
    together = encoder.encode_documents(texts)
    alone = np.concatenate([encoder.encode_documents([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_the_same_call_gives_the_same_bits(minilm: SentenceEncoder) -> None:
    texts = [" ".join(WORDS[:count]) * count for count in range(1, 9)] * 8
    np.testing.assert_array_equal(minilm.encode_documents(texts), minilm.encode_documents(texts))


def test_many_texts_cross_every_window_and_budget(make_model: Callable[..., Path]) -> None:
    encoder = SentenceEncoder.load(make_model("bert"), engine="openvino-f32")
    texts = [f"boat {number}" for number in range(4500)]
    rows = encoder.encode_documents(texts)
    np.testing.assert_allclose(
        rows[[0, 4095, 4096, 4499]],
        encoder.encode_documents(["boat 0", "boat 4095", "boat 4096", "boat 4499"]),
        atol=1e-5,
    )


def test_threads_do_not_mix_their_results(minilm: SentenceEncoder) -> None:
    texts = [" ".join(WORDS[start:] + WORDS[:start]) * (start + 1) for start in range(8)]
    expected = np.concatenate([minilm.encode_documents([text]) for text in texts])
    found: dict[int, np.ndarray] = {}

    def work(number: int) -> None:
        for _ in range(5):
            many = minilm.encode_documents(texts)
            found[number] = np.concatenate([minilm.encode_queries([texts[number]]), many[number][None]])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(8):
        assert (found[number] @ expected[number]).min() > 0.9999


def test_a_long_text_warns_with_the_count_and_is_embedded_by_its_beginning(minilm: SentenceEncoder) -> None:
    long = "word " * 300
    with pytest.warns(
        TruncationWarning, match=r"2 of 3 texts exceed the 256 tokens that .*all-MiniLM-L6-v2 reads \(longest: 302\)"
    ):
        rows = minilm.encode_documents([long, "short", long])
    assert rows[0] @ minilm.encode_documents(["word " * 254])[0] > 0.9999


def test_a_long_query_warns_too(minilm: SentenceEncoder) -> None:
    with pytest.warns(TruncationWarning, match="1 of 1 texts exceed"):
        minilm.encode_queries(["word " * 300])


def test_texts_that_fit_do_not_warn(minilm: SentenceEncoder) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        minilm.encode_documents(["word " * 254])


def test_the_warning_points_at_the_caller(minilm: SentenceEncoder) -> None:
    with pytest.warns(TruncationWarning) as caught:
        minilm.encode_documents(["word " * 300])
    assert caught[0].filename == __file__


def test_another_language_warns_and_names_a_choice(minilm: SentenceEncoder) -> None:
    with pytest.warns(
        LanguageWarning, match=r"looks like German.*choose a multilingual model such as .*multilingual"
    ) as caught:
        minilm.encode_documents(["Der Vertrag ist nicht von beiden Seiten unterschrieben."])
    assert caught[0].filename == __file__


def test_a_query_in_another_language_warns(minilm: SentenceEncoder) -> None:
    with pytest.warns(LanguageWarning, match="looks like Spanish"):
        minilm.encode_queries(["¿Cuántos días de vacaciones tengo en el primer año?"])


def test_a_model_of_unknown_language_says_nothing(make_model: Callable[..., Path]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SentenceEncoder.load(make_model("bert")).encode_documents(["Der Vertrag ist nicht gut."])


def test_tokens_are_counted_with_the_model_s_tokenizer(minilm: SentenceEncoder) -> None:
    assert minilm.count_tokens("hello world") == 4


@pytest.mark.parametrize("texts", ["abc", ["a", 3]])
def test_what_is_no_list_of_texts_is_refused(minilm: SentenceEncoder, texts: object) -> None:
    with pytest.raises(InputError, match="texts"):
        minilm.encode_documents(texts)  # type: ignore[arg-type]


def test_weights_of_another_hash_give_no_vector(make_model: Callable[..., Path]) -> None:
    folder = make_model("bert")
    files = ModelFiles(name="odd", folder=folder, sha256="0" * 64)
    encoder = SentenceEncoder(files, read_layout(folder))
    with pytest.raises(ModelFilesError, match=r"expected 0000.*the file is damaged or another model"):
        encoder.encode_queries(["a"])


def test_numbers_that_are_not_finite_are_refused(make_model: Callable[..., Path], tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = shutil.copytree(make_model("bert"), tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.LayerNorm.bias"] = np.full(32, np.nan, dtype=np.float32)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelError, match="gave a vector that is not finite for a text of 6 characters"):
        SentenceEncoder.load(folder).encode_documents(["a boat"])


def test_documents_are_found_in_the_cache_without_computing(make_model: Callable[..., Path], tmp_path: Path) -> None:
    folder = shutil.copytree(make_model("bert"), tmp_path / "model")
    first = SentenceEncoder.load(folder, cache=tmp_path / "cache").encode_documents(["a boat", "a river", "a boat"])
    again = SentenceEncoder.load(folder, cache=tmp_path / "cache")
    (folder / "tokenizer.json").unlink()  # whatever is computed now fails
    np.testing.assert_array_equal(again.encode_documents(["a river", "a boat"]), first[[1, 0]])


def test_a_cached_text_that_is_too_long_still_warns(make_model: Callable[..., Path], tmp_path: Path) -> None:
    encoder = SentenceEncoder.load(make_model("bert"), cache=tmp_path)
    for _ in range(2):
        with pytest.warns(TruncationWarning, match="1 of 1 texts exceed the 24 tokens"):
            encoder.encode_documents(["boat " * 60])


def test_queries_are_not_kept(make_model: Callable[..., Path], tmp_path: Path) -> None:
    SentenceEncoder.load(make_model("bert"), cache=tmp_path).encode_queries(["a boat"])
    assert not (tmp_path / "embeddings.sqlite3").exists()


def test_precisions_do_not_share_vectors(make_model: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_model("bert")
    spaces = {
        SentenceEncoder.load(folder, cache=tmp_path, engine=name)._space()
        for name in ("openvino-f32", "sentence-transformers")
    }
    assert len(spaces) == 2


def test_the_prompt_is_part_of_the_key(make_model: Callable[..., Path], tmp_path: Path) -> None:
    encoder = SentenceEncoder.load(make_model("bert", prompts={"document": "text: "}), cache=tmp_path)
    encoder.encode_documents(["a boat"])
    cache = VectorCache(tmp_path, space=encoder._space(), dim=32)
    assert list(cache.get(["text: a boat", "a boat"])) == ["text: a boat"]


def test_a_tokenizer_of_another_model_is_refused(make_model: Callable[..., Path], tmp_path: Path) -> None:
    folder = shutil.copytree(make_model("bert"), tmp_path / "model")
    shutil.copy(make_model("roberta") / "tokenizer.json", folder / "tokenizer.json")
    with pytest.raises(ModelFilesError, match=r"the tokenizer gave token \d+, the weights know \d+"):
        SentenceEncoder.load(folder, engine="openvino").encode_documents(["zzzz ~~~~ éééé"])


def test_groups_are_embedded_as_by_themselves_and_in_order(minilm: SentenceEncoder) -> None:
    texts = [" ".join(WORDS[n % 9 :] + WORDS[: n % 5]) + f" {n}" for n in range(60)]
    groups = [texts[:1], [], texts[1:41], [], [], texts[41:], texts[:1], []]
    found = list(minilm.encode_each(groups))
    assert [len(rows) for rows in found] == [1, 0, 40, 0, 0, 19, 1, 0]
    together = minilm.encode_documents(texts)
    assert (np.concatenate(found[:6]) * together).sum(axis=1).min() > 0.9999


def test_groups_are_read_ahead_but_not_past_one_of_which_all_is_known(minilm: SentenceEncoder) -> None:
    read: list[int] = []

    def groups() -> Iterator[list[str]]:
        for number, group in enumerate([["a boat"], ["a river"], [], ["a town"], []]):
            read.append(number)
            yield group

    found = minilm.encode_each(groups())
    next(found)
    assert read == [0, 1, 2]
    assert len(list(found)) == 4


def test_a_group_found_in_the_cache_is_not_held_up(minilm: SentenceEncoder, packaged: Path, tmp_path: Path) -> None:
    encoder = SentenceEncoder.load(packaged, cache=tmp_path)
    (first,) = encoder.encode_each([["a boat", "a river"]])
    again = encoder.encode_each(iter([["a river", "a boat"], ["a town"]]))
    assert next(again).tolist() == first[::-1].tolist()
    assert len(list(again)) == 1


def test_a_group_that_fails_leaves_the_encoder_usable(minilm: SentenceEncoder) -> None:
    def groups() -> Iterator[list[str]]:
        yield ["a boat " * n for n in range(1, 200)]
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(minilm.encode_each(groups()))
    assert minilm.encode_documents(["a boat"]).shape == (1, 384)


def test_a_group_that_is_one_text_is_refused(minilm: SentenceEncoder) -> None:
    with pytest.raises(InputError, match="put it into a list"):
        list(minilm.encode_each(["a boat"]))


def test_group_larger_than_what_is_tokenised_at_once_comes_back_whole(
    minilm: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = [[f"boat number {number}" for number in range(7)], [], ["a river", "a boat", "a river"]]
    whole = list(minilm.encode_each(groups))
    monkeypatch.setattr("ragkit.embed.encoder._TEXTS_AT_ONCE", 3)
    parts = list(minilm.encode_each(iter(groups)))
    assert [rows.shape for rows in parts] == [(7, 384), (0, 384), (3, 384)]
    assert all(np.allclose(one, other, atol=2e-2) for one, other in zip(whole, parts, strict=True))
    assert minilm.encode_documents([]).shape == (0, 384)
