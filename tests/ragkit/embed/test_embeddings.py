from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from ragkit.embed.embeddings import SentenceEmbeddings
from ragkit.embed.encoder import SentenceEncoder
from ragkit.encoder import as_encoder


@pytest.mark.usefixtures("packaged")
class TestStandardUnit(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return SentenceEmbeddings


@pytest.mark.usefixtures("packaged")
class TestStandardIntegration(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return SentenceEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"engine": "auto"}


def test_the_store_takes_its_encoder(minilm: SentenceEncoder) -> None:
    assert as_encoder(SentenceEmbeddings(encoder=minilm)) is minilm


def test_documents_and_query_are_plain_floats(minilm: SentenceEncoder) -> None:
    embeddings = SentenceEmbeddings(encoder=minilm)
    (document,) = embeddings.embed_documents(["a boat"])
    query = embeddings.embed_query("a boat")
    assert type(document[0]) is float
    np.testing.assert_allclose(document, query, atol=1e-2)
    assert embeddings.embed_documents([]) == []


def test_knobs_reach_the_encoder(packaged: Path, tmp_path: Path) -> None:
    embeddings = SentenceEmbeddings(packaged, engine="openvino-f32", threads=1, cache=tmp_path, downloads=False)
    embeddings.embed_documents(["a boat"])
    assert embeddings.encoder.engine == "openvino-f32"
    assert (tmp_path / "embeddings.sqlite3").is_file()


async def test_the_event_loop_runs_while_texts_are_embedded(minilm: SentenceEncoder) -> None:
    embeddings, ticks = SentenceEmbeddings(encoder=minilm), 0
    work = asyncio.create_task(embeddings.aembed_documents([f"boat number {number}" for number in range(200)]))
    while not work.done():
        ticks += 1
        await asyncio.sleep(0.001)
    assert len(await work) == 200
    assert ticks > 5
