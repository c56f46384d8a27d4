"""How often is English text called foreign, and how much foreign text is found?

    python -m evals.language [--data DIR]

Prints, per kind of text, how many were looked at and what share was called foreign: a mistake for the English rows (but
for the few that really hold another language), a find for the others.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ragkit.embed.language import foreign_language
from ragkit.settings import Settings

__all__ = ["main"]


def texts(data: Path) -> Iterator[tuple[str, list[str]]]:
    """Give each kind of text with its examples."""
    with gzip.open(data / "scifact/corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        yield "English abstracts (SciFact)", [json.loads(line)["text"] for line in file]
    with gzip.open(data / "wiki2024_hallurag/articles.jsonl.gz", "rt", encoding="utf-8") as file:
        yield "English articles (HalluRAG)", [json.loads(line)["content"] for line in islice(file, 8000)]
    for language, name in (("en", "English"), ("de", "German"), ("es", "Spanish")):
        articles = json.loads((data / f"xquad_en/xquad.{language}.json").read_text(encoding="utf-8"))["data"]
        paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
        yield f"{name} paragraphs (XQuAD)", [paragraph["context"] for paragraph in paragraphs]
        yield f"{name} questions (XQuAD)", [row["question"] for paragraph in paragraphs for row in paragraph["qas"]]


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description="Rates of the check that warns of text in another language.")
    parser.add_argument("--data", type=Path, default=Settings.from_environment().data)
    for kind, examples in texts(parser.parse_args().data):
        found = sum(foreign_language(text) is not None for text in examples)
        print(f"{kind:<30} {found:>5} of {len(examples):>5}  {found / len(examples):.4f}", flush=True)


if __name__ == "__main__":
    main()
