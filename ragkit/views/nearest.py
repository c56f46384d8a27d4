"""Documents near a vector, for the vector store: the nearest, or the nearest that are unlike each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ragkit.errors import InputError
from ragkit.rank.diversify import maximal_marginal_relevance
from ragkit.rank.topk import check_k
from ragkit.store.hits import listed
from ragkit.views.documents import document_of_hit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.documents import Document
    from numpy.typing import ArrayLike

    from ragkit.encoder import Encoder, Vectors
    from ragkit.store.collection import Collection
    from ragkit.store.moment import Moment
    from ragkit.store.order import Scored
    from ragkit.views.calls import SearchCall

__all__ = ["diverse", "nearest", "relevance"]


def nearest(
    collection: Collection, query: ArrayLike, k: int, call: SearchCall, *, encoder: Encoder | None = None
) -> list[tuple[Document, float]]:
    """Give the documents nearest to a vector, with their cosines.

    Args:
        collection: What to search.
        query: `dim` numbers.
        k: At least 1.
        call: Filter, exactness, least cosine.
        encoder: What made the vector; None where the caller brings it.

    Returns:
        At most k by falling cosine.
    """
    check_k(k)
    with collection.moment(where=call.where, words=False, encoder=encoder) as moment:
        return _documents(moment, _run(moment, query, k, call))


def diverse(
    collection: Collection,
    query: ArrayLike,
    k: int,
    call: SearchCall,
    *,
    pool: int,
    lambda_mult: float,
    encoder: Encoder | None = None,
) -> list[tuple[Document, float]]:
    """Give k of the `pool` documents nearest to a vector, each as near and as unlike those before as possible.

    Args:
        collection: What to search.
        query: `dim` numbers.
        k: At least 1.
        call: Filter, exactness, least cosine.
        pool: Documents to choose from; at least k are.
        lambda_mult: From 0 (unlike only) to 1 (near only).
        encoder: What made the vector; None where the caller brings it.

    Returns:
        In the order of picking, with their cosines.
    """
    check_k(k)
    with collection.moment(where=call.where, words=False, encoder=encoder) as moment:
        run = _run(moment, query, max(k, pool), call)
        vectors = moment.vectors([item.row for item in run])
        picks = maximal_marginal_relevance([item.score for item in run], vectors, k=k, lambda_mult=lambda_mult)
        return _documents(moment, [run[place] for place in picks])


def _run(moment: Moment, query: ArrayLike, k: int, call: SearchCall) -> list[Scored]:
    row: Vectors = np.asarray(query, dtype=np.float32)
    if row.ndim != 1:
        raise InputError(f"an embedding must be a list of numbers, got an array of shape {row.shape}.")
    (run,) = moment.dense(row[np.newaxis], k=k, exact=call.exact)
    return [item for item in run if call.least is None or item.score >= call.least]


def _documents(moment: Moment, run: Sequence[Scored]) -> list[tuple[Document, float]]:
    (hits,) = moment.hits([listed(run, "dense")])
    # What has a source is known for a chunk; of the others only the document says which it is.
    named = moment.look_up(hit.doc_id for hit in hits if not hit.source)
    return [(document_of_hit(hit, named.get(hit.doc_id)), hit.score) for hit in hits]


def relevance(cosine: float) -> float:
    """Give LangChain's relevance score, from 0 to 1: the cosine, or 0 where it is below.

    So a threshold means what it means for a cosine anywhere else.

    Example:
        >>> relevance(0.8), relevance(-0.2)
        (0.8, 0.0)
    """
    return min(max(cosine, 0.0), 1.0)
