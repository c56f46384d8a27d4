"""OpenVINO: no torch, starts in a fraction of a second, bf16 where the processor has it."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ragkit.embed.engines.graph import Graph, build_graph
from ragkit.embed.engines.runtime import ov
from ragkit.errors import ModelFilesError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ragkit.embed.engines.engine import Batch, Job
    from ragkit.embed.layout import ModelLayout
    from ragkit.encoder import Vectors

__all__ = ["OpenVinoEngine", "has_bf16"]


def has_bf16() -> bool:
    """Say whether this processor multiplies bf16 (AMX, AVX512-BF16), so that bf16 is the faster precision."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@dataclass(slots=True)
class _Compiled:
    """A graph compiled for one job, and its idle requests: each serves one batch of one caller at a time."""

    model: Any  # Any: openvino ships no types
    streams: int
    vocabulary: int
    idle: deque[Any] = field(default_factory=deque)

    def start(self, batch: Batch) -> Any:
        if (token := int(batch.ids.max())) >= self.vocabulary:
            raise ModelFilesError(
                f"the tokenizer gave token {token}, the weights know {self.vocabulary}: "
                "tokenizer.json and model.safetensors are of different models; fetch both again."
            )
        try:
            request = self.idle.popleft()
        except IndexError:
            request = self.model.create_infer_request()
        request.start_async({"ids": batch.ids, "mask": batch.mask}, share_inputs=True)
        return request

    def finish(self, request: Any) -> Vectors:
        request.wait()
        vectors: Vectors = np.array(request.get_output_tensor(0).data, dtype=np.float32)
        self.idle.append(request)
        return vectors


class OpenVinoEngine:
    """The model as a graph over its mapped weights.

    Compiled at first use: for a query with all threads on one batch; for bulk with several batches at once, which
    keeps its rate better when other processes want the cores too.
    """

    def __init__(self, layout: ModelLayout, *, precision: Literal["bf16", "f32"], threads: int | None = None) -> None:
        self._layout = layout
        self._precision = precision
        self._threads = threads
        self._lock = threading.Lock()
        self._graph: Graph | None = None
        self._compiled: dict[Job, _Compiled] = {}

    @property
    def name(self) -> str:
        """`openvino-bf16` or `openvino-f32`."""
        return f"openvino-{self._precision}"

    def run(self, batches: Iterable[Batch], *, job: Job) -> Iterator[Vectors]:
        """Compute batch by batch, the next ones running while one is read; see `Engine.run`."""
        rest = iter(batches)
        first = list(islice(rest, 2))
        compiled = self._compiled_for("query" if len(first) < 2 else job)  # a single batch gets all threads
        running = deque(compiled.start(batch) for batch in first)
        try:
            while running:
                # Twice as many batches as streams: the next is prepared while the others run.
                running.extend(compiled.start(batch) for batch in islice(rest, 2 * compiled.streams - len(running)))
                yield compiled.finish(running.popleft())
        finally:
            for request in running:  # left early: they read arrays that would be freed
                compiled.finish(request)

    def _compiled_for(self, job: Job) -> _Compiled:
        with self._lock:
            if job not in self._compiled:
                self._compiled[job] = self._compile("LATENCY" if job == "query" else "THROUGHPUT")
            return self._compiled[job]

    def _compile(self, hint: str) -> _Compiled:
        if self._graph is None:
            self._graph = build_graph(self._layout)
        settings: dict[str, object] = {"INFERENCE_PRECISION_HINT": self._precision, "PERFORMANCE_HINT": hint}
        if self._threads:
            settings["INFERENCE_NUM_THREADS"] = self._threads
        model = ov.Core().compile_model(self._graph.model, "CPU", settings)
        return _Compiled(model, int(model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")), self._graph.vocabulary)
