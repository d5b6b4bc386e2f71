"""The shipped token ids of the prompts against CLIP's own byte pair encoding."""

from __future__ import annotations

import hashlib
import re

import pytest

from fiqa.methods.clib_fiqa.prompts import PROMPTS
from fiqa.methods.clib_fiqa.tokens import VOCABULARY, WORDS, known_tokens

pytestmark = pytest.mark.numeric

# Of the little-endian int64 ids that open_clip 3 gives (`get_tokenizer("RN50")(list(PROMPTS))`,
# cut after the longest, its zeros replaced by the end), see the test below that computes it.
DIGEST = "b1381efd0db4680093594481916deb384ec18e9e364d1090559745d02551f586"


def test_every_prompt_is_its_words_between_start_and_end():
    tokens = known_tokens()
    assert tokens.shape[0] == len({tuple(row) for row in tokens.tolist()}) == 360
    for text, row in zip(PROMPTS, tokens.tolist(), strict=True):
        words = re.findall(r"[a-z]+|,", text)
        own = [i for word in words for i in WORDS[word]]
        assert row[: len(own) + 2] == [VOCABULARY - 2, *own, VOCABULARY - 1]
        assert set(row[len(own) + 1 :]) == {VOCABULARY - 1}
    assert hashlib.sha256(tokens.astype("<i8").tobytes()).hexdigest() == DIGEST


def test_the_ids_are_those_of_a_tokenizer_with_the_published_vocabulary():
    """Where open_clip is installed: its tokenizer carries the vocabulary file."""
    open_clip = pytest.importorskip("open_clip")
    theirs = open_clip.get_tokenizer("RN50")(list(PROMPTS)).numpy()
    ours = known_tokens()
    ends = theirs.argmax(axis=1)
    assert int(ends.max()) + 1 == ours.shape[1]
    for row, own, end in zip(theirs, ours, ends, strict=True):
        assert row[: end + 1].tolist() == own[: end + 1].tolist()
        assert not row[end + 1 :].any()
