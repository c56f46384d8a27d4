"""What can be found in a collection, by vectors and by words."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ragkit.errors import IndexMismatchError
from ragkit.store.hits import listed
from ragkit.store.manifest import check_encoder
from ragkit.store.moment import Moment
from ragkit.store.reader import CollectionReader
from ragkit.store.where import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ragkit.encoder import Encoder
    from ragkit.store.manifest import Manifest
    from ragkit.types import Hit

__all__ = ["CollectionSearcher", "with_encoder"]

_TRIES = 3
_KEPT_MAKERS = 8

Found = TypeVar("Found")


def with_encoder(collection: Any, own: Encoder | None, ask: Callable[[Encoder | None], Found]) -> Found:
    """Ask with the encoder that the collection has by then, and again if it was rebuilt with another one meanwhile.

    Args:
        collection: Whatever can be searched; its `encoder` may be missing.
        own: The one to ask with in any case; None for that of the collection.
        ask: Embeds the queries and searches with them in a `moment` that is told the encoder.
    """
    while True:
        encoder = getattr(collection, "encoder", None) if own is None else own
        try:
            return ask(encoder)
        except IndexMismatchError:
            if own is not None or getattr(collection, "encoder", None) is encoder:
                raise


class CollectionSearcher(CollectionReader):
    """The searching half of `Collection`: any number of threads, each search on one committed state."""

    _makers: tuple[tuple[Encoder, Manifest], ...] = ()

    @contextmanager
    def moment(
        self, *, where: str | Mapping[str, Any] | None = None, words: bool = True, encoder: Encoder | None = None
    ) -> Iterator[Moment]:
        """Run a block on one committed moment, which both arms search as rows; see `ragkit.store.moment.Moment`.

        Args:
            where: Chunks that may be found; see `where.py`.
            words: Whether the block searches by words.
            encoder: What made the vectors that the block searches with; None where the caller brings them.

        Raises:
            WhereError: If the filter does not fit.
            IndexMismatchError: If the vectors of this moment are of another model than `encoder`.
            StoreError: If the word index is unusable and another process keeps it from being built again.
        """
        node = parse(where)
        for tries_left in reversed(range(_TRIES)):
            with self._reading() as (generation, db):
                self._check_maker(generation.manifest, encoder)
                view = generation.view(db, node)
                searched = words and bool(view.mask.any())
                index = generation.words.at(db, view.state) if searched else None
                if searched and index is None and tries_left:
                    continue  # a writer dropped dead entries meanwhile, which this moment still had: take a newer one
                yield Moment(generation, db, view, index or generation.words.index.view)
                return

    def search_dense(
        self, queries: Any, *, k: int, where: str | Mapping[str, Any] | None = None, exact: bool = False
    ) -> list[list[Hit]]:
        """Find the nearest chunks by cosine.

        Exactly, unless the collection is so large that it has an approximate index (`info` tells, with its recall).

        Args:
            queries: `(q, dim)` floats, answered together; scaled to unit length. A zero vector scores 0 with all.
            k: Hits per query, at least 1.
            where: Chunks that may be found; see `where.py`. A filtered search is always exact.
            exact: Use no approximate index.

        Returns:
            For each query `min(k, passing chunks)` hits by falling cosine, ties by (doc_id, chunk_id).

        Raises:
            InputError: If `k` or the queries do not fit; `WhereError` for the filter.
            IndexMismatchError: If the dimension differs.
            StoreDamagedError: If the vector file is damaged.
        """
        with self.moment(where=where, words=False) as moment:
            return moment.hits([listed(run, "dense") for run in moment.dense(queries, k=k, exact=exact)])

    def search_bm25(
        self, queries: Sequence[str], *, k: int, where: str | Mapping[str, Any] | None = None
    ) -> list[list[Hit]]:
        """Find chunks by their words, best BM25 score first.

        Args:
            queries: Any texts; there is no query syntax.
            k: Hits per query, at least 1.
            where: Chunks that may be found; see `where.py`.

        Returns:
            For each query at most `k` hits that share a term with it, by falling score above 0, ties by
            (doc_id, chunk_id). A query without terms (only stop words) finds nothing.

        Raises:
            InputError: If `k` or the queries do not fit; `WhereError` for the filter.
            StoreError: If the index is unusable and another process keeps it from being built again.
        """
        with self.moment(where=where) as moment:
            return moment.hits([listed(run, "bm25") for run in moment.bm25(queries, k=k)])

    def _check_maker(self, manifest: Manifest, encoder: Encoder | None) -> None:
        # Its own one fits by construction. Others are remembered: a model without a revision has to embed a probe.
        if encoder is None or encoder is self.encoder:
            return
        if not any(known is encoder and fitting is manifest for known, fitting in self._makers):
            check_encoder(manifest, encoder)
            self._makers = (*self._makers[1 - _KEPT_MAKERS :], (encoder, manifest))
