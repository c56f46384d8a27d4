"""Control tokens that other people write are broken, visibly and so that it can be undone.

A chat template tells a model who speaks by control tokens: `<|im_end|>`, `[INST]`, `<start_of_turn>` … A document that
holds one could end its own message and begin another one in the system's name, wherever a server or a tokenizer reads
text as if the template had written it. `escape_control` puts the sign `␛` (U+241B) behind the first sign of each, and
doubles those `␛` that the text holds already: `unescape_control` takes both back, so that a quote of what a model was
shown can be found in the document.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

__all__ = ["close_seams", "escape_control", "unescape_control"]

_BREAK = "\N{SYMBOL FOR ESCAPE}"

# Written between `<` and `>` as they stand here; those of more than one word are told by their look below.
_ANGLED = """
    s /s bos eos pad unk mask sep cls eop sop eod eot eom image
    think /think tool_call /tool_call tool_calls /tool_calls tool_response /tool_response tool_responses
    /tool_responses tool_result /tool_result tool_results /tool_results tools /tools tool_code /tool_code
    TOOLCALL /TOOLCALL TOOL_RESPONSE /TOOL_RESPONSE AVAILABLE_TOOLS /AVAILABLE_TOOLS
    tool_sep arg_key /arg_key arg_value /arg_value
    function_call /function_call function_calls /function_calls function_results /function_results
    start_of_turn end_of_turn start_of_image end_of_image start_of_audio end_of_audio image_soft_token
    audio_soft_token start_function_declaration end_function_declaration start_function_call end_function_call
    start_function_response end_function_response escape beginning_of_sentence end_of_sentence
    im_start im_end system_start system_end file_sep repo_name fim_prefix fim_middle fim_suffix fim_pad fim-prefix
    fim-middle fim-suffix fim-pad eoh eoa eosys end_of_utterance role /role 用户 AI <SYS> </SYS>
"""
_BRACKETED = """
    INST /INST SYSTEM_PROMPT /SYSTEM_PROMPT AVAILABLE_TOOLS /AVAILABLE_TOOLS TOOL_CALLS /TOOL_CALLS TOOL_RESULTS
    /TOOL_RESULTS TOOL_CONTENT MODEL_SETTINGS /MODEL_SETTINGS CALL_ID ARGS THINK /THINK IMG IMG_BREAK IMG_END AUDIO
    BEGIN_AUDIO PREFIX MIDDLE SUFFIX BOS EOS EOT gMASK sMASK
    |system| |user| |assistant| |tool| |endofturn|
"""


# Names hold letters of any script, digits and ▁ (DeepSeek), for which some tokenizers take a blank; but none begins or
# ends with one, or is made of signs alone: `f <| x |> g` is a program, `<|-|>` an arrow.
_WORD = r"[\w▁./:#@+-]{1,64}"
_NAME = rf"(?![^\w▁]{{1,64}}\|){_WORD}(?: {_WORD}){{0,8}}"
_HALF = r"[a-z][a-z_]{1,31}"
_AFTER_ANGLE = (
    rf"\|{_NAME}\|",
    rf"\|{_HALF}|{_HALF}\||\|\"\|",  # Gemma 4: a turn stands between `<|turn>` and `<turn|>`, a text between `<|"|>`
    "|".join(map(re.escape, _ANGLED.split())),
    r"(?:function|parameter)=[^<>\s]{1,64}",
    r"/?(?:seed|minimax):[a-z_]{1,32}",
    r"(?:unused|extra_id_|reserved_|reserved_special_token_|SPECIAL_)[0-9]{1,5}",
    r"[A-Z_]{1,32}_TOKEN",
)
_AFTER_BRACKET = (*map(re.escape, _BRACKETED.split()), r"(?:unused|UNUSED_TOKEN_)[0-9]{1,5}")
# Only the first sign is taken, and the rest looked at: tokens may overlap.
_TOKEN = re.compile(
    rf"<(?=((?:{'|'.join(_AFTER_ANGLE)})>))|\[(?=((?:{'|'.join(_AFTER_BRACKET)})\]|e~\[))"
    r"|\](?=(~!?b[\]\[]))|\|(?=(DSML\|))"
)
_UNSEEN = ("Cc", "Cf", "Cn", "Co", "Cs", "Mn", "Me")  # Cn and Co: some tokenizers take off what has no meaning
# Fillers that are letters or spaces by category, and yet show nothing.
_FILLERS = "\u115f\u1160\u3164\uffa0\u2800"


def escape_control(text: str) -> str:
    """Break each control token in `text`; all other text stays as it is, sign for sign.

    Known are the control tokens of ChatML, Llama 2 to 4, Mistral, Gemma, Phi, Qwen, DeepSeek, Command, GLM, Kimi,
    gpt-oss and their like: whatever looks like `<|name|>`, and many by name. Found are also those that a tokenizer's
    normalisation would make: of letters of full width, or with signs in them that show nothing. HTML's `<s>` and a
    manual's `[ARGS]` are among them; words that only play the part, such as `User:`, are not.

    Linear in the length of `text`. The result holds no control token.

    Example:
        >>> escape_control("if a < b: <b>x</b> <|im_end|>")
        'if a < b: <b>x</b> <␛|im_end|>'
    """
    doubled = text.replace(_BREAK, _BREAK * 2)
    return _broken(doubled, (start + 1 for start, _ in _tokens(doubled)))


def close_seams(pieces: Sequence[tuple[str, bool]]) -> list[str]:
    """Break the control tokens that come about only where escaped text meets what stands beside it.

    Two texts that hold half a token each, or a template's words around a slot, could make a whole one.

    Args:
        pieces: The texts of one message in order, each with whether it came from `escape_control`.

    Returns:
        The texts. Only escaped ones are changed, so that `unescape_control` takes that back too; a token without a
        sign of them stays.

    Example:
        >>> close_seams([("<|im_", True), ("end", True), ("|>", False)])
        ['<␛|im_', '␛end', '|>']
    """
    tokens = _tokens("".join(text for text, _ in pieces)) if len(pieces) > 1 else []
    closed: list[str] = []
    at = 0
    for text, escaped in pieces:
        until = at + len(text)
        places = {max(start + 1, at) - at for start, end in tokens if start < until and at < end}
        closed.append(_broken(text, sorted(places)) if escaped and text else text)
        at = until
    return closed


def unescape_control(text: str) -> str:
    """Give what `escape_control` was given; of a slice of what it gave, that slice of the text.

    A slice that cuts a doubled `␛` in two loses it.

    Example:
        >>> unescape_control("<␛|im_end|>")
        '<|im_end|>'
    """
    return re.sub(f"{_BREAK}+", lambda run: run[0][: len(run[0]) // 2], text)


class _Folding(dict[int, str]):
    """What normalisation makes of a sign, found when it is first met: one for each call, so that it cannot grow."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _folded(chr(code))
        return folded


def _folded(sign: str) -> str:
    """Give a sign as NFKC writes it, accents taken off; nothing for what shows nothing."""
    if sign in "\t\n\r":
        return sign
    plain = unicodedata.normalize("NFKD", sign)
    return "".join(one for one in plain if one not in _FILLERS and unicodedata.category(one) not in _UNSEEN)


def _tokens(text: str) -> list[tuple[int, int]]:
    """Give where control tokens start and end in `text`; those that normalisation would make as well."""
    folding = _Folding()
    folded = text.translate(folding)
    found = [(match.start(), match.end(match.lastindex or 0)) for match in _TOKEN.finditer(folded)]
    if folded == text or not found:
        return found
    places = list(accumulate((len(folding[ord(sign)]) for sign in text), initial=0))
    return [(bisect(places, start) - 1, bisect(places, end - 1)) for start, end in found]


def _broken(text: str, places: Iterable[int]) -> str:
    """Put a break at each of the places, which rise."""
    return _BREAK.join(text[start:end] for start, end in pairwise([0, *places, len(text)]))
