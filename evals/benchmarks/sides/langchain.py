"""LangChain as its documentation shows it: `HuggingFaceEmbeddings`, `FAISS`, `BM25Retriever`, `EnsembleRetriever`.

The index lives in the process and is pickled whole by `save_local`; there is no durable single change. The words have
no saved form: a new process makes them again from the texts.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from evals.benchmarks.corpus import Corpus, Entry
from evals.benchmarks.measure import (
    Job,
    Outcome,
    Stopwatch,
    do_job,
    folder_mb,
    peak_rss_mb,
    read_rows,
    since_start_s,
    timed,
    versions_of,
)

__all__ = ["Known"]

_DIM = 384
_DEEP, _SAVES = 5, 3
"""Queries with every row fetched, and saves: each takes seconds."""
_RECORDS = "records.sqlite3"


class Known(Embeddings):
    """Vectors that are there already, by text; others get a stand-in, and are counted."""

    def __init__(self, vectors: dict[str, Any]) -> None:
        self._vectors = vectors
        self.embedded = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give a stand-in for each text."""
        self.embedded += len(texts)
        return [_stand_in(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Look the query up."""
        return list(self._vectors[text])


def ingest(job: Job) -> Outcome:
    """Read passages, embed, index and save them."""
    embeddings, whole = _model(job), Stopwatch()
    embeddings.embed_query("warm up")
    start_s = since_start_s(job)
    with whole.running():
        rows = read_rows(job["passages"])
        documents = [Document(page_content=row["text"], metadata={"id": row["id"]}) for row in rows]
        _faiss().from_documents(documents, embeddings).save_local(job["folder"])
    return Outcome(
        numbers={
            "passages_s": len(documents) / whole.wall_s,
            "ingest_cpu_s": whole.cpu_s,
            "start_s": start_s,
            "disk_mb": folder_mb(job["folder"]),
            "rss_mb": peak_rss_mb(),
        },
        versions=_versions(),
    )


def reopen(job: Job) -> Outcome:
    """Open what `ingest` saved and ask, embedding included."""
    store = _load(job["folder"], _model(job))

    def search(query: str) -> list[str]:
        return _names(store.similarity_search(query, k=job["k"]))

    search(job["queries"][0])
    first_hit_s = since_start_s(job)
    asked = timed(search, job["queries"])
    return Outcome(numbers={"first_hit_s": first_hit_s, "query_ms": asked.median_ms}, found=asked.results)


def fill(job: Job) -> Outcome:
    """Index vectors that are there already, and save them."""
    corpus, whole = Corpus.open(job["corpus"]), Stopwatch()
    with whole.running():
        entries = list(corpus.entries(job["count"]))
        store = _faiss().from_embeddings(
            [(entry.text, entry.vector) for entry in entries],
            Known({}),
            metadatas=[{"share": entry.share, "id": entry.name} for entry in entries],
            ids=[entry.name for entry in entries],
        )
        store.save_local(job["folder"])
    numbers = {"fill_s": whole.wall_s, "disk_mb": folder_mb(job["folder"]), "rss_mb": peak_rss_mb()}
    return Outcome(numbers=numbers, versions=_versions())


def search(job: Job) -> Outcome:
    """Ask an `EnsembleRetriever` of `BM25Retriever` and FAISS, and each of the two alone."""
    from langchain_classic.retrievers import EnsembleRetriever
    from langchain_community.retrievers import BM25Retriever

    queries, known = _asked(job)
    build = Stopwatch()
    with build.running():
        store = _load(job["folder"], known)
        words = BM25Retriever.from_documents(_documents(store), k=job["k"])
    vectors = store.as_retriever(search_kwargs={"k": job["k"]})
    both = EnsembleRetriever(retrievers=[words, vectors], weights=[0.5, 0.5])
    hybrid = timed(both.invoke, queries)
    return Outcome(
        numbers={
            "open_s": build.wall_s,
            "hybrid_ms": hybrid.median_ms,
            "hybrid_p99_ms": hybrid.p99_ms,
            "dense_ms": timed(vectors.invoke, queries).median_ms,
            "bm25_ms": timed(words.invoke, queries).median_ms,
            "rss_mb": peak_rss_mb(),
        },
        found=[_names(hits[: job["k"]]) for hits in hybrid.results],
        versions=_versions(),
    )


def filtered(job: Job) -> Outcome:
    """Ask FAISS with a filter that 1 % pass, with its default `fetch_k`."""
    queries, known = _asked(job)
    store = _load(job["folder"], known)

    where = {"share": job["share"]}
    asked = timed(lambda query: store.similarity_search(query, k=job["k"], filter=where), queries)
    every = {"filter": where, "fetch_k": store.index.ntotal}
    deep = timed(lambda query: store.similarity_search(query, k=job["k"], **every), queries[:_DEEP], warm_up=1)
    return Outcome(
        numbers={
            "filtered_ms": asked.median_ms,
            "filtered_p99_ms": asked.p99_ms,
            "found": sum(map(len, asked.results)) / len(asked.results),
            "deep_ms": deep.median_ms,
            "deep_found": sum(map(len, deep.results)) / len(deep.results),
        },
        found=[_names(hits) for hits in asked.results],
        versions=_versions(),
    )


def change(job: Job) -> Outcome:
    """Delete single rows, add single ones, and save, as is needed for a change to outlive the process."""
    corpus = Corpus.open(job["corpus"])
    queries, known = _asked(job)
    store = _load(job["folder"], known)
    gone = [f"c{place}" for place in job["places"]]
    new = [(f"new {number}", entry) for number, entry in enumerate(_entries(corpus, job))]
    deletes = timed(lambda name: store.delete([name]), gone, warm_up=0)
    adds = timed(lambda one: _add(store, *one), new, warm_up=0)
    saves = timed(lambda _: store.save_local(job["folder"]), range(_SAVES), warm_up=0)
    numbers = {
        "delete_ms": deletes.median_ms,
        "add_ms": adds.median_ms,
        "save_ms": saves.median_ms,
        "durable_delete_ms": deletes.median_ms + saves.median_ms,
        "durable_add_ms": adds.median_ms + saves.median_ms,
        "search_after_ms": timed(lambda query: store.similarity_search(query, k=10), queries[:1], warm_up=0).median_ms,
    }
    return Outcome(numbers=numbers, versions=_versions())


def first_hit(job: Job) -> Outcome:
    """Open what is saved and find one hit: by a vector, or by words, which are made anew from the texts."""
    queries, known = _asked(job)
    store = _load(job["folder"], known)
    if job["arm"] == "bm25":
        from langchain_community.retrievers import BM25Retriever

        words = BM25Retriever.from_documents(_documents(store), k=job["k"])
        found = words.invoke(queries[0])
    else:
        found = store.similarity_search(queries[0], k=job["k"])
    numbers = {f"{job['arm']}_first_hit_s": since_start_s(job), f"{job['arm']}_rss_mb": peak_rss_mb()}
    return Outcome(numbers=numbers, found=[_names(found)], versions=_versions())


def sync(job: Job) -> Outcome:
    """Bring a folder of text files into a saved index with `index(cleanup="incremental")` and its record manager."""
    from langchain_classic.indexes import SQLRecordManager
    from langchain_community.document_loaders import DirectoryLoader, TextLoader
    from langchain_core.indexing import index

    folder, whole = Path(job["folder"]), Stopwatch()
    embeddings = Known({})
    with whole.running():
        if (folder / "index.faiss").exists():
            store = _load(job["folder"], embeddings)
        else:
            folder.mkdir(parents=True)
            store = _empty(embeddings)
        records = SQLRecordManager("benchmark", db_url=f"sqlite:///{folder / _RECORDS}")
        records.create_schema()
        loader = DirectoryLoader(
            job["documents"], glob="**/*.txt", loader_cls=TextLoader, loader_kwargs={"encoding": "utf-8"}
        )
        did = index(loader, records, store, cleanup="incremental", source_id_key="source", key_encoder="sha256")
        if did["num_added"] or did["num_deleted"]:
            store.save_local(job["folder"])
    return Outcome(
        numbers={
            "sync_s": whole.wall_s,
            "since_start_s": since_start_s(job),
            "embedded": embeddings.embedded,
            "unchanged": did["num_skipped"],
            "rss_mb": peak_rss_mb(),
        },
        versions=_versions(),
    )


def _model(job: Job) -> Any:
    from langchain_huggingface import HuggingFaceEmbeddings

    model_kwargs: dict[str, Any] = {"device": "cpu"}
    if job["precision"] == "bf16":
        model_kwargs["model_kwargs"] = {"dtype": "bfloat16"}
    return HuggingFaceEmbeddings(model_name=job["model"], model_kwargs=model_kwargs)


def _faiss() -> Any:
    from langchain_community.vectorstores import FAISS

    return FAISS


def _load(folder: str, embeddings: Embeddings) -> Any:
    return _faiss().load_local(folder, embeddings, allow_dangerous_deserialization=True)


def _empty(embeddings: Embeddings) -> Any:
    import faiss
    from langchain_community.docstore.in_memory import InMemoryDocstore

    return _faiss()(
        embedding_function=embeddings,
        index=faiss.IndexFlatL2(_DIM),
        docstore=InMemoryDocstore(),
        index_to_docstore_id={},
    )


def _documents(store: Any) -> list[Document]:
    return [store.docstore.search(name) for name in store.index_to_docstore_id.values()]


def _names(hits: list[Document]) -> list[str]:
    return [hit.metadata["id"] for hit in hits]


def _asked(job: Job) -> tuple[list[str], Known]:
    texts, vectors = Corpus.open(job["corpus"]).queries(job["queries"])
    return texts, Known(dict(zip(texts, vectors.tolist(), strict=True)))


def _entries(corpus: Corpus, job: Job) -> list[Entry]:
    wanted = set(job["places"])
    return [entry for place, entry in enumerate(corpus.entries(max(wanted) + 1)) if place in wanted]


def _add(store: Any, name: str, entry: Entry) -> None:
    store.add_embeddings([(entry.text, entry.vector.tolist())], metadatas=[{"id": name}], ids=[name])


def _stand_in(text: str) -> list[float]:
    seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
    vector = np.random.default_rng(seed).standard_normal(_DIM)
    row: list[float] = (vector / np.linalg.norm(vector)).tolist()
    return row


def _versions() -> dict[str, str]:
    return versions_of(
        "langchain-core",
        "langchain-community",
        "langchain-classic",
        "langchain-huggingface",
        "sentence-transformers",
        "torch",
        "faiss-cpu",
        "rank-bm25",
    )


if __name__ == "__main__":
    tasks = (ingest, reopen, fill, search, filtered, change, first_hit, sync)
    do_job({task.__name__: task for task in tasks})
