import re
from collections import Counter

import pytest

from espnet2_ext.corpora.mini_emo.grammar import SentenceGrammar, count_syllables


def test_same_seed_gives_the_same_sentences():
    first = SentenceGrammar(3).draw(20, 11, 18)
    assert SentenceGrammar(3).draw(20, 11, 18) == first
    assert SentenceGrammar(4).draw(20, 11, 18) != first


def test_no_sentence_comes_twice_even_between_draws():
    grammar = SentenceGrammar(0)
    sentences = grammar.draw(1500, 11, 18) + grammar.draw(500, 8, 13)
    assert len(set(sentences)) == 2000


def test_sentences_are_well_formed_and_varied():
    sentences = SentenceGrammar(0).draw(2000, 11, 18)
    assert all(re.fullmatch(r"[A-Z][a-zA-Z', ]+\.", sentence) for sentence in sentences)
    assert all(11 <= count_syllables(sentence) <= 18 for sentence in sentences)
    assert not any(re.search(r"\ba [aeio]|\ban [^aeio]", sentence) for sentence in sentences)
    words = Counter(re.findall("[a-z]+", " ".join(sentences).lower()))
    assert len(words) > 450
    assert not any(re.search(r"\b[A-Z]{2,}\b", sentence) for sentence in sentences)


@pytest.mark.parametrize(
    ("sentence", "syllables"),
    [("Five geese slept.", 3), ("The yellow table.", 4), ("A few apples.", 4)],
)
def test_count_syllables(sentence: str, syllables: int):
    assert count_syllables(sentence) == syllables


def test_running_out_of_sentences_is_an_error():
    with pytest.raises(ValueError, match="only 0 of 5 new sentences of 1 to 2 syllables"):
        SentenceGrammar(0).draw(5, 1, 2)
