"""mini_emo: generated emotional speech that mirrors the data of the paper in small.

Sentences come from a grammar of our own, speech from eSpeak NG (espeakng-loader), emotion from
its rate, pitch, pitch range and level. Everything is drawn from a seed: the same files come out
on every run of one version of eSpeak NG. Every sentence is in one set only.

2,804 utterances, 2.2 h; egs2/mini_emo/p2v1/README.md lists the sets and what their emotions are.

With ``difficulty`` hard the same sentences by the same voices make ``mini_emo_hard_*``: see
``hard.py``.

Deviation: the voices are synthetic, clean and all of one engine. A result on this corpus shows
that the code works and nothing about human speech.
Licence: eSpeak NG (GPL-3.0-or-later) is used as an installed program, no part of it is copied.
"""

import logging
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from espnet2_ext.corpora.mini_emo import hard
from espnet2_ext.corpora.mini_emo.grammar import SentenceGrammar
from espnet2_ext.corpora.mini_emo.speech import (
    EMOTIONS,
    SpeechJob,
    Voice,
    deliver,
    paired_voices,
    pretraining_voices,
    speak_files,
)
from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.data.pairs import PairTables, write_pairs
from espnet2_ext.data.parallel import atomic_open

logger = logging.getLogger(__name__)

# Happy with excited ([P2V] IV-C).
IEMOCAP_COUNTS = {"neutral": 1708, "angry": 1103, "happy": 1636, "sad": 1084}
PRETRAINING_SYLLABLES = (11, 18)
EMOTION_SYLLABLES = (8, 13)  # of the two labelled parts, as turns of a dialogue are


@dataclass(frozen=True)
class MiniEmoSize:
    """How much to generate; the defaults are the corpus, smaller numbers are for tests.

    Attributes:
        num_voices: voices of the pretraining part.
        utterances_per_voice: utterances of each in its training set.
        test_voices: how many of these voices speak the parallel test set.
        test_sentences: sentences of each test voice, every one in all emotions.
        iemocap_utterances: utterances of the IEMOCAP-like part's ten voices together.
        esd_sentences: sentences of the ESD-like part: training, validation, test.
    """

    num_voices: int = 60
    utterances_per_voice: int = 26
    test_voices: int = 10
    test_sentences: int = 5
    iemocap_utterances: int = 600
    esd_sentences: tuple[int, int, int] = (12, 4, 8)

    def __post_init__(self) -> None:
        """Raise a ValueError unless all sets have utterances and test sentences have partners."""
        if not 2 <= self.test_voices <= self.num_voices:
            most = f"2 to num_voices ({self.num_voices})"
            raise ValueError(f"mini_emo: test_voices is {self.test_voices}; it must be {most}")
        if min(self.test_sentences, self.esd_sentences[2]) < 2:
            raise ValueError("mini_emo: test sentences must be at least 2 to make pairs")
        if min(self.utterances_per_voice, self.iemocap_utterances, *self.esd_sentences) < 1:
            raise ValueError("mini_emo: every set must have at least 1 utterance of a voice")


@dataclass(frozen=True)
class PlannedUtterance:
    """An utterance before it is spoken; ``path`` is that of its audio in the corpus."""

    part: str
    voice: Voice
    sentence: int
    text: str
    emotion: str
    session: str | None = None

    @property
    def utterance_id(self) -> str:
        return f"{self.voice.speaker}-{self.sentence:04d}-{self.emotion}"

    @property
    def path(self) -> str:
        return f"wav/{self.part}/{self.voice.speaker}/{self.utterance_id}.wav"


Sets = dict[str, list[PlannedUtterance]]


def plan_sets(size: MiniEmoSize, seed: int) -> Sets:
    """Return the utterances by set; ValueError where voices or sentences do not suffice."""
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
        generator = random.Random(f"mini_emo emotions {seed} {voice.speaker}")
        order = generator.sample(EMOTIONS, len(EMOTIONS))
        emotions = (order * size.utterances_per_voice)[: size.utterances_per_voice]
        generator.shuffle(emotions)
        train += [PlannedUtterance("pretraining", voice, *next(numbered), e) for e in emotions]
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


def _plan_iemocap(size: MiniEmoSize, seed: int, grammar: SentenceGrammar) -> Sets:
    voices = paired_voices("i", seed)
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
    return list(Counter(counts).elements())


def _plan_esd(size: MiniEmoSize, seed: int, grammar: SentenceGrammar) -> Sets:
    voices = paired_voices("e", seed)
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


TARGET_EMOTIONS = tuple(emotion for emotion in EMOTIONS if emotion != "neutral")


def make_pairs(utterances: list[PlannedUtterance], *, other_voice: bool) -> PairTables:
    """Return the tables of the pairs for every voice, sentence and target emotion.

    The prosody utterance has another sentence than the source and, with ``other_voice``, another
    voice; the speaker utterance is a neutral one by the source's voice, of another sentence too.
    """
    by_key = {(u.voice.speaker, u.sentence, u.emotion): u.utterance_id for u in utterances}
    sentences: dict[str, list[int]] = {}
    for speaker, sentence in sorted({key[:2] for key in by_key}):
        sentences.setdefault(speaker, []).append(sentence)
    speakers = list(sentences)
    tables: PairTables = {"pairs": {}, "targets": {}, "conditions": {}, "wrong_sentence": {}}
    for place, speaker in enumerate(speakers):
        own = sentences[speaker]
        for index, sentence in enumerate(own):
            source = by_key[speaker, sentence, "neutral"]
            tables["wrong_sentence"][source] = by_key[speaker, other_item(own, index, 0), "neutral"]
            for step, emotion in enumerate(TARGET_EMOTIONS):
                model = other_item(speakers, place, index + step) if other_voice else speaker
                prosody = by_key[model, other_item(sentences[model], index, step), emotion]
                reference = by_key[speaker, other_item(own, index, step + 1), "neutral"]
                pair = f"{source}_to_{emotion}"
                tables["pairs"][pair] = f"{source} {prosody} {reference}"
                tables["targets"][pair] = by_key[speaker, sentence, emotion]
                tables["conditions"][pair] = f"neutral-{emotion}"
    return tables


def other_item(items: list, index: int, step: int):
    """Return an item that is not the one at ``index``; steps go round the others."""
    return items[(index + 1 + step % (len(items) - 1)) % len(items)]


def prepare(
    root: str | Path,
    data: str | Path,
    *,
    num_workers: int = 2,
    seed: int = 0,
    difficulty: str = "plain",
    size: MiniEmoSize = MiniEmoSize(),
) -> dict[str, list[Utterance]]:
    """Generate what is missing of the corpus, write its data directories, return the sets.

    Args:
        root: gets ``wav/<part>/<speaker>/<utterance>.wav``, a manifest and a table of voices.
        data: gets one data directory a set, and ``<test set>/pairs/<name>``.
        num_workers: processes; the files do not depend on it.
        seed: of the sentences, the voices and their deviations.
        difficulty: plain, or hard: sets ``mini_emo_hard_*`` whose emotions overlap, of files in
            the root's folder ``hard``.
        size: how much to generate.
    """
    if difficulty not in ("plain", "hard"):
        raise ValueError(f"mini_emo: difficulty is {difficulty!r}; it must be plain or hard")
    root, data = Path(root).resolve(), Path(data)
    sets = plan_sets(size, seed)
    planned = [utterance for utterances in sets.values() for utterance in utterances]
    test_set = "mini_emo_test"
    hard_jobs: dict[str, hard.HardJob] = {}
    if difficulty == "hard":
        root, test_set = root / "hard", "mini_emo_hard_test"
        sets = {name.replace("emo", "emo_hard", 1): each for name, each in sets.items()}
        for u in planned:
            told = u.path, u.text, u.voice, u.emotion, u.utterance_id, seed
            hard_jobs[u.utterance_id] = hard.plan_job(*told)
        num_samples = speak_files(root, list(hard_jobs.values()), num_workers, hard.speak)
    else:
        jobs = [
            SpeechJob(u.path, u.text, deliver(u.voice, u.emotion, u.utterance_id, seed))
            for u in planned
        ]
        num_samples = speak_files(root, jobs, num_workers)
    _write_voices(root / "mini_emo_voices.tsv", planned)
    result: dict[str, list[Utterance]] = {}
    for name, utterances in sets.items():
        result[name] = []
        for u in utterances:
            said = (u.utterance_id, u.voice.speaker, str(root / u.path), u.text, u.emotion)
            result[name].append(Utterance(*said, session=u.session, language="eng"))
        write_data_directory(data / name, result[name])
        if hard_jobs:
            own = {u.utterance_id: hard_jobs[u.utterance_id] for u in utterances}
            hard.write_parameters(data / name / hard.PARAMETERS, own)
        hours = sum(num_samples[u.path] for u in utterances) / SAMPLE_RATE_HZ / 3600
        speakers = len({u.voice.speaker for u in utterances})
        logger.info(f"{name}: {len(utterances)} utterances, {speakers} voices, {hours:.2f} h")
        if name.endswith("_test"):
            write_pairs(data / name / "pairs/same_voice", make_pairs(utterances, other_voice=False))
    pairs = make_pairs(sets[test_set], other_voice=True)
    write_pairs(data / test_set / "pairs/other_voice", pairs)
    return result


def _write_voices(path: Path, utterances: Iterable[PlannedUtterance]) -> None:
    voices = {utterance.voice.speaker: utterance.voice for utterance in utterances}
    names = [field.name for field in fields(Voice) if field.name != "strengths"]
    with atomic_open(path) as stream:
        stream.write("\t".join(names) + "\n")
        for _, voice in sorted(voices.items()):
            values = (getattr(voice, name) for name in names)
            cells = (f"{each:.3f}" if isinstance(each, float) else str(each) for each in values)
            stream.write("\t".join(cells) + "\n")
