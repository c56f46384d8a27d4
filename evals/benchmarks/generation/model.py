"""A Llama-like model of about 150 million random parameters, with a real tokenizer and a chat template, in a folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evals.benchmarks.generation.material import END, PADDING, TEMPLATE, train_tokenizer
from ragkit._optional import require

with require(feature="evals.benchmarks.generation", package="torch", extra="local"):
    import torch
with require(feature="evals.benchmarks.generation", package="transformers", extra="local"):
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SHAPE", "TINY", "build", "main"]

SHAPE = {
    "hidden_size": 768,
    "intermediate_size": 2560,
    "num_hidden_layers": 16,
    "num_attention_heads": 12,
    "num_key_value_heads": 4,
    "vocab_size": 32_000,
}
"""144 million parameters, the input table shared with the output."""
TINY = {**SHAPE, "hidden_size": 96, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 1_000}
"""To try the command."""


def build(folder: Path, shape: dict[str, int], *, seed: int = 0) -> int:
    """Write model and tokenizer below `folder` and give the number of parameters.

    The row of the end-of-turn token is zero in the table that is input and output alike: its logit is 0, never the
    largest of thousands of random ones, so that every greedy reply has the very length that was asked for.
    """
    tokenizer = train_tokenizer(shape["vocab_size"])
    wrapped: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, eos_token=END, pad_token=PADDING, padding_side="left"
    )
    wrapped.chat_template = TEMPLATE
    end, padding = wrapped.convert_tokens_to_ids([END, PADDING])
    sizes: dict[str, Any] = {**shape, "vocab_size": tokenizer.get_vocab_size()}
    config = LlamaConfig(
        **sizes,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
        eos_token_id=end,
        pad_token_id=padding,
        bos_token_id=None,
    )
    torch.manual_seed(seed)
    model: Any = LlamaForCausalLM(config)
    with torch.no_grad():
        model.get_input_embeddings().weight[[end, padding]] = 0.0
    model.generation_config.do_sample = False
    model.save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return sum(parameter.numel() for parameter in model.parameters())


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the model into a folder, to look at it or to try it elsewhere."""
    parser = argparse.ArgumentParser(prog="python -m evals.benchmarks.generation.model", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tiny", action="store_true", help="two thin layers")
    given = parser.parse_args(arguments)
    print(f"{build(given.folder, TINY if given.tiny else SHAPE):,} parameters in {given.folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
