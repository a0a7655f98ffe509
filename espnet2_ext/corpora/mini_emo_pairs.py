"""Which utterances a conversion takes as source, prosody and speaker, and what is right.

A pairs directory holds four tables:

* ``pairs``: pair -> source, prosody and speaker utterance
* ``targets``: pair -> the source's sentence by its voice in the target emotion
* ``conditions``: pair -> ``neutral-<target emotion>``
* ``wrong_sentence``: source -> a neutral utterance of the voice with other words; its
  unit error rate against the source is what no content at all would give
"""

from pathlib import Path

from espnet2_ext.corpora.mini_emo_parts import PlannedUtterance
from espnet2_ext.corpora.mini_emo_voices import EMOTIONS
from espnet2_ext.data.table import write_table

TARGET_EMOTIONS = tuple(emotion for emotion in EMOTIONS if emotion != "neutral")
PairTables = dict[str, dict[str, str]]


def make_pairs(utterances: list[PlannedUtterance], *, other_voice: bool) -> PairTables:
    """Return the four tables for every voice, sentence and target emotion of a parallel set.

    The prosody utterance always has another sentence than the source, and so has the
    speaker utterance, which is neutral and by the source's voice; with three sentences
    or more the two differ also from each other.

    Args:
        utterances: every voice's sentences in all four emotions.
        other_voice: take the prosody from another voice than the source's.
    """
    by_key = {(u.voice.speaker, u.sentence, u.emotion): u.utterance_id for u in utterances}
    sentences: dict[str, list[int]] = {}
    for speaker, sentence, _ in sorted(by_key):
        if sentence not in sentences.setdefault(speaker, []):
            sentences[speaker].append(sentence)
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


def write_pairs(directory: str | Path, tables: PairTables) -> None:
    """Write the tables of a pairs directory."""
    for name, table in tables.items():
        write_table(Path(directory) / name, table)
