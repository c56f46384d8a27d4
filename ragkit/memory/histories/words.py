"""Search in what was said: which words stand in which message, and the messages that have most of a query's."""

from __future__ import annotations

import json
import math
import unicodedata
from typing import TYPE_CHECKING, Final

from ragkit.memory.histories.kept import kept_of
from ragkit.text.analyse import Analyser

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["ANALYSER", "find", "note_words", "renew_words", "terms_of", "words_are_known"]

ANALYSER: Final = Analyser(stop_words=frozenset())
"""Words in any language, stemmed as English ones; no word is left out, so that a query of common words finds too."""

_TERM_CHARS: Final = 64
_BLOCK_MESSAGES: Final = 64

# From the blocks of a session to its words, never the other way: what it costs does not depend on other users.
_BLOCKS: Final = """
WITH RECURSIVE blocks (session, block, last_block) AS (
    SELECT id, 0, last_block FROM sessions WHERE user_id = ?2 AND (?3 IS NULL OR session_id = ?3)
    UNION ALL SELECT session, block + 1, last_block FROM blocks WHERE block < last_block
)
"""
_COUNT: Final = f"""{_BLOCKS}
SELECT asked.value, count(*) FROM json_each(?1) AS asked CROSS JOIN blocks CROSS JOIN words
ON words.session = blocks.session AND words.block = blocks.block AND words.term = asked.value
GROUP BY asked.value
"""  # noqa: S608  # constants
_FIND: Final = f"""{_BLOCKS}
SELECT words.seq, sum(asked.value) AS score FROM json_each(?1) AS asked CROSS JOIN blocks CROSS JOIN words
ON words.session = blocks.session AND words.block = blocks.block AND words.term = asked.key
GROUP BY words.seq ORDER BY score DESC, words.seq DESC LIMIT ?4
"""  # noqa: S608  # constants
_MESSAGES: Final = """
SELECT coalesce(sum(messages), 0) FROM sessions WHERE user_id = ?1 AND (?2 IS NULL OR session_id = ?2)
"""


def terms_of(text: str) -> set[str]:
    """Give the terms under which a text is found.

    Those of `ANALYSER`; of its pairs of Chinese, Japanese, Korean, Thai … characters each one as well, so that a query
    of one character finds.
    """
    return set(_each_term(text))


def _each_term(text: str) -> Iterator[str]:
    for term in ANALYSER(text):
        yield term[:_TERM_CHARS]
        if len(term) == 2 and not term.isascii():
            yield from (sign for sign in term if unicodedata.category(sign) == "Lo")


def note_words(db: sqlite3.Connection, session: int, texts: Iterable[tuple[int, str]], *, before: int) -> None:
    """Keep the words of messages; the caller is in a transaction that writes.

    Args:
        db: The file.
        session: Its number.
        texts: Each message's number and text, in order.
        before: How many messages the session had before these.
    """
    block = 0
    for place, (seq, text) in enumerate(texts, start=before):
        block = place // _BLOCK_MESSAGES
        rows = ((session, block, term, seq) for term in sorted(terms_of(text)))
        db.executemany("INSERT INTO words VALUES (?, ?, ?, ?)", rows)
    db.execute("UPDATE sessions SET last_block = max(last_block, ?) WHERE id = ?", (block, session))


def words_are_known(db: sqlite3.Connection) -> bool:
    """Tell whether the words were made by `ANALYSER`, and not by that of another version."""
    return bool(db.execute("SELECT analyser FROM state").fetchone() == (ANALYSER.name,))


def renew_words(db: sqlite3.Connection) -> None:
    """Make all words anew; the caller is in a transaction that writes."""
    db.execute("DELETE FROM words")
    for (session,) in db.execute("SELECT id FROM sessions").fetchall():
        rows = db.execute("SELECT seq, at, crc, message FROM messages WHERE session = ? ORDER BY seq", (session,))
        note_words(db, session, ((kept.seq, kept.message.text) for kept in map(kept_of, rows)), before=0)
    db.execute("UPDATE state SET analyser = ?", (ANALYSER.name,))


def find(
    db: sqlite3.Connection, query: str, *, user_id: str, session_id: str | None, k: int
) -> list[tuple[int, float]]:
    """Give the messages with words of a query, as (seq, score), best first, at most `k`; ties: the newest first.

    The score is the sum of the weights of the query's terms that the message has, each
    ln(1 + (N - n + 0.5) / (n + 0.5)) for n of the N messages searched (Robertson & Spärck Jones 1976 as BM25 has it,
    with k1 = 0: a message is short, how often it says a word tells little). N and n are of this user alone.
    """
    # sums are taken in one order, so that equal terms give equal scores
    asked, about = sorted({term[:_TERM_CHARS] for term in ANALYSER(query)}), (user_id, session_id)
    (messages,) = db.execute(_MESSAGES, about).fetchone()
    counts = dict(db.execute(_COUNT, (json.dumps(asked), *about)))
    return [(seq, score) for seq, score in db.execute(_FIND, (json.dumps(_weights(counts, messages)), *about, k))]


def _weights(counts: Mapping[str, int], messages: int) -> dict[str, float]:
    return {term: math.log(1 + (messages - count + 0.5) / (count + 0.5)) for term, count in counts.items()}
