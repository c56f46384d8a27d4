"""Why an answer was withheld: the documented values of `Answer.reason`."""

from __future__ import annotations

__all__ = ["EMPTY_COLLECTION", "NOTHING_RETRIEVED", "NOT_IN_DOCUMENTS", "REASONS"]

EMPTY_COLLECTION = "empty_collection"
NOTHING_RETRIEVED = "nothing_retrieved"
NOT_IN_DOCUMENTS = "not_in_documents"

REASONS = {
    EMPTY_COLLECTION: "There are no documents in this collection yet.",
    NOTHING_RETRIEVED: "No document matches this question.",
    NOT_IN_DOCUMENTS: "These documents do not answer this question.",
}
"""Each reason with the sentence shown to a person."""
