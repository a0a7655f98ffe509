"""How well the emotion of a generated set can be read: from its parameters, figures, contours.

``python -m tools.bench.mini_emo_ceiling --data data/mini_emo_train data/mini_emo_hard_train``
writes mini_emo_ceiling.md beside this file. A set with ``utt2parameters`` (mini_emo_hard_*) gets a
ceiling: what classifiers read from what the generator drew, and what its own densities say.
"""

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import yaml

from espnet2_ext.conversion.converter import untrained_encoder
from espnet2_ext.corpora.mini_emo import hard
from espnet2_ext.corpora.mini_emo.speech import (
    EMOTIONS,
    PAIRED_VARIANTS,
    Voice,
    paired_voices,
    pretraining_voices,
)
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import atomic_open, one_thread
from espnet2_ext.data.tables import read_table
from espnet2_ext.metrics.probes import held_out_splits, linear_probe
from espnet2_ext.prosody2vec.contours import (
    contour_input,
    contours_of,
    relative_contours,
    summarise,
)
from espnet2_ext.prosody2vec.encoders import ProsodyEncoder
from espnet2_ext.prosody2vec.mels import HifiGanMel

PAGE = Path(__file__).with_suffix(".md")
CONFIG = Path(__file__).parents[2] / "egs2/mini_emo/p2v1/conf/tuning/train_p2v_explicit_mini.yaml"
UNTRAINED_SEEDS = (0, 1, 2)
NOT_IN_CONTOURS = ("tilt_db", "breath_db")
HEADER = ("set", "read from", "relative to the speaker", "by", "seen voices", "unseen voices")


class Set(NamedTuple):
    """Utterances of a data directory: (n,) names each, and the lists of contours (T, 3)."""

    name: str
    emotions: np.ndarray
    speakers: np.ndarray
    texts: np.ndarray
    parameters: np.ndarray | None
    likely: np.ndarray | None  # the emotion whose density is greatest
    contours: list[np.ndarray]


def read_set(folder: Path, voices: int, seed: int) -> Set:
    """Return the utterances of the first voices; ``seed`` is the corpus'."""
    wavs, emotions = read_table(folder / "wav.scp"), read_table(folder / "utt2emo")
    speakers, texts = read_table(folder / "utt2spk"), read_table(folder / "text")
    chosen = set(sorted(set(speakers.values()))[:voices])
    keys = [key for key in sorted(wavs) if speakers[key] in chosen]
    parameters = likely = None
    if (folder / hard.PARAMETERS).is_file():
        cues = hard.read_parameters(folder / hard.PARAMETERS)
        parameters = np.array([cues[key] for key in keys])
        known = pretraining_voices(60, seed)
        known += [voice for prefix in PAIRED_VARIANTS for voice in paired_voices(prefix, seed)]
        voice_of = {voice.speaker: voice for voice in known}
        likely = np.array([likeliest(cues[key], voice_of[speakers[key]], seed) for key in keys])
    features = HifiGanMel()
    contours = [contours_of(read_audio(wavs[key]), features, "dio") for key in keys]
    emotion, speaker, text = (
        np.array([table[key] for key in keys]) for table in (emotions, speakers, texts)
    )
    return Set(folder.name, emotion, speaker, text, parameters, likely, contours)


def likeliest(cues: hard.Cues, voice: Voice, seed: int) -> str:
    """Return the emotion whose density at the cues is greatest, the voice's habits known."""

    def distance(emotion: str) -> float:
        means = hard.expected_cues(voice, emotion, seed)
        return float((((np.array(cues) - means) / hard.SPREAD) ** 2).sum())

    return min(EMOTIONS, key=distance)


def relative(values: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    """Return values (n, d) less the mean over their speaker's utterances."""
    result = values.copy()
    for speaker in np.unique(speakers):
        result[speakers == speaker] -= values[speakers == speaker].mean(axis=0)
    return result


def four_figures(contours: Sequence[np.ndarray]) -> np.ndarray:
    """Return (n, 4) mean and deviation of log F0, level, and log of the length in frames."""
    rows = []
    for each in contours:
        voiced = each[each[:, 1] > 0.5, 0]
        spread = (voiced.mean(), voiced.std()) if len(voiced) else (np.nan, np.nan)
        rows.append((*spread, summarise(each).level, np.log(len(each))))
    figures = np.array(rows, dtype=np.float64)
    return np.where(np.isnan(figures), np.nanmean(figures, axis=0), figures)


def untrained_vectors(
    contours: Sequence[np.ndarray], figures: np.ndarray, speakers: np.ndarray, seed: int
) -> np.ndarray:
    """Return (n, P) an untrained encoder's vectors of contours relative to the speaker."""
    conf = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["prosody_encoder_conf"]
    encoder = untrained_encoder(ProsodyEncoder(mel_dim=3, **conf), seed).eval()
    vectors = []
    for index, each in enumerate(contours):
        others = speakers == speakers[index]
        others[index] = others.sum() == 1
        statistics = torch.tensor(figures[others][:, [0, 2]].mean(axis=0))[None].float()
        length = torch.tensor([len(each)])
        mask = torch.ones(1, len(each))
        inputs = contour_input(relative_contours(torch.tensor(each)[None], statistics, mask))
        with torch.no_grad():
            vectors.append(encoder(inputs, length)[0].numpy())
    return np.array(vectors)


def linear(values: np.ndarray, emotions: np.ndarray, groups: np.ndarray) -> float:
    """Return the unweighted accuracy of the linear probe."""
    return linear_probe(values, emotions, groups).accuracy


def boosted(values: np.ndarray, emotions: np.ndarray, groups: np.ndarray) -> float:
    """Return the unweighted accuracy of gradient boosting in the same folds."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import balanced_accuracy_score

    codes = np.unique(emotions, return_inverse=True)[1]
    read = np.empty_like(codes)
    with one_thread():
        for train, test in held_out_splits(codes, groups):
            model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=6, random_state=0)
            read[test] = model.fit(values[train], codes[train]).predict(values[test])
    return float(balanced_accuracy_score(codes, read))


def rows_of(each: Set) -> Iterator[tuple[str, ...]]:
    """Yield the rows of HEADER."""

    def row(what: str, values: np.ndarray, related: str, reader) -> tuple[str, ...]:
        by = "linear probe" if reader is linear else "gradient boosting"
        scores = (reader(values, each.emotions, groups) for groups in (each.texts, each.speakers))
        return (each.name, what, related, by, *(f"{100 * score:.1f}" for score in scores))

    if each.parameters is not None and each.likely is not None:
        right = np.equal(each.likely, each.emotions)
        mean = np.mean([right[each.emotions == emotion].mean() for emotion in EMOTIONS])
        known = "densities, habits of the speaker known"
        yield each.name, "parameters", "yes", known, f"{100 * mean:.1f}", "–"
        own = relative(each.parameters, each.speakers)
        kept = [name not in NOT_IN_CONTOURS for name in hard.Cues._fields]
        yield row("parameters", own, "yes", linear)
        yield row("parameters", own, "yes", boosted)
        yield row("parameters", each.parameters, "no", linear)
        yield row("parameters", each.parameters, "no", boosted)
        yield row("parameters but tilt and breathiness", own[:, kept], "yes", linear)
        yield row("parameters of pitch, range, rate, level", own[:, :4], "yes", linear)
    figures = four_figures(each.contours)
    what = "pitch, range, level, length"
    yield row(what, relative(figures, each.speakers), "yes", linear)
    yield row(what, relative(figures, each.speakers), "yes", boosted)
    yield row(what, figures, "no", linear)
    scores = []
    for seed in UNTRAINED_SEEDS:
        vectors = untrained_vectors(each.contours, figures, each.speakers, seed)
        scores.append([linear(vectors, each.emotions, of) for of in (each.texts, each.speakers)])
    means = (f"{100 * score:.1f}" for score in np.mean(scores, axis=0))
    yield each.name, "contours, untrained encoder", "yes", "linear probe", *means


def render(sets: Sequence[Set], command: str) -> str:
    """Return the page."""
    counts = (
        f"{each.name}: {len(each.emotions)} utterances of {len(set(each.speakers))} voices"
        for each in sets
    )
    lines = [
        "## How well the emotion of mini_emo can be read",
        "",
        f"<!-- Made by `{command}`; do not edit. -->",
        "",
        "Unweighted accuracy (%) of four emotions, chance 25. Seen voices: sentences are held out;"
        " unseen: voices are, in at most five folds each. Relative to the speaker: less the mean"
        " over the speaker's utterances, emotions unknown. The untrained encoder is the mean of"
        f" {len(UNTRAINED_SEEDS)} draws.",
        "",
        *(f"- {count}" for count in counts),
        "",
        f"| {' | '.join(HEADER)} |",
        "|---|---|---|---|---:|---:|",
        *(f"| {' | '.join(row)} |" for each in sets for row in rows_of(each)),
    ]
    return "\n".join(lines) + "\n"


def main(cmd: Sequence[str] | None = None) -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser("python -m tools.bench.mini_emo_ceiling", description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="data directories")
    parser.add_argument("--voices", type=int, default=10, help="of each, the first ones")
    parser.add_argument("--seed", type=int, default=0, help="of the corpus")
    parser.add_argument("--page", type=Path, default=PAGE, help="file to write")
    options = parser.parse_args(cmd)
    torch.set_num_threads(1)
    sets = [read_set(folder, options.voices, options.seed) for folder in options.data]
    given = sys.argv[1:] if cmd is None else cmd
    with atomic_open(options.page) as stream:
        stream.write(render(sets, f"python -m tools.bench.mini_emo_ceiling {shlex.join(given)}"))


if __name__ == "__main__":
    main()
