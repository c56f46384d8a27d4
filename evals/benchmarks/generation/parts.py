"""What is measured: four parts, each with its rounds interleaved over the sides that are ready."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from evals.benchmarks.process import interleave
from evals.benchmarks.report import Column, Part, compare, median_row, number, versions_in
from evals.benchmarks.setup import OWN

if TYPE_CHECKING:
    from evals.benchmarks.generation.material import Material, Messages
    from evals.benchmarks.generation.session import Session
    from evals.benchmarks.measure import Outcome
    from evals.benchmarks.process import Done, Side

__all__ = ["CHAT", "PARTS", "PIPELINE", "RAW", "Bench", "Lengths", "Measurement"]

RAW, PIPELINE, CHAT = "generate", "HuggingFacePipeline", "ChatHuggingFace"
OVERHEAD_BAR, FIRST_BAR, CALLERS_BAR = 1.05, 8.0, 5.0
_PEERS = (RAW, PIPELINE, CHAT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """How much is said."""

    rounds: int = 3
    reply: int = 64
    """Tokens of one reply, where its speed is measured."""
    question: int = 64
    """Tokens of a lone question."""
    documents: int = 700
    """Tokens of the system prompt of a conversation."""
    turn_question: int = 24
    turn_reply: int = 48
    """Tokens of each turn."""
    turns: int = 10
    callers: int = 8
    callers_reply: int = 48
    keep: int = 16
    """Conversations whose prefixes compete for `prefix_mb`."""
    keep_tokens: int = 500


@dataclass(frozen=True, slots=True)
class Bench:
    """One run: who is ready, what is said, and how much of it."""

    sides: list[Side]
    sessions: Mapping[str, Session]
    material: Material
    lengths: Lengths
    about: str
    """Model and threads, in words."""
    prefix_mb: float
    """What the product may keep."""
    failures: Mapping[str, str]
    """Sides that could not be had."""

    def rounds(self, one_round: Callable[[Side, int], Outcome], what: str, names: tuple[str, ...] = ()) -> Done:
        """Interleave the sides that are ready, or those of them that are named."""
        sides = [side for side in self.sides if side.name in (names or (OWN, *_PEERS))]
        done = interleave(sides, self.lengths.rounds, one_round, what=what)
        return replace(done, failures={**self.failures, **done.failures})

    def part(self, done: Done, *, name: str, title: str, about: str, columns: list[Column], **more: object) -> Part:
        """Put together what all parts share."""
        outcomes = done.outcomes
        part = Part(
            name=name, title=title, about=f"{self.about} {about}", columns=columns,
            settings={side.name: side.setting for side in self.sides if side.name in outcomes},
            rows=[median_row(side, rounds) for side, rounds in outcomes.items()],
            failures=done.failures, versions=versions_in(outcomes), rounds=outcomes,
        )  # fmt: skip
        return replace(part, **more)  # type: ignore[arg-type]  # fields of Part by name


Measurement: TypeAlias = Callable[[Bench], Part]


def overhead(bench: Bench) -> Part:
    """Ask one question at a time: what the wrapper costs over `generate`."""
    asked = [bench.material.question(bench.lengths.question) for _ in range(bench.lengths.rounds)]

    def one_round(side: Side, number: int) -> Outcome:
        return bench.sessions[side.name].ask("reply", messages=asked[number], tokens=bench.lengths.reply)

    done = bench.rounds(one_round, "overhead")
    ratios = [
        *compare(done.outcomes, OWN, _PEERS, {"wall_s": "seconds of a reply", "cpu_s": "CPU seconds"}, more=False),
        *compare(done.outcomes, CHAT, [RAW], {"wall_s": "seconds of a reply"}, more=False),
    ]
    return bench.part(
        done,
        name="overhead",
        title="One reply over raw generate",
        about=f"Greedy replies of {bench.lengths.reply} tokens to a question of {bench.lengths.question} never asked "
        "before, one at a time; `generate` is given tokens and gives tokens, the others text for text.",
        columns=[Column("wall_s", "s", 3), Column("cpu_s", "CPU s", 3), Column("rate", "tokens/s", 1)],
        ratios=ratios,
        notes=[*_overhead_note(done), *_same_text(done)],
    )


def _overhead_note(done: Done) -> list[str]:
    """Give the overhead in per cent, round by round, against its bar."""
    if not {OWN, RAW} <= set(done.outcomes):
        return []
    pairs = list(zip(done.outcomes[OWN], done.outcomes[RAW], strict=False))
    said = []
    for key, word in (("wall_s", "seconds"), ("cpu_s", "CPU seconds")):
        each = [own.numbers[key] / raw.numbers[key] for own, raw in pairs]
        median = statistics.median(each)
        rounds = ", ".join(f"{100 * (one - 1):+.1f}" for one in each)
        said.append(f"{100 * (median - 1):+.1f} % in {word} (rounds {rounds})")
    within = statistics.median(own.numbers["wall_s"] / raw.numbers["wall_s"] for own, raw in pairs) < OVERHEAD_BAR
    return [f"Overhead over `generate`: {'; '.join(said)}; goal: below 5 % in seconds: {_verdict(within)}."]


def _same_text(done: Done) -> list[str]:
    """Say how often each side gave the very text of `generate`."""
    if RAW not in done.outcomes:
        return []
    true = [one.words["text"] for one in done.outcomes[RAW]]
    counts = {
        name: sum(one.words["text"].strip() == text.strip() for one, text in zip(rounds, true, strict=False))
        for name, rounds in done.outcomes.items()
        if name != RAW
    }
    said = ", ".join(f"{name} {count} of {len(true)}" for name, count in counts.items())
    return [f"Replies equal to those of `generate`, character by character: {said}."] if said else []


def first_token(bench: Bench) -> Part:
    """Hold a conversation and measure how soon its last turn begins."""
    lengths, material = bench.lengths, bench.material
    talks = []
    for _ in range(lengths.rounds):
        questions = [material.cut(lengths.turn_question) for _ in range(lengths.turns)]
        talks.append({"system": material.cut(lengths.documents), "questions": questions, "tokens": lengths.turn_reply})
    held: dict[int, Messages] = {}

    def one_round(side: Side, number: int) -> Outcome:
        if number not in held:  # its turns before the last are the product's own, just before anyone's clock starts
            held[number] = json.loads(bench.sessions[OWN].ask("talk", **talks[number]).words["messages"])
        return bench.sessions[side.name].ask("first", messages=held[number], tokens=8)

    done = bench.rounds(one_round, "first token")
    ratios = compare(done.outcomes, OWN, _PEERS, {"first_s": "first token"}, more=False)
    return bench.part(
        done,
        name="first-token",
        title=f"First token of turn {lengths.turns}",
        about=f"A system prompt of {lengths.documents} tokens, then {lengths.turns} questions of "
        f"{lengths.turn_question} and replies of {lengths.turn_reply}, another conversation in each round. The "
        "replies are the product's own, given back to it as text; the others keep nothing between calls, so that they "
        "are given the last turn only. Measured to the first text of a stream; `generate`: to its first token.",
        columns=[
            Column("first_s", "s", 3), Column("prompt_tokens", "prompt tokens", 0), Column("cached_tokens", "kept", 0)
        ],
        ratios=ratios,
        notes=[
            f"First token, {OWN} to {one.peer}: goal at least {FIRST_BAR:.0f}x: {_verdict(one.median >= FIRST_BAR)}."
            for one in ratios
        ],
    )  # fmt: skip


_WAYS = {
    OWN: {"threads": OWN, "batch": f"{OWN}, batch", "tasks": f"{OWN}, ainvoke"},
    RAW: {"in_turn": "generate, one after another", "threads": "generate, threads", "padded": "generate, one batch"},
    PIPELINE: {"threads": PIPELINE, "batch": f"{PIPELINE}, batch"},
    CHAT: {"threads": CHAT, "batch": f"{CHAT}, batch"},
}


def callers(bench: Bench) -> Part:
    """Let eight callers ask at once, in each way that a side offers."""
    lengths = bench.lengths
    asked = [
        [bench.material.question(lengths.question) for _ in range(lengths.callers)]
        for _ in range(lengths.rounds * len(_WAYS[OWN]))
    ]
    sides = {
        name: replace(side, name=name, options={"task": task, "of": side.name})
        for side in bench.sides
        if side.name in _WAYS
        for task, name in _WAYS[side.name].items()
    }

    def one_round(side: Side, number: int) -> Outcome:
        task, of = side.options["task"], side.options["of"]
        place = number * len(_WAYS[OWN]) + (list(_WAYS[OWN]).index(task) if of == OWN else 0)  # nothing is kept twice
        return bench.sessions[of].ask(task, conversations=asked[place], tokens=lengths.callers_reply)

    done = interleave(list(sides.values()), lengths.rounds, one_round, what="callers")
    done = replace(done, failures={**bench.failures, **done.failures})
    others = [name for side in _PEERS for name in _WAYS[side].values()]
    ratios = compare(done.outcomes, OWN, others, {"rate": "tokens/s of all callers"}, more=True)
    part = bench.part(
        done,
        name="callers",
        title=f"{lengths.callers} callers at once",
        about=f"{lengths.callers} threads, each with a question of {lengths.question} tokens of its own and a greedy "
        f"reply of {lengths.callers_reply}, start together; tokens of all of them over the time until the last is "
        "served. `batch` is the wrapper's own method for a list; `generate, one batch` is one padded call.",
        columns=[Column("rate", "tokens/s", 1), Column("wall_s", "s", 2), Column("cpu_s", "CPU s", 2)],
        ratios=ratios,
        notes=[
            f"{lengths.callers} callers, {OWN} to {one.peer}: goal at least {CALLERS_BAR:.0f}x: "
            f"{_verdict(one.median >= CALLERS_BAR)}."
            for one in ratios
            if one.peer in (PIPELINE, CHAT, "generate, one after another", "generate, threads")
        ],
    )
    return replace(part, settings={name: sides[name].setting for name in done.outcomes})


def memory(bench: Bench) -> Part:
    """Say far more than may be kept, and look at what is."""
    lengths = bench.lengths
    asked = [bench.material.question(lengths.keep_tokens) for _ in range(lengths.keep * lengths.rounds)]

    def one_round(side: Side, place: int) -> Outcome:
        told = asked[place * lengths.keep : (place + 1) * lengths.keep]
        found = bench.sessions[side.name].ask("hold", conversations=told, tokens=4)
        loaded = bench.sessions[side.name].loaded.numbers["loaded_mb"]
        return replace(found, numbers={**found.numbers, "loaded_mb": loaded})

    done = bench.rounds(one_round, "memory", (OWN,))
    worst = max((one.numbers["held_mb"] for one in done.outcomes.get(OWN, [])), default=float("nan"))
    peaks = ", ".join(
        f"{side.name} {number(max(bench.sessions[side.name].ask('peak').numbers['peak_rss_mb'], 0.0), 0)}"
        for side in bench.sides
    )
    return bench.part(
        done,
        name="memory",
        title="What kept prefixes hold",
        about=f"{lengths.keep} questions of {lengths.keep_tokens} tokens in each round, never the same twice; "
        f"{number(bench.prefix_mb, 0)} MB may be kept. `held` is the most that was kept at any moment between calls.",
        columns=[
            Column("held_mb", "held MB", 1), Column("loaded_mb", "RSS loaded", 0),
            Column("resident_half_mb", "RSS half way", 0), Column("resident_end_mb", "RSS at the end", 0),
        ],
        notes=[
            f"Never above what may be kept: {_verdict(worst <= bench.prefix_mb)} (most {number(worst, 1)} MB).",
            f"Peak resident MB of each process over the whole run: {peaks}.",
        ],
    )  # fmt: skip


def _verdict(met: bool) -> str:
    return "met" if met else "NOT met"


PARTS: dict[str, Measurement] = {
    "overhead": overhead, "first-token": first_token, "callers": callers, "memory": memory,
}  # fmt: skip
"""In the order of the report."""
