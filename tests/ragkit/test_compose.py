from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding

import ragkit
from ragkit.compose import encoder_for
from ragkit.embed.model_files import packaged_model
from ragkit.encoder import LangChainEncoder, as_encoder
from ragkit.errors import ConfigError, IndexMismatchError, InputError, ModelError, StoreNotFoundError
from ragkit.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache=tmp_path / "cache")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("Apples are red. Pears are green.\n", encoding="utf-8")
    return tmp_path / "docs"


def test_a_new_collection_gets_the_packaged_model(tmp_path: Path, settings: Settings) -> None:
    with ragkit.open(tmp_path / "store", settings=settings) as rag:
        assert rag.collection.manifest.card is not None
        assert rag.collection.manifest.card.model == "sentence-transformers/all-MiniLM-L6-v2"


def test_nothing_is_made_when_it_must_exist(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(StoreNotFoundError, match="there is no collection in"):
        ragkit.open(tmp_path / "store", create=False, settings=settings)
    assert not (tmp_path / "store").exists()


def test_a_model_folder_is_found_again_from_the_manifest(tmp_path: Path, docs: Path, settings: Settings) -> None:
    files = packaged_model()
    assert files is not None
    with ragkit.open(tmp_path / "store", embeddings=f"local:{files.folder}", settings=settings) as rag:
        rag.sync(docs)
    with ragkit.open(tmp_path / "store", settings=settings) as again:
        assert again.search("red fruit", mode="dense", k=1)[0].doc_id == "a.txt"
        assert again.collection.encoder is not None
        assert again.collection.encoder.card.location == str(files.folder)


def test_a_callers_embeddings_serve_when_passed_again(tmp_path: Path, docs: Path, settings: Settings) -> None:
    with ragkit.open(tmp_path / "store", embeddings=DeterministicFakeEmbedding(size=8), settings=settings) as rag:
        rag.sync(docs)
    with ragkit.open(tmp_path / "store", embeddings=DeterministicFakeEmbedding(size=8), settings=settings) as again:
        assert len(again.search("Apples", mode="dense")) == 1


def test_without_the_callers_embeddings_words_still_serve(tmp_path: Path, docs: Path, settings: Settings) -> None:
    with ragkit.open(tmp_path / "store", embeddings=DeterministicFakeEmbedding(size=8), settings=settings) as rag:
        rag.sync(docs)
    with ragkit.open(tmp_path / "store", settings=settings) as again:
        assert again.collection.encoder is None
        assert again.search("apples", mode="bm25")[0].doc_id == "a.txt"
        with pytest.raises(InputError, match="mode hybrid needs an embedding model"):
            again.search("apples")


def test_embeddings_of_another_dimension_are_refused(tmp_path: Path, docs: Path, settings: Settings) -> None:
    with ragkit.open(tmp_path / "store", embeddings=DeterministicFakeEmbedding(size=8), settings=settings) as rag:
        rag.sync(docs)
    with pytest.raises(IndexMismatchError, match="8 dimensions"):
        ragkit.open(tmp_path / "store", embeddings=DeterministicFakeEmbedding(size=9), settings=settings)


@pytest.mark.parametrize("spec", ["magic", "local:", "OpenAI:text-embedding-3-small", ""])
def test_a_spec_that_names_no_local_model_is_refused(tmp_path: Path, settings: Settings, spec: str) -> None:
    with pytest.raises(ConfigError, match="expected local:<hub id or folder>"):
        ragkit.open(tmp_path / "store", embeddings=spec, settings=settings)


def test_a_spec_of_openai_that_names_no_model_is_refused(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(ConfigError, match="embeddings 'openai:' name no model: expected such as openai:text-embedding"):
        ragkit.open(tmp_path / "store", embeddings="openai:", settings=settings)


def test_a_model_of_openai_is_found_again_without_asking_it_and_without_a_key(
    tmp_path: Path, settings: Settings
) -> None:
    with ragkit.open(tmp_path / "store", embeddings="openai:text-embedding-3-large@256", settings=settings):
        pass
    with ragkit.open(tmp_path / "store", settings=settings) as again:
        assert again.collection.encoder is not None
        assert again.collection.encoder.card.model == "openai:text-embedding-3-large@256"
        assert again.collection.encoder.card.dim == 256
        assert again.search("apples", mode="bm25") == []


def test_another_answerer_is_refused(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(ConfigError, match="model 'openai:gpt-5' cannot answer in this version: use 'extractive'"):
        ragkit.open(tmp_path / "store", model="openai:gpt-5", settings=settings)


def test_what_is_no_embeddings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="embeddings must be an Encoder or a LangChain Embeddings, got int"):
        encoder_for(tmp_path, 3)


def test_vectors_of_a_callers_embeddings_become_unit_rows() -> None:
    class Embeddings:
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [[3.0, 4.0] if text else [0.0, 0.0] for text in texts]

        def embed_query(self, text: str) -> list[float]:
            return [0.0, 2.0]

    encoder = as_encoder(Embeddings())
    assert isinstance(encoder, LangChainEncoder)
    assert encoder.encode_documents(["a", ""]) == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0]]))
    assert encoder.encode_queries(["q"]).tolist() == [[0.0, 1.0]]
    assert encoder.encode_documents([]).shape == (0, 2)
    assert encoder.card.model.endswith("Embeddings")
    assert encoder.count_tokens("one two") >= 2


def test_too_few_vectors_are_an_error() -> None:
    class Forgetful:
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [[1.0]]

        def embed_query(self, text: str) -> list[float]:
            return [1.0]

    with pytest.raises(ModelError, match="gave 1 vectors for 2 texts"):
        as_encoder(Forgetful()).encode_documents(["a", "b"])


def test_an_encoder_inside_embeddings_is_taken_as_it_is() -> None:
    embeddings = ragkit.SentenceEmbeddings()
    assert as_encoder(embeddings) is embeddings.encoder
    assert as_encoder(embeddings.encoder) is embeddings.encoder
