"""mini_emo: generated emotional speech that mirrors the data of the paper in small.

Nothing is downloaded: sentences come from a grammar of our own
(``mini_emo_grammar.py``), speech from the eSpeak NG library shipped by espeakng-loader
(``espeak.py``), emotion from its rate, pitch, pitch range and level
(``mini_emo_voices.py``). All is drawn from a seed, so the same files come out on every
run of one version of eSpeak NG.

The sets, with the data of the paper that each stands for. Emotions are neutral, angry,
happy and sad; every sentence stands in one set only.

====================  ======  =====  =======================================================
set                   utts    hours  what it is
====================  ======  =====  =======================================================
mini_emo_train        1,560   1.32   pretraining (LRS3, MSP-PODCAST; [P2V] IV-A): 60 voices,
                                     26 utterances each, no sentence twice
mini_emo_valid        60      0.05   the same voices, one other sentence each
mini_emo_test         200     0.17   parallel: 10 of these voices, 5 other sentences each, in
                                     all four emotions
mini_emo_iemocap      600     0.41   emotion recognition (IEMOCAP; IV-C): 10 other voices, 5
                                     sessions of a woman and a man; 185 neutral, 120 angry,
                                     177 happy, 118 sad, as IEMOCAP's 1708, 1103, 1636, 1084
mini_emo_esd_train    192     0.14   conversion (ESD; IV-D): 4 other voices, the same 12
                                     sentences by each in all four emotions
mini_emo_esd_valid    64      0.05   4 further sentences
mini_emo_esd_test     128     0.09   8 further sentences
====================  ======  =====  =======================================================

2,804 utterances, 2.2 h. Within a voice, means of the parallel test set against neutral:
angry F0 x 1.19, duration x 0.83, +3.3 dB; happy 1.35, 0.89, +1.2 dB; sad 0.80, 1.35,
-3.0 dB. Neutral voices lie between 90 and 270 Hz, so that F0 alone tells the emotion of
an unknown voice no better than 0.29 (chance 0.25), all these measures together 0.59.

Pairs for conversion (``mini_emo_pairs.py``) stand in ``<set>/pairs/<name>/``:
``same_voice`` of both test sets (150 and 96 pairs) and ``other_voice`` of mini_emo_test
(150), which differ in whose voice the prosody utterance has.

Deviation: the voices are synthetic, clean and all of one engine. A result
on this corpus shows that the code works and nothing about human speech.

Licence: eSpeak NG (GPL-3.0-or-later) is used as an installed program and no part of it
is copied here; the audio it speaks is its output. Sentences and settings are ours.
"""

import logging
from dataclasses import fields
from pathlib import Path

from espnet2_ext.corpora.mini_emo_audio import SpeechJob, speak_files
from espnet2_ext.corpora.mini_emo_pairs import make_pairs, write_pairs
from espnet2_ext.corpora.mini_emo_parts import MiniEmoSize, PlannedUtterance, Sets, plan_sets
from espnet2_ext.corpora.mini_emo_voices import Voice, deliver
from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.data.data_directory import write_data_directory
from espnet2_ext.data.utterance import Utterance

logger = logging.getLogger(__name__)

LANGUAGE = "eng"
VOICES_TABLE = "mini_emo_voices.tsv"


def prepare(
    root: str | Path,
    out_data: str | Path,
    *,
    num_workers: int = 2,
    seed: int = 0,
    size: MiniEmoSize | None = None,
) -> dict[str, list[Utterance]]:
    """Generate what is missing of the corpus, write its data and pairs directories.

    Args:
        root: gets ``wav/<part>/<speaker>/<utterance>.wav``, a manifest and the table of
            the voices.
        out_data: gets one data directory a set, and ``<test set>/pairs/<name>``.
        num_workers: processes; the files do not depend on it.
        seed: of the sentences, the voices and their deviations.
        size: how much to generate; None for the whole corpus.

    Returns:
        The utterances of every set, by its name.

    Raises:
        EspeakError: eSpeak NG is not installed or could not speak.
        ValueError: the size asks for more voices or sentences than there are.
    """
    root, out_data = Path(root).resolve(), Path(out_data)
    sets = plan_sets(size or MiniEmoSize(), seed)
    planned = [utterance for utterances in sets.values() for utterance in utterances]
    jobs = [
        SpeechJob(_wav(u), u.text, deliver(u.voice, u.emotion, u.utterance_id, seed))
        for u in planned
    ]
    num_samples = speak_files(root, jobs, num_workers)
    _write_voices(root / VOICES_TABLE, planned)
    result = {}
    for name, utterances in sets.items():
        result[name] = [_typed(utterance, root) for utterance in utterances]
        write_data_directory(out_data / name, result[name])
        hours = sum(num_samples[_wav(u)] for u in utterances) / SAMPLE_RATE_HZ / 3600
        speakers = len({u.voice.speaker for u in utterances})
        logger.info(f"{name}: {len(utterances)} utterances, {speakers} voices, {hours:.2f} h")
    _write_all_pairs(out_data, sets)
    return result


def _wav(utterance: PlannedUtterance) -> str:
    name = f"{utterance.utterance_id}.wav"
    return f"wav/{utterance.part}/{utterance.voice.speaker}/{name}"


def _typed(utterance: PlannedUtterance, root: Path) -> Utterance:
    return Utterance(
        utterance_id=utterance.utterance_id,
        speaker=utterance.voice.speaker,
        wav=str(root / _wav(utterance)),
        text=utterance.text,
        emotion=utterance.emotion,
        session=utterance.session,
        language=LANGUAGE,
    )


def _write_all_pairs(out_data: Path, sets: Sets) -> None:
    for name, kinds in (
        ("mini_emo_test", ("same_voice", "other_voice")),
        ("mini_emo_esd_test", ("same_voice",)),
    ):
        for kind in kinds:
            tables = make_pairs(sets[name], other_voice=kind == "other_voice")
            write_pairs(out_data / name / "pairs" / kind, tables)


def _write_voices(path: Path, utterances: list[PlannedUtterance]) -> None:
    """Write what was drawn for every voice, so that a reader need not run this to know."""
    voices = {utterance.voice.speaker: utterance.voice for utterance in utterances}
    names = [field.name for field in fields(Voice) if field.name != "strengths"]
    with atomic_open(path) as stream:
        stream.write("\t".join(names) + "\n")
        for _, voice in sorted(voices.items()):
            stream.write("\t".join(_short(getattr(voice, name)) for name in names) + "\n")


def _short(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
