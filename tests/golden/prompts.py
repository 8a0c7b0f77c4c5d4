# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Token ids of a re-ranking prompt: positions, spans, query rows, mask, as docs/method.md#prompt-and-spans and
docs/method.md#encodings say.

Written from the method's text and not from the C++ engine: this is the second opinion the engine is tested against.
Knows nothing of tokenizers or models; `text_segments` is the one function that takes text.
"""
from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

LIST, BLOCKS = "list", "blocks"
ROWS = ("all", "instruction+query", "query")


@dataclass
class Segments:
    """The prompt before it is laid out. Each entry is the token ids of one segment, tokenized by itself."""

    lead: list[int]  # chat opening and the text before the passages
    passages: list[list[int]]  # what is scored; with the marker where the template counts it
    separators: list[list[int]]  # one after every passage
    instruction: list[int]
    query: list[int]
    content_free_query: list[int]  # the same place with the text "N/A"
    suffix: list[int]  # chat closing


@dataclass
class Prompt:
    """One laid-out prompt. Ranges are [begin, end) in tokens."""

    encoding: str
    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    lead: list[int] = field(default_factory=list)
    slots: list[list[int]] = field(default_factory=list)  # passage and its separator
    spans: list[list[int]] = field(default_factory=list)  # the passage alone
    rows: dict[str, list[int]] = field(default_factory=dict)

    def mask(self, window: int | None = None) -> np.ndarray:
        """visible[i, j]: token i may attend to token j; with a window only from positions above its own - window on."""
        count = len(self.ids)
        visible = np.tril(np.ones((count, count), dtype=bool))
        if self.encoding == BLOCKS:
            lead_end = self.lead[1]
            for begin, end in self.slots:
                visible[begin:end, lead_end:begin] = False  # not the slots before
        if window is not None:
            positions = np.array(self.positions)
            visible &= positions[None, :] > positions[:, None] - window
        return visible

    def to_json(self) -> dict:
        return {"ids": self.ids, "positions": self.positions, "lead": self.lead, "slots": self.slots, "spans": self.spans, "rows": self.rows}


def lay_out(segments: Segments, encoding: str, content_free: bool = False, block_span: int = 0) -> Prompt:
    prompt = Prompt(encoding)

    def add(ids: list[int], first_position: int) -> list[int]:
        begin = len(prompt.ids)
        prompt.ids += ids
        prompt.positions += range(first_position, first_position + len(ids))
        return [begin, len(prompt.ids)]

    prompt.lead = add(segments.lead, 0)
    after_lead = len(segments.lead)
    longest = 0
    for passage, separator in zip(segments.passages, segments.separators, strict=True):
        start = len(prompt.ids) if encoding == LIST else after_lead
        span = add(passage, start)
        add(separator, start + len(passage))
        prompt.spans.append(span)
        prompt.slots.append([span[0], len(prompt.ids)])
        longest = max(longest, len(passage) + len(separator))
    if block_span and block_span < longest:
        raise ValueError(f"block_span {block_span} is shorter than the longest slot, {longest}")
    position = len(prompt.ids) if encoding == LIST else after_lead + (block_span or longest)
    instruction = add(segments.instruction, position)
    position += len(segments.instruction)
    query_ids = segments.content_free_query if content_free else segments.query
    query = add(query_ids, position)
    position += len(query_ids)
    suffix = add(segments.suffix, position)
    prompt.rows = {"all": [instruction[0], suffix[1]], "instruction+query": [instruction[0], query[1]], "query": query}
    return prompt


def cut_words(text: str, words: int) -> str:
    """The text up to the end of its n-th white-space separated word, white space inside kept."""
    if words <= 0:
        return text
    matches = list(re.finditer(r"\S+", text))
    return text if len(matches) <= words else text[: matches[words - 1].end()]


# Special tokens that open the chat, the one that ends a turn, the one that begins the answer's, the answerer's name.
CHATML = (("<|im_start|>",), "<|im_end|>", "<|im_start|>", "assistant")
GEMMA = (("<bos>", "<start_of_turn>"), "<end_of_turn>", "<start_of_turn>", "model")


def text_segments(tokenizer, query: str, passages: list[dict], encoding: str, max_words: int = 300, chat=CHATML) -> Segments:
    """Template `default` (list) or `blocks`. `tokenizer` is a Hugging Face tokenizers.Tokenizer."""
    opening, end, begin, answerer = chat

    def encode(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False).ids

    def special(name: str) -> list[int]:
        identity = tokenizer.token_to_id(name)
        if identity is None:
            raise ValueError(f"the tokenizer has no {name}")
        return [identity]

    bodies = []
    for number, passage in enumerate(passages, start=1):
        title = passage.get("title", "")
        body = cut_words(f"{title}\n{passage['text']}" if title else passage["text"], max_words)
        bodies.append(encode(f"[{number}] {body}" if encoding == LIST else body))
    return Segments(
        lead=[identity for name in opening for identity in special(name)] + encode("user\nHere are some paragraphs:\n\n"),
        passages=bodies,
        separators=[encode("\n\n") for _ in passages],
        instruction=encode("Please find information that are relevant to the following query in the paragraphs above.\n\nQuery:"),
        query=encode(" " + query),
        content_free_query=encode(" N/A"),
        suffix=special(end) + encode("\n") + special(begin) + encode(f"{answerer}\n"),
    )
