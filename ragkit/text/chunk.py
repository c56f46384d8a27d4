"""A document's text cut into chunks: exact slices that fit a model's window and respect the text's structure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from ragkit.errors import InputError
from ragkit.text.blocks import split_blocks
from ragkit.text.definitions import definitions
from ragkit.text.outline import outline
from ragkit.text.pieces import Piece, Ruler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ragkit.text.outline import Section

__all__ = ["Chunk", "chunk"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: the slice `text[start:end]`, never empty, without whitespace at its end."""

    start: int
    """First character."""
    end: int
    """One past the last character."""
    headings: tuple[str, ...] = ()
    """Titles of the headings above, outermost first, without one that the chunk itself begins with."""


def chunk(
    text: str,
    count: Callable[[str], int],
    *,
    max_tokens: int,
    overlap: int = 1,
    markdown: bool = True,
    syntax: str = "",
    context: Callable[[Sequence[str]], str] | None = None,
) -> list[Chunk]:
    r"""Cut `text` into chunks of at most `max_tokens`, in order of their starts.

    A chunk ends where a heading of the same or a higher level stands; it goes on into a section below its own only
    if that section fits as a whole. Within a section chunks are filled paragraph by paragraph, else sentence by
    sentence. Fenced code and tables are cut only if one alone is too long, then between lines; a sentence or line
    that alone is too long is cut at spaces, and within a word only if that word is too long.

    Every section that may fit as a whole is counted once, of the others every sentence and every chunk, so the cost
    is linear in the length of `text`.

    Args:
        text: Cleaned text (`ragkit.text.clean`), front matter removed.
        count: Tokens of a text, as the model counts them: any function that grows with its text. What it gives for
            the empty text (special tokens) is taken as paid once per chunk.
        max_tokens: The most that `count` may give for a chunk, at least 1.
        overlap: Whole sentences repeated from the chunk before in the same section, as many as fit beside the next
            new one; rows, code and headings are never repeated. 0 for none.
        markdown: Whether `text` is Markdown; plain text has no headings, tables or code.
        syntax: A key of `ragkit.text.syntax.SYNTAXES`; then `text` is cut as that, definitions are the headings, and
            `markdown` says nothing.
        context: What will be put before a chunk of these headings when it is embedded: its tokens are kept free, up
            to half of `max_tokens`. It is asked with the whole path of headings, the chunk's own included.

    Returns:
        Chunks that together hold every character of `text` that is no whitespace; none for a blank text.

    Raises:
        InputError: If `max_tokens` < 1, `overlap` < 0, or a single character counts more than there is room for.

    Example:
        >>> text = "# Cats\n\nCats sleep. Cats eat.\n\n# Dogs\n\nDogs bark."
        >>> for piece in chunk(text, lambda t: len(t.split()), max_tokens=4, overlap=0):
        ...     print(piece.headings, repr(text[piece.start : piece.end]))
        () '# Cats\n\nCats sleep.'
        ('Cats',) 'Cats eat.'
        () '# Dogs\n\nDogs bark.'
    """
    if max_tokens < 1:
        raise InputError(f"max_tokens must be at least 1, got {max_tokens}.")
    if overlap < 0:
        raise InputError(f"overlap must be at least 0, got {overlap}.")
    ruler = Ruler(text, count, count(""))
    runs = []
    sections = definitions(text, syntax) if syntax else outline(text, split_blocks(text, markdown=markdown))
    for section in sections:
        budget = max_tokens if context is None else _budget(section.path, ruler, max_tokens, context)
        runs.append(_run(section, budget, ruler))
    return [found for run in _merged(runs, ruler.overhead) for found in _chunks(run, ruler, overlap)]


class _Part(NamedTuple):
    """A section, and the most that a piece of it may count."""

    section: Section
    budget: int
    pieces: list[Piece]
    """Empty while it was only measured as a whole."""

    def cut(self, ruler: Ruler) -> list[Piece]:
        return self.pieces or ruler.pieces(self.section, self.budget)


@dataclass(slots=True)
class _Run:
    """What chunks are packed from: one section, or sections that may share a chunk."""

    level: int
    """Level of the last heading in it."""
    budget: int
    """Tokens that a chunk of it may count."""
    parts: list[_Part]
    cost: int
    """Tokens it adds to a chunk."""

    @property
    def is_bare(self) -> bool:
        return all(block.kind == "heading" for part in self.parts for block in part.section.blocks)


def _run(section: Section, budget: int, ruler: Ruler) -> _Run:
    """Measure a section: as a whole if it may fit in a chunk, which saves counting its sentences."""
    cost = ruler.whole(section, budget)
    pieces = ruler.pieces(section, budget) if cost is None else []
    cost = sum(piece.cost for piece in pieces) if cost is None else cost
    return _Run(section.level, budget, [_Part(section, budget, pieces)], cost)


def _chunks(run: _Run, ruler: Ruler, overlap: int) -> list[Chunk]:
    """Cut a run, or leave it whole where it fits."""
    first, last = run.parts[0].section, run.parts[-1].section
    start, end = first.blocks[0].start, last.blocks[-1].end
    may_fit = run.cost + ruler.overhead <= run.budget and not any(part.pieces for part in run.parts)
    if may_fit and (len(run.parts) == 1 or ruler.fits(start, end, run.budget)):
        return [Chunk(start, end, first.above if first.blocks[0].kind == "heading" else first.path)]
    pieces = [piece for part in run.parts for piece in part.cut(ruler)]
    return [
        Chunk(pieces[begin].start, pieces[after - 1].end, pieces[begin].headings)
        for begin, after in _pack(pieces, run.budget, ruler, overlap)
    ]


def _budget(path: Sequence[str], ruler: Ruler, max_tokens: int, context: Callable[[Sequence[str]], str]) -> int:
    before = context(path)
    taken = ruler.count(before + "\n") - ruler.overhead if before else 0
    return max(max_tokens - taken, max_tokens // 2, 1)


def _merged(runs: list[_Run], overhead: int) -> Iterator[_Run]:
    """Join a section to the one before when it is deeper and both fit in one chunk, or that one is headings only."""
    open_run: _Run | None = None
    room = 0
    for run in runs:
        if open_run is not None and run.level > open_run.level and (open_run.is_bare or run.cost <= room):
            budget, cost = min(run.budget, open_run.budget), open_run.cost + run.cost
            open_run = _Run(run.level, budget, open_run.parts + run.parts, cost)
            room = open_run.budget - overhead - open_run.cost
            continue
        if open_run is not None:
            yield open_run
        open_run, room = run, run.budget - overhead - run.cost
    if open_run is not None:
        yield open_run


def _pack(pieces: list[Piece], budget: int, ruler: Ruler, overlap: int) -> Iterator[tuple[int, int]]:
    """Give chunks as ranges of piece numbers `(first, after)`: each begins where the one before ended, or overlaps."""
    block_ends = _block_ends(pieces)
    costs = [0, *accumulate(piece.cost for piece in pieces)]  # so that costs[b] - costs[a] is the cost of a to b
    first = new = 0
    while new < len(pieces):
        after = _fill(pieces, costs, block_ends, first, new, budget - ruler.overhead)
        # The sum of the parts is an estimate of the whole, which only `count` itself knows.
        while after - first > 1 and not ruler.fits(pieces[first].start, pieces[after - 1].end, budget):
            if after > new + 1:
                after -= 1
            else:
                first += 1
        yield first, after
        first = _overlap(pieces, costs, first, after, overlap, budget - ruler.overhead)
        new = after


def _block_ends(pieces: list[Piece]) -> list[int]:
    """Give for each piece the number of the first piece of a later block."""
    ends = [len(pieces)] * len(pieces)
    for i in range(len(pieces) - 2, -1, -1):
        ends[i] = ends[i + 1] if pieces[i].block == pieces[i + 1].block else i + 1
    return ends


def _fill(pieces: list[Piece], costs: list[int], block_ends: list[int], first: int, new: int, room: int) -> int:
    """Give the end of a chunk that begins at piece `first` and must hold piece `new`.

    Whole blocks are taken while they fit. One that does not is begun only if the chunk would stay half empty
    without it, if the chunk would end with a heading, or if it would not fit in a chunk of its own either.
    """
    after = new
    while after < len(block_ends):
        end = block_ends[after]
        if costs[end] - costs[first] <= room:
            after = end
            continue
        half_full = 2 * (costs[after] - costs[first]) >= room
        if after > new and half_full and pieces[after - 1].kind != "heading" and costs[end] - costs[after] <= room:
            break
        while after < end and (after == new or costs[after + 1] - costs[first] <= room):
            after += 1
        break
    return after


def _overlap(pieces: list[Piece], costs: list[int], first: int, after: int, overlap: int, room: int) -> int:
    """Give where the chunk after `(first, after)` begins: at `after`, or up to `overlap` sentences before it."""
    begin = after
    if after == len(pieces) or pieces[after].kind == "heading":
        return begin
    while (
        after - begin < overlap
        and begin - 1 > first
        and pieces[begin - 1].kind == "sentence"
        and costs[after + 1] - costs[begin - 1] <= room
    ):
        begin -= 1
    return begin
