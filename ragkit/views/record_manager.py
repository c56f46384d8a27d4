"""`CollectionRecordManager`: what `langchain_core.indexing.index` asks to know what it has indexed already."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from langchain_core.indexing import RecordManager

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragkit.store.collection import Collection

__all__ = ["CollectionRecordManager"]


class CollectionRecordManager(RecordManager):
    """Records of what was indexed when, in the collection's own catalog and as durable as its documents.

    The async twins run in a thread. `get_time` is later than every time kept, whatever the clock of the machine does.
    Writing takes the collection's writer lock, see `Collection`.

    Where a source has more chunks than `batch_size`, prefer `cleanup="scoped_full"`: LangChain's `"incremental"`
    deletes the chunks of the later batches and adds them again (langchain#32612). Here that embeds nothing, but it
    writes, and what was deleted takes space until `compact`.

    Example:
        >>> from langchain_core.indexing import index
        >>> records = CollectionRecordManager("docs", store.collection)  # doctest: +SKIP
        >>> index(documents, records, store, cleanup="incremental", source_id_key="source",
        ...       key_encoder="blake2b")  # doctest: +SKIP
    """

    def __init__(self, namespace: str, collection: Collection) -> None:
        """See the records of one namespace.

        Args:
            namespace: Any text; the records of another one are not seen.
            collection: Keeps them; best the one that is indexed into, though it need not be: `compact(secure=True)`
                forgets every key that names no document of the collection it is called on.

        Raises:
            InputError: If the namespace is no text.
        """
        super().__init__(namespace)
        self._ledger = collection.ledger(namespace)

    def create_schema(self) -> None:
        """Do nothing: the tables are there."""

    async def acreate_schema(self) -> None:
        """Do nothing: the tables are there."""

    def get_time(self) -> float:
        """Give the time in seconds since 1970, later than that of every record."""
        return self._ledger.now()

    async def aget_time(self) -> float:
        """Give the time as `get_time` does."""
        return await asyncio.to_thread(self.get_time)

    def update(
        self,
        keys: Sequence[str],
        *,
        group_ids: Sequence[str | None] | None = None,
        time_at_least: float | None = None,
    ) -> None:
        """Note keys as updated now, in one transaction; durable on return.

        Args:
            keys: New ones and known ones.
            group_ids: One for each key; None or none at all leaves known keys in their groups. (So a process that
                dies in `index` between its two updates of a key does not leave it without a source.)
            time_at_least: A time from `get_time`.

        Raises:
            InputError: If the numbers differ, or `time_at_least` lies in the future.
            StoreLockedError: If another process writes.
        """
        self._ledger.update(keys, group_ids or None, at_least=time_at_least)

    async def aupdate(
        self,
        keys: Sequence[str],
        *,
        group_ids: Sequence[str | None] | None = None,
        time_at_least: float | None = None,
    ) -> None:
        """Note keys as `update` does."""
        await asyncio.to_thread(self.update, keys, group_ids=group_ids, time_at_least=time_at_least)

    def exists(self, keys: Sequence[str]) -> list[bool]:
        """Tell for each key whether there is a record of it."""
        return self._ledger.exists(keys)

    async def aexists(self, keys: Sequence[str]) -> list[bool]:
        """Tell as `exists` does."""
        return await asyncio.to_thread(self.exists, keys)

    def list_keys(
        self,
        *,
        before: float | None = None,
        after: float | None = None,
        group_ids: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[str]:
        """Give the keys of records, by rising time, group by group where groups are named.

        Args:
            before: Only those updated earlier than this; None or 0 for no bound.
            after: Only those updated later than this; None or 0 for no bound.
            group_ids: Only those of these groups; None or none at all for every record.
            limit: At most this many; None or 0 for all.
        """
        return self._ledger.keys(before=before or None, after=after or None, groups=group_ids, limit=limit)

    async def alist_keys(
        self,
        *,
        before: float | None = None,
        after: float | None = None,
        group_ids: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[str]:
        """Give the keys as `list_keys` does."""
        return await asyncio.to_thread(self.list_keys, before=before, after=after, group_ids=group_ids, limit=limit)

    def delete_keys(self, keys: Sequence[str]) -> None:
        """Forget records in one transaction; one that is not there is no error.

        Raises:
            StoreLockedError: If another process writes.
        """
        self._ledger.delete(keys)

    async def adelete_keys(self, keys: Sequence[str]) -> None:
        """Forget records as `delete_keys` does."""
        await asyncio.to_thread(self.delete_keys, keys)
