from __future__ import annotations

import asyncio
import random
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import pytest

pytest.importorskip("torch", reason="the models are built with it")
pytest.importorskip("transformers", reason="the models are built with it")

import torch

from ragkit.errors import InputError, ModelError
from ragkit.models.local.engines.batching import BatchingEngine
from ragkit.models.local.engines.decoder import TorchDecoder
from ragkit.models.local.engines.keyvalues import SequenceCache
from ragkit.models.local.generation import Request, Sampling

Prompt = Callable[[int, int], list[int]]
Reference = Callable[..., list[int]]
EngineOf = Callable[..., BatchingEngine]


class Counted:
    """The key-values of `Counting`: a number."""

    def __init__(self, length: int = 0) -> None:
        self.length = length

    @property
    def nbytes(self) -> int:
        return 100 * self.length


class Counting:
    """A decoder whose next token is always the last one plus 1; it notes each pass, may be held, and may fail."""

    vocabulary = 1000

    def __init__(self) -> None:
        self.passes: list[list[list[int]]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Semaphore(0)
        self.fails_on: Callable[[list[list[int]]], BaseException | None] = lambda _: None

    def empty(self, room: int) -> Counted:
        return Counted()

    def fork(self, kept: Counted, length: int, room: int) -> Counted:
        assert 1 <= length <= kept.length
        return Counted(length)

    def forward(self, rows: Sequence[Counted], tokens: Sequence[Sequence[int]]) -> Any:
        pieces = [list(piece) for piece in tokens]
        self.passes.append(pieces)
        self.arrived.release()
        self.gate.wait(60)
        if error := self.fails_on(pieces):
            raise error
        logits = torch.zeros(len(rows), self.vocabulary)
        for place, (row, piece) in enumerate(zip(rows, pieces, strict=True)):
            row.length += len(piece)
            logits[place, (piece[-1] + 1) % self.vocabulary] = 5.0
        return logits


def ended(engine: BatchingEngine) -> bool:
    """Wait for the thread to end by itself; False if it does not within 60 s."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not any(thread.name == "ragkit-generation" for thread in threading.enumerate()):
            return True
        time.sleep(0.001)
    return False


def test_it_stops_at_an_end_token_and_does_not_give_it(engine_of: EngineOf) -> None:
    generation = engine_of(Counting(), end_tokens=[14]).start(Request(prompt=[10], max_tokens=50))
    assert list(generation) == [11, 12, 13]
    assert generation.finish_reason == "stop"


def test_it_stops_at_max_tokens(engine_of: EngineOf) -> None:
    generation = engine_of(Counting(), end_tokens=[14]).start(Request(prompt=[10], max_tokens=3))
    assert list(generation) == [11, 12, 13]
    assert generation.finish_reason == "length"


async def test_event_loops_read_the_same(engine_of: EngineOf) -> None:
    engine = engine_of(Counting())

    async def read(start: int) -> list[int]:
        return [token async for token in engine.start(Request(prompt=[start], max_tokens=20))]

    assert await asyncio.gather(read(10), read(200)) == [list(range(11, 31)), list(range(201, 221))]


def test_the_thread_lives_only_while_there_is_work(engine_of: EngineOf) -> None:
    engine = engine_of(Counting())
    for _ in range(3):
        assert ended(engine)
        list(engine.start(Request(prompt=[1], max_tokens=2)))
    assert ended(engine)


def test_running_streams_get_a_token_in_each_pass_beside_pieces_of_a_long_prompt(engine_of: EngineOf) -> None:
    decoder = Counting()
    engine = engine_of(decoder)
    decoder.gate.clear()
    stream = engine.start(Request(prompt=[10], max_tokens=6))
    assert decoder.arrived.acquire(timeout=60)
    long = engine.start(Request(prompt=[500, *[7] * 699], max_tokens=1))
    decoder.gate.set()
    assert list(stream) == [11, 12, 13, 14, 15, 16]
    assert list(long) == [8]
    sizes = [[len(piece) for piece in pieces] for pieces in decoder.passes]
    assert sizes == [[1], [1, 256], [1, 256], [1, 188], [1], [1]]


def test_a_prompt_beyond_the_largest_piece_is_computed_in_several(engine_of: EngineOf) -> None:
    decoder = Counting()
    list(engine_of(decoder).start(Request(prompt=[3] * 5000, max_tokens=1)))
    assert [[len(piece) for piece in pieces] for pieces in decoder.passes] == [[2048], [2048], [904]]


def test_a_ninth_caller_waits_for_the_first_to_leave(engine_of: EngineOf) -> None:
    decoder = Counting()
    engine = engine_of(decoder, prefix_bytes=0)
    decoder.gate.clear()
    generations = [engine.start(Request(prompt=[100 * place], max_tokens=3 + place)) for place in range(9)]
    decoder.gate.set()
    assert [next(iter(generation)) for generation in generations] == [100 * place + 1 for place in range(9)]
    first_pass_of_ninth = next(at for at, pieces in enumerate(decoder.passes) if [800] in pieces)
    assert max(len(pieces) for pieces in decoder.passes) == 8
    assert first_pass_of_ninth >= 3


def test_waiting_callers_are_served_in_order(engine_of: EngineOf) -> None:
    decoder = Counting()
    engine = engine_of(decoder, max_batch=1, prefix_bytes=0)
    decoder.gate.clear()
    generations = [engine.start(Request(prompt=[100 * place], max_tokens=1)) for place in range(5)]
    decoder.gate.set()
    for generation in generations:
        list(generation)
    assert decoder.passes == [[[0]], [[100]], [[200]], [[300]], [[400]]]


def test_callers_with_the_same_beginning_wait_for_it_to_be_computed_once(engine_of: EngineOf) -> None:
    decoder = Counting()
    engine = engine_of(decoder)
    decoder.gate.clear()
    blocker = engine.start(Request(prompt=[1], max_tokens=1))
    assert decoder.arrived.acquire(timeout=60)
    shared = [5] * 300
    generations = [engine.start(Request(prompt=[*shared, 10 * place], max_tokens=1)) for place in range(1, 4)]
    decoder.gate.set()
    assert [list(generation) for generation in (blocker, *generations)] == [[2], [11], [21], [31]]
    assert [generation.cached_tokens for generation in generations] == [0, 300, 300]
    assert [[len(piece) for piece in pieces] for pieces in decoder.passes] == [[1], [301], [1, 1]]


def test_the_next_turn_computes_only_what_is_new(engine_of: EngineOf) -> None:
    decoder = Counting()
    engine = engine_of(decoder)
    assert list(engine.start(Request(prompt=[10, 20], max_tokens=3))) == [21, 22, 23]
    second = engine.start(Request(prompt=[10, 20, 21, 22, 23, 50], max_tokens=1))
    assert list(second) == [51]
    assert second.cached_tokens == 4  # the last token of a reply is chosen, but never computed
    assert decoder.passes[-1] == [[23, 50]]
    assert ended(engine)
    assert len(engine.prefixes) == 1


def test_the_same_prompt_again_computes_its_last_token_only(engine_of: EngineOf) -> None:
    decoder = Counting()
    engine = engine_of(decoder)
    for _ in range(2):
        generation = engine.start(Request(prompt=[10, 20, 30], max_tokens=2))
        assert list(generation) == [31, 32]
    assert generation.cached_tokens == 2
    assert decoder.passes[-2] == [[30]]
    assert ended(engine)
    assert engine.prefixes.nbytes == 400


def test_kept_bytes_stay_within_their_bound(engine_of: EngineOf) -> None:
    engine = engine_of(Counting(), prefix_bytes=1000)
    for start in range(0, 500, 20):
        list(engine.start(Request(prompt=[start, start + 1], max_tokens=3)))
        assert engine.prefixes.nbytes <= 1000
    assert ended(engine)
    assert len(engine.prefixes) == 2


def test_no_bytes_keep_nothing(engine_of: EngineOf) -> None:
    engine = engine_of(Counting(), prefix_bytes=0)
    for _ in range(2):
        generation = engine.start(Request(prompt=[1, 2], max_tokens=2))
        list(generation)
        assert ended(engine)
    assert (generation.cached_tokens, len(engine.prefixes)) == (0, 0)


def test_an_error_reaches_all_of_its_pass_and_nobody_else(engine_of: EngineOf) -> None:
    decoder = Counting()
    decoder.fails_on = lambda pieces: ValueError("bad weights") if [666] in pieces else None
    engine = engine_of(decoder, max_batch=2)
    decoder.gate.clear()
    doomed = [engine.start(Request(prompt=[start], max_tokens=30)) for start in (10, 666)]
    waiting = engine.start(Request(prompt=[30], max_tokens=3))
    decoder.gate.set()
    with pytest.raises(ModelError, match="The model failed while generating: ValueError: bad weights"):
        list(doomed[1])
    assert list(waiting) == [31, 32, 33]
    assert list(engine.start(Request(prompt=[40], max_tokens=1))) == [41]
    assert ended(engine)


def test_a_caller_for_whom_there_is_no_memory_fails_alone(engine_of: EngineOf) -> None:
    class Full(Counting):
        def empty(self, room: int) -> Counted:
            if room > 5000:
                raise MemoryError(f"no room for {room} tokens")
            return super().empty(room)

    engine = engine_of(Full())
    with pytest.raises(ModelError, match="MemoryError: no room for 10189 tokens"):
        list(engine.start(Request(prompt=[3] * 9000, max_tokens=10**6)))
    assert list(engine.start(Request(prompt=[3], max_tokens=1))) == [4]


def test_an_error_in_the_middle_comes_after_the_tokens_before_it(engine_of: EngineOf) -> None:
    decoder = Counting()
    decoder.fails_on = lambda pieces: RuntimeError("out of memory") if [13] in pieces else None
    generation = engine_of(decoder).start(Request(prompt=[10], max_tokens=30))
    seen: list[int] = []
    with pytest.raises(ModelError, match="RuntimeError: out of memory"):
        seen.extend(generation)
    assert seen == [11, 12, 13]
    assert generation.finish_reason is None


def test_a_caller_whose_constraint_fails_fails_alone(engine_of: EngineOf) -> None:
    class Broken:
        done = False

        def mask(self, logits: Any) -> None:
            raise KeyError("grammar")

        def accept(self, token: int) -> None:
            raise NotImplementedError

    decoder = Counting()
    engine = engine_of(decoder)
    decoder.gate.clear()
    fine = engine.start(Request(prompt=[10], max_tokens=4))
    broken = engine.start(Request(prompt=[20], max_tokens=4, constraint=Broken()))
    decoder.gate.set()
    assert list(fine) == [11, 12, 13, 14]
    with pytest.raises(ModelError, match="KeyError: 'grammar'"):
        list(broken)


def test_a_constraint_that_is_done_ends_the_turn(engine_of: EngineOf) -> None:
    class Three:
        def __init__(self) -> None:
            self.accepted: list[int] = []

        def mask(self, logits: Any) -> None:
            logits[11] = -torch.inf

        def accept(self, token: int) -> None:
            self.accepted.append(token)

        @property
        def done(self) -> bool:
            return len(self.accepted) == 3

    constraint = Three()
    generation = engine_of(Counting()).start(Request(prompt=[10], max_tokens=3, constraint=constraint))
    assert list(generation) == [0, 1, 2]
    assert constraint.accepted == [0, 1, 2]
    assert generation.finish_reason == "stop"


def test_nan_is_an_error_instead_of_a_token(engine_of: EngineOf) -> None:
    class Overflowing(Counting):
        def forward(self, rows: Sequence[Counted], tokens: Sequence[Sequence[int]]) -> Any:
            return super().forward(rows, tokens) * torch.nan

    with pytest.raises(ModelError, match="best score is nan"):
        list(engine_of(Overflowing()).start(Request(prompt=[1], max_tokens=1)))


def test_cancelling_leaves_at_the_next_step_and_lets_the_others_be(engine_of: EngineOf) -> None:
    decoder = Counting()
    engine = engine_of(decoder)
    gone, stays = (engine.start(Request(prompt=[start], max_tokens=count)) for start, count in ((10, 10**9), (500, 40)))
    assert list(islice(gone, 2)) == [11, 12]
    gone.cancel()
    assert list(stays) == list(range(501, 541))
    assert ended(engine)
    assert gone.finish_reason is None
    assert list(gone) == []


def test_a_caller_cancelled_while_waiting_never_starts(engine_of: EngineOf) -> None:
    decoder = Counting()
    engine = engine_of(decoder, max_batch=1)
    decoder.gate.clear()
    first, second = (engine.start(Request(prompt=[start], max_tokens=2)) for start in (10, 20))
    second.cancel()
    assert list(second) == []
    decoder.gate.set()
    assert list(first) == [11, 12]
    assert ended(engine)
    assert [20] not in [piece for pieces in decoder.passes for piece in pieces]


def test_a_cancelled_prompt_stops_between_its_pieces(engine_of: EngineOf) -> None:
    decoder = Counting()
    engine = engine_of(decoder)
    decoder.gate.clear()
    generation = engine.start(Request(prompt=[3] * 10_000, max_tokens=1))
    assert decoder.arrived.acquire(timeout=60)
    generation.cancel()
    decoder.gate.set()
    assert ended(engine)
    assert len(decoder.passes) == 1


def test_a_generation_that_nobody_holds_is_cancelled(engine_of: EngineOf) -> None:
    engine = engine_of(Counting())
    generation = engine.start(Request(prompt=[1], max_tokens=10**9))
    assert next(iter(generation)) == 2
    del generation
    assert ended(engine)


def test_generations_cancelled_midway_leave_no_thread_and_no_growing_memory(engine_of: EngineOf) -> None:
    engine = engine_of(Counting(), prefix_bytes=5000)
    for start in range(100):
        generation = engine.start(Request(prompt=[start], max_tokens=10**9))
        next(iter(generation))
        generation.cancel()
        assert engine.prefixes.nbytes <= 5000
    assert ended(engine)
    assert engine.prefixes.nbytes <= 5000


def test_closing_cancels_waits_and_frees(engine_of: EngineOf) -> None:
    decoder = Counting()
    engine = engine_of(decoder, max_batch=1)
    list(engine.start(Request(prompt=[1, 2, 3], max_tokens=3)))
    running, waiting = (engine.start(Request(prompt=[start], max_tokens=10**9)) for start in (10, 20))
    next(iter(running))
    engine.close()
    engine.close()
    assert not any(thread.name == "ragkit-generation" for thread in threading.enumerate())
    assert (list(running), list(waiting), engine.prefixes.nbytes) == ([], [], 0)
    with pytest.raises(ModelError, match="This model was closed: make a new one"):
        engine.start(Request(prompt=[1], max_tokens=1))


def test_a_decoder_that_exits_fails_those_of_its_pass_and_the_next_caller_is_served(engine_of: EngineOf) -> None:
    decoder = Counting()
    decoder.fails_on = lambda pieces: SystemExit() if [13] in pieces else None
    engine = engine_of(decoder)
    with pytest.raises(ModelError, match="failed while generating: SystemExit"):
        list(engine.start(Request(prompt=[10], max_tokens=9)))
    assert list(engine.start(Request(prompt=[50], max_tokens=1))) == [51]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Request(prompt=[], max_tokens=1), "The prompt is empty"),
        (Request(prompt=[1], max_tokens=0), "max_tokens must be at least 1, got 0"),
        (Request(prompt=[5, 1000], max_tokens=1), "token ids from 5 to 1000, but the model knows 0 to 999"),
        (Request(prompt=[-1], max_tokens=1), "token ids from -1 to -1"),
    ],
)
def test_what_cannot_be_computed_is_refused_before_it_joins(request_: Request, said: str, engine_of: EngineOf) -> None:
    with pytest.raises(InputError, match=said):
        engine_of(Counting()).start(request_)


def test_a_batch_of_nobody_is_refused() -> None:
    with pytest.raises(InputError, match="max_batch must be at least 1, got 0"):
        BatchingEngine(Counting(), end_tokens=(), context_tokens=None, max_batch=0)


def test_it_says_what_the_model_can_hold(engine_of: EngineOf) -> None:
    assert engine_of(Counting(), context_tokens=77).context_tokens == 77


def test_a_seeded_caller_gets_the_same_tokens_whoever_shares_the_batch(
    llama: Any, prompt_of: Prompt, engine_of: EngineOf
) -> None:
    sampling = Sampling(temperature=1.3, top_p=0.95, top_k=40, repetition_penalty=1.1, seed=11)
    request = Request(prompt=prompt_of(12, 0), max_tokens=25, sampling=sampling)
    alone = list(engine_of(llama).start(request))
    engine = engine_of(llama)
    others = [
        engine.start(
            Request(prompt=prompt_of(5 + place, place), max_tokens=9 + place, sampling=Sampling(temperature=1))
        )
        for place in range(1, 5)
    ]
    beside = engine.start(request)
    assert list(beside) == alone
    assert all(list(other) for other in others)


def test_the_penalty_gives_the_tokens_of_generate(
    llama: Any, prompt_of: Prompt, reference: Reference, engine_of: EngineOf
) -> None:
    prompt = prompt_of(15, 3)
    penalised = list(
        engine_of(llama).start(Request(prompt=prompt, max_tokens=20, sampling=Sampling(repetition_penalty=1.3)))
    )
    assert penalised == reference(llama, prompt, 20, repetition_penalty=1.3)
    assert penalised != reference(llama, prompt, 20)


def test_what_is_kept_gives_the_tokens_of_computing_anew_when_conversations_share_their_beginning(
    llama: Any, prompt_of: Prompt, reference: Reference, engine_of: EngineOf
) -> None:
    engine = engine_of(llama)
    for question in range(4):
        prompt = [*prompt_of(60, 9), *prompt_of(8, question)]
        generation = engine.start(Request(prompt=prompt, max_tokens=10))
        assert list(generation) == reference(llama, prompt, 10)
        assert generation.cached_tokens == (60 if question else 0)


def test_kept_bytes_are_those_of_the_rows_kept(llama: Any, prompt_of: Prompt, engine_of: EngineOf) -> None:
    engine = engine_of(llama, prefix_bytes=200_000)
    for seed in range(12):
        list(engine.start(Request(prompt=prompt_of(40, seed), max_tokens=5)))
        assert ended(engine)
    per_token = 2 * 2 * 2 * 8 * 4  # keys and values, layers, heads, dimensions, bytes
    assert engine.prefixes.nbytes == len(engine.prefixes) * (40 + 5) * per_token <= 200_000


def test_many_threads_share_one_engine(llama: Any, prompt_of: Prompt, reference: Reference) -> None:
    engine = BatchingEngine(TorchDecoder(llama), end_tokens=(), context_tokens=256, max_batch=4)
    found: dict[int, list[int]] = {}

    def ask(seed: int) -> None:
        found[seed] = list(engine.start(Request(prompt=prompt_of(3 + seed, seed), max_tokens=8)))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {seed: reference(llama, prompt_of(3 + seed, seed), 8) for seed in range(10)}


def test_generations_cancelled_midway_free_their_key_values(llama: Any, prompt_of: Prompt, engine_of: EngineOf) -> None:
    class Watched(TorchDecoder):
        def empty(self, room: int) -> SequenceCache:
            row = super().empty(room)
            made.append(weakref.ref(row))
            return row

    made: list[weakref.ref[SequenceCache]] = []
    engine = engine_of(Watched(llama), prefix_bytes=0)
    for seed in range(100):
        generation = engine.start(Request(prompt=prompt_of(6, seed), max_tokens=10**6))
        next(iter(generation))
        generation.cancel()
    assert ended(engine)
    assert len(made) > 0
    assert [row for row in made if row() is not None] == []


class Remembering(Counting):
    """A decoder whose next token depends on every token before it, in their order."""

    class Row(Counted):
        def __init__(self, tokens: Sequence[int] = ()) -> None:
            self.tokens = list(tokens)

        @property
        def length(self) -> int:  # type: ignore[override]
            return len(self.tokens)

    def empty(self, room: int) -> Counted:
        return self.Row()

    def fork(self, kept: Any, length: int, room: int) -> Counted:
        assert 1 <= length <= kept.length
        return self.Row(kept.tokens[:length])

    def forward(self, rows: Sequence[Any], tokens: Sequence[Sequence[int]]) -> Any:
        assert len({id(row) for row in rows}) == len(rows)
        logits = torch.zeros(len(rows), self.vocabulary)
        for place, (row, piece) in enumerate(zip(rows, tokens, strict=True)):
            row.tokens.extend(piece)
            logits[place, self.after(row.tokens)] = 5.0
        return logits

    @classmethod
    def after(cls, tokens: Sequence[int]) -> int:
        return zlib.crc32(repr(list(tokens)).encode()) % 7

    @classmethod
    def reply(cls, prompt: Sequence[int], count: int) -> list[int]:
        tokens = list(prompt)
        for _ in range(count):
            tokens.append(cls.after(tokens))
        return tokens[len(prompt) :]


@pytest.mark.parametrize("prefix_bytes", [0, 30_000, 1 << 30])
def test_whatever_is_shared_kept_taken_or_cancelled_nobody_gets_what_another_one_wrote(
    prefix_bytes: int, engine_of: EngineOf
) -> None:
    draw = random.Random(prefix_bytes)
    decoder = Remembering()
    engine = engine_of(decoder, max_batch=3, prefix_bytes=prefix_bytes)
    texts = [[draw.randrange(7) for _ in range(draw.randrange(1, 200))] for _ in range(4)]
    started = []
    for _ in range(300):
        text = draw.choice(texts)
        prompt = [*text[: draw.randrange(1, len(text) + 1)], *(draw.randrange(7) for _ in range(draw.randrange(3)))]
        count = draw.randrange(1, 12)
        started.append((prompt, count, engine.start(Request(prompt=prompt, max_tokens=count)), []))
        texts[draw.randrange(4)] = [*prompt, *Remembering.reply(prompt, draw.randrange(count + 1))]  # goes on later
        if draw.random() < 0.2:
            draw.choice(started)[2].cancel()
        if draw.random() < 0.1:
            _, _, generation, tokens = draw.choice(started)
            tokens.extend(generation)
    whole = 0
    for prompt, count, generation, tokens in started:
        tokens.extend(generation)
        expected = Remembering.reply(prompt, count)
        assert tokens == expected[: len(tokens)]
        whole += tokens == expected
    assert whole > 200
    assert prefix_bytes == 0 or sum(generation.cached_tokens for _, _, generation, _ in started) > 0
    assert engine.prefixes.nbytes <= prefix_bytes


def test_callers_that_come_and_go_in_any_order_get_the_tokens_of_generate(
    llama: Any, prompt_of: Prompt, reference: Reference, engine_of: EngineOf
) -> None:
    draw = random.Random(5)
    engine = engine_of(llama, max_batch=3, prefix_bytes=40_000)
    started = []
    for seed in range(1, 13):
        text = prompt_of(80, 0)[: draw.randrange(81)] + prompt_of(draw.randrange(1, 60), seed)
        generation = engine.start(Request(prompt=text, max_tokens=draw.randrange(1, 15)))
        started.append((text, generation))
        if draw.random() < 0.2:
            draw.choice(started)[1].cancel()
    for text, generation in started:
        tokens = list(generation)
        if generation.finish_reason is not None:
            assert tokens == reference(llama, text, len(tokens))
    assert engine.prefixes.nbytes <= 40_000
    assert sum(generation.finish_reason is not None for _, generation in started) > 5
