"""Who says what in mini_emo: every set as a list of planned utterances."""

import random
from dataclasses import dataclass
from typing import ClassVar

from espnet2_ext.corpora.mini_emo_grammar import SentenceGrammar
from espnet2_ext.corpora.mini_emo_voices import (
    EMOTIONS,
    ESD_FEMALE_VARIANTS,
    ESD_MALE_VARIANTS,
    IEMOCAP_FEMALE_VARIANTS,
    IEMOCAP_MALE_VARIANTS,
    Voice,
    paired_voices,
    pretraining_voices,
)

IEMOCAP_COUNTS = {"neutral": 1708, "angry": 1103, "happy": 1636, "sad": 1084}
"""Utterances of IEMOCAP's four classes, happy with excited ([P2V] IV-C)."""
PRETRAINING_SYLLABLES = (11, 18)
EMOTION_SYLLABLES = (8, 13)
"""Sentences of the two labelled parts are shorter, as turns of a dialogue are."""


@dataclass(frozen=True)
class MiniEmoSize:
    """How much to generate; the defaults are the corpus, smaller numbers are for tests.

    ``DESCRIPTIONS`` says of every field what it counts.
    """

    num_voices: int = 60
    utterances_per_voice: int = 26
    test_voices: int = 10
    test_sentences: int = 5
    iemocap_utterances: int = 600
    esd_sentences: tuple[int, int, int] = (12, 4, 8)

    DESCRIPTIONS: ClassVar[dict[str, str]] = {
        "num_voices": "voices of the pretraining part",
        "utterances_per_voice": "utterances of each in its training set",
        "test_voices": "how many of these voices speak the parallel test set",
        "test_sentences": "sentences of each test voice, every one in all emotions",
        "iemocap_utterances": "utterances of the IEMOCAP-like part's ten voices together",
        "esd_sentences": "sentences of the ESD-like part: training, validation, test",
    }

    def __post_init__(self) -> None:
        """Check that every set has utterances and every test sentence another to pair with.

        Raises:
            ValueError: it has not; the message names the field.
        """
        if not 2 <= self.test_voices <= self.num_voices:
            raise ValueError(
                f"mini_emo: test_voices is {self.test_voices}; it must be 2 to num_voices"
                f" ({self.num_voices})"
            )
        if self.test_sentences < 2 or self.esd_sentences[2] < 2:
            raise ValueError(
                "mini_emo: test_sentences and the last of esd_sentences must be at least 2:"
                " a pair needs another sentence"
            )
        if min(self.utterances_per_voice, self.iemocap_utterances, *self.esd_sentences) < 1:
            raise ValueError(
                "mini_emo: utterances_per_voice, iemocap_utterances and esd_sentences must be"
                " at least 1"
            )


@dataclass(frozen=True)
class PlannedUtterance:
    """An utterance before it is spoken; ``part`` is the folder of its audio."""

    part: str
    voice: Voice
    sentence: int
    text: str
    emotion: str
    session: str | None = None

    @property
    def utterance_id(self) -> str:
        """Return ``<speaker>-<sentence number>-<emotion>``."""
        return f"{self.voice.speaker}-{self.sentence:04d}-{self.emotion}"


Sets = dict[str, list[PlannedUtterance]]


def plan_sets(size: MiniEmoSize, seed: int) -> Sets:
    """Return ``{set name: its utterances}``; no sentence stands in two sets.

    Raises:
        ValueError: more voices or sentences are asked for than there are.
    """
    grammar = SentenceGrammar(seed)
    return {
        **_plan_pretraining(size, seed, grammar),
        **_plan_iemocap(size, seed, grammar),
        **_plan_esd(size, seed, grammar),
    }


def _plan_pretraining(size: MiniEmoSize, seed: int, grammar: SentenceGrammar) -> Sets:
    voices = pretraining_voices(size.num_voices, seed)
    num_train = len(voices) * size.utterances_per_voice
    num_test = size.test_voices * size.test_sentences
    texts = grammar.draw(num_train + len(voices) + num_test, *PRETRAINING_SYLLABLES)
    numbered = iter(enumerate(texts))
    train = []
    for voice in voices:
        for emotion in _balanced_emotions(size.utterances_per_voice, f"{seed} {voice.speaker}"):
            train.append(PlannedUtterance("pretraining", voice, *next(numbered), emotion))
    valid = [
        PlannedUtterance("pretraining", voice, *next(numbered), EMOTIONS[index % len(EMOTIONS)])
        for index, voice in enumerate(voices)
    ]
    test = []
    for index in range(size.test_voices):
        voice = voices[index * len(voices) // size.test_voices]
        for number, text in (next(numbered) for _ in range(size.test_sentences)):
            test += [PlannedUtterance("pretraining", voice, number, text, e) for e in EMOTIONS]
    return {"mini_emo_train": train, "mini_emo_valid": valid, "mini_emo_test": test}


def _balanced_emotions(count: int, name: str) -> list[str]:
    generator = random.Random(f"mini_emo emotions {name}")
    rest = generator.sample(EMOTIONS, len(EMOTIONS))
    emotions = [rest[index % len(rest)] for index in range(count)]
    generator.shuffle(emotions)
    return emotions


def _plan_iemocap(size: MiniEmoSize, seed: int, grammar: SentenceGrammar) -> Sets:
    voices = paired_voices("i", IEMOCAP_FEMALE_VARIANTS, IEMOCAP_MALE_VARIANTS, seed)
    texts = grammar.draw(size.iemocap_utterances, *EMOTION_SYLLABLES)
    emotions = _proportional(IEMOCAP_COUNTS, size.iemocap_utterances)
    random.Random(f"mini_emo iemocap {seed}").shuffle(emotions)
    utterances = []
    for index, (text, emotion) in enumerate(zip(texts, emotions, strict=True)):
        place = index % len(voices)
        session = f"Ses{place // 2 + 1:02d}"
        utterances.append(PlannedUtterance("iemocap", voices[place], index, text, emotion, session))
    return {"mini_emo_iemocap": utterances}


def _proportional(weights: dict[str, int], count: int) -> list[str]:
    """Return ``count`` names, each as often as its weight says (largest remainders)."""
    shares = {name: count * weight / sum(weights.values()) for name, weight in weights.items()}
    counts = {name: int(share) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: counts[name] - shares[name])
    for name in by_remainder[: count - sum(counts.values())]:
        counts[name] += 1
    return [name for name, number in counts.items() for _ in range(number)]


def _plan_esd(size: MiniEmoSize, seed: int, grammar: SentenceGrammar) -> Sets:
    voices = paired_voices("e", ESD_FEMALE_VARIANTS, ESD_MALE_VARIANTS, seed)
    numbered = iter(enumerate(grammar.draw(sum(size.esd_sentences), *EMOTION_SYLLABLES)))
    sets = {}
    for name, count in zip(("train", "valid", "test"), size.esd_sentences, strict=True):
        sentences = [next(numbered) for _ in range(count)]
        sets[f"mini_emo_esd_{name}"] = [
            PlannedUtterance("esd", voice, number, text, emotion)
            for voice in voices
            for number, text in sentences
            for emotion in EMOTIONS
        ]
    return sets
