"""A test collection for retrieval, whatever the layout of its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ragkit.errors import InputError, LoadError
from ragkit.evaluate.data import beir, msmarco
from ragkit.evaluate.data.collection import Passage, RetrievalData, only_present

__all__ = ["Passage", "RetrievalData", "load_retrieval", "only_present", "splits"]


def load_retrieval(folder: Path, *, split: str = "test", text: Literal["raw", "repaired"] = "raw") -> RetrievalData:
    """Open a folder in one of the usual layouts; queries and judgments are read, passages streamed when asked for.

    - BEIR: `corpus.jsonl`, `queries.jsonl`, `qrels/<split>.tsv`
    - MS MARCO: `collection*.tsv`, `queries.<split>.tsv`, `qrels.<split>.tsv`; splits `dev.small`, `dev`, `train`,
      and `dl19`, `dl20` under the names of TREC, Anserini or this project
    - three files: `corpus.tsv` (id TAB text), `queries.tsv`, `qrels.txt` or `qrels.tsv`
    - MTRAG: as BEIR with `<name>_lastturn.jsonl` ...; the splits are `lastturn`, `rewrite` and `questions`

    Every file may be packed (`.gz`, `.bz2`, `.xz`).

    Args:
        folder: The folder.
        split: Which queries and judgments.
        text: Of MS MARCO only: `raw` is the text as released, on which published numbers stand; `repaired` undoes
            UTF-8 that was decoded twice (`repair_encoding`). `facts["text"]` says which it is.

    Raises:
        InputError: If the text is neither, or is to be repaired in another set than MS MARCO.
        LoadError: If a file is missing (the message says which splits there are), a line is wrong, or a judged query
            has no text.
    """
    if not folder.is_dir():
        raise LoadError(str(folder), "there is no such folder.")
    if text not in {"raw", "repaired"}:
        raise InputError(f"text must be raw or repaired, got {text!r}.")
    if msmarco.is_collection(folder):
        return msmarco.open_folder(folder, split, text)
    if (archive := folder / "collectionandqueries.tar.gz").is_file():
        raise LoadError(str(archive), "holds the collection, packed: unpack it first with `tar xzf`.")
    if text == "repaired":
        raise InputError(f"{folder} is not in the files of MS MARCO, whose text alone is repaired: leave out `text`.")
    return beir.open_folder(folder, split)


def splits(folder: Path) -> list[str]:
    """Give the splits of a folder that `load_retrieval` can open, the usual ones first; empty if there are none."""
    return msmarco.splits(folder) if msmarco.is_collection(folder) else beir.splits(folder)
