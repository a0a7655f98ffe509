"""One row a try of the prosody path: what its conversions and its vectors are worth.

From a finished run (p2v.sh, stages 1 to 10) on a corpus with test sets of seen and unseen voices,

    python tools/bench/prosody_path.py --recipe egs2/mini_emo/p2v1 --p2v_exp exp/p2v_TAG --try NAME

takes what scores.tsv, results.jsonl and the training's curves hold, measures the rest, and puts one
row into a table, where it replaces that of the same try, seed and corpus. ``--baselines`` adds what
the same probes read from figures that need no model, ``--render`` writes the table as markdown
beside it. An independent speaker encoder (``pip install Resemblyzer webrtcvad-wheels``) and
``opensmile`` are used where installed.
"""

import argparse
import contextlib
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

if __name__ == "__main__" and not __package__:
    # Started as a file: what lies beside it are modules of tools.bench, not of their own.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import numpy as np
import yaml

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)
from espnet2_ext.data.audio import SAMPLE_RATE_HZ, read_audio
from espnet2_ext.data.pairs import read_pairs
from espnet2_ext.data.parallel import atomic_open, spawn_map
from espnet2_ext.data.tables import read_table
from espnet2_ext.metrics.conversion import GROUND_TRUTH, SCORES, SOURCE, PairScore, read_scores
from espnet2_ext.metrics.models import prediction_fields
from espnet2_ext.metrics.pitch import f0_contour
from espnet2_ext.metrics.prosody import measure_prosody, percent_error
from espnet2_ext.metrics.speaker import speaker_similarity
from espnet2_ext.report import probes
from espnet2_ext.report.evaluation_models import EvaluationModels
from espnet2_ext.report.figures import read_curves
from espnet2_ext.report.records import ENVIRONMENT, OLD_LABELS, Record, git_commit, read_records
from espnet2_ext.ser.attributes import attributes_of, read_utterances
from tools.bench.prosody_page import (
    BASELINES,
    CONSTANT,
    NOT_RUN,
    PROBE_COLUMNS,
    SET_COLUMNS,
    SETS,
    VOICE_COLUMNS,
    Figure,
    put_row,
    read_rows,
    render,
)

TABLE = Path(__file__).resolve().with_suffix(".jsonl")
CONVERTED = "converted"
REMEDY = "run the recipe to its end (stage 10)"
RELATIVE = ", relative to the speaker"
DATED = ("date", "Git hash")
"""Facts of the environment that are of the report, not of the place."""

# ---------------------------------------------------------------- conversions

OF_SCORES = {
    "F0-mean error, DIO (%)": (CONVERTED, "f0_error_percent"),
    "UER": (CONVERTED, "unit_error_rate"),
    "UER of the target": (GROUND_TRUTH, "unit_error_rate"),
    "duration error (%)": (CONVERTED, "duration_error_percent"),
    "source's duration error (%)": (SOURCE, "duration_error_percent"),
    "energy error (dB)": (CONVERTED, "level_error_db"),
    "source's energy error (dB)": (SOURCE, "level_error_db"),
    "MCD (dB)": (CONVERTED, "mcd_db"),
}
"""Row and field of scores.tsv whose mean is the figure."""
EMOTION_ROWS = {"emotion (%)": CONVERTED, "target's emotion (%)": GROUND_TRUTH}

Scores = dict[str, dict[str, PairScore]]


class Pitch(NamedTuple):
    """Of a file: mean F0 by DIO and Praat and std of log F0 by DIO; 0 without a voiced frame."""

    dio_hz: float
    praat_hz: float
    spread: float


@cache
def pitch_of(wav: str) -> Pitch:
    """Return the pitch of a file, measured once a process."""
    waveform = read_audio(wav)
    dio, praat = (f0_contour(waveform, method) for method in ("dio", "praat"))
    spread = float(np.log(dio.voiced_hz).std()) if len(dio.voiced_hz) else 0.0
    return Pitch(dio.mean_hz or 0.0, praat.mean_hz or 0.0, spread)


def scores_of(inference_dir: Path) -> Scores:
    """Return ``{row of scores.tsv: {pair: score}}``; ValueError if it lacks a row needed here."""
    rows: Scores = {}
    for score in read_scores(inference_dir / SCORES):
        rows.setdefault(OLD_LABELS.get(score.row, score.row), {})[score.pair_id] = score
    for name in (CONVERTED, SOURCE, GROUND_TRUTH):
        if name not in rows:
            raise ValueError(f"{inference_dir / SCORES}: no row {name!r}; {REMEDY}")
    return rows


def set_figures(
    inference_dir: Path, data_dir: Path, recogniser: str | None = None, num_workers: int = 1
) -> dict[str, Figure]:
    """Return ``SET_COLUMNS`` of the conversions of a folder.

    ``data_dir`` holds ``wav.scp`` of the targets and, for a recogniser (see ``EvaluationModels``),
    ``utt2emo``. ValueError names a target without pitch.
    """
    scores = scores_of(inference_dir)
    said, recorded = (read_table(folder / "wav.scp") for folder in (inference_dir, data_dir))
    wavs = {pair: (said[pair], recorded[of.target]) for pair, of in scores[CONVERTED].items()}
    files = sorted({file for both in wavs.values() for file in both})
    measured = spawn_map(pitch_of, files, description="F0", num_workers=num_workers)
    pitch = dict(zip(files, measured, strict=True))
    for _, target in wavs.values():
        if 0.0 in pitch[target]:
            raise ValueError(f"{target}: no pitch in a target; take its pairs out of the list")
    pitches = [(pitch[converted], pitch[target]) for converted, target in wavs.values()]
    figures: dict[str, Figure] = {
        "pairs": len(pitches),
        "F0-mean error, Praat (%)": statistics.median(
            percent_error(mine.praat_hz, target.praat_hz) for mine, target in pitches
        ),
        "no pitch, DIO": sum(mine.dio_hz == 0.0 for mine, _ in pitches),
        "no pitch, Praat": sum(mine.praat_hz == 0.0 for mine, _ in pitches),
        "F0 range": statistics.median(mine.spread / target.spread for mine, target in pitches),
        **{name: mean_of(scores[row], field) for name, (row, field) in OF_SCORES.items()},
        **emotion_figures(scores, wavs, data_dir, recogniser),
    }
    return {name: figures[name] for name in SET_COLUMNS}


def mean_of(scores: Mapping[str, PairScore], field: str) -> float:
    """Return the mean of a field over pairs."""
    return statistics.fmean(getattr(score, field) for score in scores.values())


def emotion_figures(
    scores: Scores,
    wavs: Mapping[str, tuple[str, str]],
    data_dir: Path,
    recogniser: str | None,
) -> dict[str, Figure]:
    """Return emotion accuracies by scores.tsv, else by a recogniser, else that it was not run.

    ``wavs`` are of conversion and target by pair.
    """
    if next(iter(scores[CONVERTED].values())).emotion_right is not None:
        return {
            name: 100.0 * mean_of(scores[row], "emotion_right")
            for name, row in EMOTION_ROWS.items()
        }
    predict = EvaluationModels(emotion_model=recogniser).predictor()
    if predict is None:
        return dict.fromkeys(EMOTION_ROWS, NOT_RUN)
    emotions = read_table(data_dir / "utt2emo")
    right: dict[str, list[float]] = {name: [] for name in EMOTION_ROWS}
    for pair, both in wavs.items():
        for name, wav in zip(EMOTION_ROWS, both, strict=True):
            heard = predict(read_audio(wav))
            fields = prediction_fields(heard, heard, emotions[scores[CONVERTED][pair].target])
            right[name].append(fields["emotion_right"] or 0.0)
    return {name: 100.0 * statistics.fmean(each) for name, each in right.items()}


# ---------------------------------------------------------------- voices


def load_speaker_encoder() -> Callable[[np.ndarray], np.ndarray] | None:
    """Return Resemblyzer's vector of a waveform (N,) at 16 kHz; None where it is not installed."""
    try:
        from resemblyzer import VoiceEncoder, preprocess_wav
    except ModuleNotFoundError:
        return None
    encoder = VoiceEncoder("cpu", verbose=False)

    def embed(waveform: np.ndarray) -> np.ndarray:
        speech = preprocess_wav(waveform, source_sr=SAMPLE_RATE_HZ)
        return encoder.embed_utterance(speech if len(speech) else waveform)

    return embed


class Spoken(NamedTuple):
    """Vector of what was said in a pair, and the utterances that the pair is of."""

    vector: np.ndarray
    source: str
    reference: str
    target: str


def voice_shares(
    spoken: Iterable[Spoken], vectors: Mapping[str, np.ndarray], speakers: Mapping[str, str]
) -> tuple[float, float]:
    """Return in % what is nearer to the source's voice than to the reference's, and to any other.

    A voice is the mean vector of its recordings other than the pair's source and target.
    """
    nearer, nearest = [], []
    for vector, source, reference, target in spoken:
        of_voice: dict[str, list[np.ndarray]] = {}
        for name in vectors.keys() - {source, target}:
            of_voice.setdefault(speakers[name], []).append(vectors[name])
        cosine = {
            voice: speaker_similarity(vector, np.mean(each, axis=0))
            for voice, each in of_voice.items()
        }
        own = cosine.pop(speakers[source])
        nearer.append(own > cosine[speakers[reference]])
        nearest.append(own > max(cosine.values()))
    return 100.0 * statistics.fmean(nearer), 100.0 * statistics.fmean(nearest)


def voice_figures(inference_dir: Path, data_dir: Path, pairs_dir: Path) -> dict[str, Figure]:
    """Return ``VOICE_COLUMNS`` of conversions with a reference of another voice."""
    embed = load_speaker_encoder()
    if embed is None:
        return dict.fromkeys(VOICE_COLUMNS, NOT_RUN)
    recorded, said = (read_table(folder / "wav.scp") for folder in (data_dir, inference_dir))
    vectors = {name: embed(read_audio(wav)) for name, wav in sorted(recorded.items())}
    targets, speakers = read_table(pairs_dir / "targets"), read_table(data_dir / "utt2spk")
    conversions, truths = [], []
    for pair in read_pairs(pairs_dir / "pairs"):
        target = targets[pair.pair_id]
        truths.append(Spoken(vectors[target], pair.source, pair.prosody, target))
        conversions.append(truths[-1]._replace(vector=embed(read_audio(said[pair.pair_id]))))
    shares = [voice_shares(each, vectors, speakers) for each in (conversions, truths)]
    return dict(zip(VOICE_COLUMNS, shares[0] + shares[1], strict=True))


# ---------------------------------------------------------------- vectors


def probe_figures(
    records: Iterable[Record], model: str, voices: Mapping[str, str]
) -> dict[str, dict[str, Figure]]:
    """Return ``{vectors: PROBE_COLUMNS}`` of the training ``model`` in results.jsonl.

    ``voices`` says of the test sets whether they are seen or unseen. Vectors that are at chance
    everywhere are all the same (a bottleneck rounds an untrained encoder's to one), which is no
    figure of what they know, and said instead. ValueError if one is lacking.
    """
    kinds = (probes.PROSODY, probes.UNTRAINED, probes.SPEAKER_VECTOR, probes.CHANCE)
    found: dict[str, dict[str, Figure]] = {kind: {} for kind in kinds}
    for record in records:
        data, _, kind = record.row.partition(": ")
        column = f"{record.metric}, {voices.get(data)} (%)"
        if f"model {model}/" in record.protocol and column in PROBE_COLUMNS and kind in found:
            found[kind][column] = record.value
    for kind, figures in found.items():
        if lacking := sorted(PROBE_COLUMNS.keys() - figures.keys()):
            raise ValueError(f"{model}: no {lacking[0]} of the {kind} in results.jsonl; {REMEDY}")
    chance = found.pop(probes.CHANCE)
    return {
        kind: {name: CONSTANT if of == chance else of[name] for name in PROBE_COLUMNS}
        for kind, of in found.items()
    }


def four_figures(wavs: Sequence[str], num_workers: int = 1) -> np.ndarray:
    """Return (n, 4): mean and std of log F0 (without pitch their means), level in dB, seconds."""
    rows = []
    for each in measure_prosody(wavs, num_workers):
        log_f0 = np.log(each.contour.voiced_hz)
        pitch = (log_f0.mean(), log_f0.std()) if len(log_f0) else (np.nan, np.nan)
        rows.append((*pitch, each.level_db, each.duration_s))
    figures = np.array(rows)
    return np.where(np.isnan(figures), np.nanmean(figures, axis=0), figures)


def functionals(wavs: Sequence[str]) -> np.ndarray | None:
    """Return (n, 88) eGeMAPS 02 by opensmile; None where it is not installed."""
    try:
        import opensmile
    except ModuleNotFoundError:
        return None
    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=opensmile.FeatureLevel.Functionals,
    )
    waveforms = map(read_audio, wavs)
    return np.concatenate([smile.process_signal(w, SAMPLE_RATE_HZ).to_numpy() for w in waveforms])


def relative_to_speaker(figures: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    """Return figures (n, dim) less the mean of the other utterances of the speaker (n,)."""
    relative = np.zeros(figures.shape)
    for speaker in np.unique(speakers):
        own = figures[speakers == speaker]
        others = (own.sum(axis=0) - own) / max(len(own) - 1, 1)
        relative[speakers == speaker] = own - others
    return relative


def baseline_figures(data_dir: Path, num_workers: int = 1) -> dict[str, dict[str, Figure]]:
    """Return ``{figures: {probe: %}}`` of a data directory, by the probes of prosody vectors.

    Figures relative to the speaker need the speaker's other utterances of the directory.
    """
    utterances = read_utterances(data_dir)
    wavs = [each.wav for each in utterances.values()]
    speakers = np.array([each.speaker for each in utterances.values()])
    sentences = attributes_of(data_dir.name, utterances).values["sentence"]
    kinds = {"four figures": four_figures(wavs, num_workers), "eGeMAPS": functionals(wavs)}
    known = {kind: figures for kind, figures in kinds.items() if figures is not None}
    relative = {kind + RELATIVE: relative_to_speaker(of, speakers) for kind, of in known.items()}
    data = probes.ProbeSet(
        data_dir.name,
        len(utterances),
        speakers,
        np.array([sentences.get(name, f"\n{name}") for name in utterances]),
        np.array([name in sentences for name in utterances]),
        np.array([each.emotion for each in utterances.values()]),
        known | relative,
        targets={},
        lacking=(),
    )
    scores, _ = probes.probe_scores(data)
    return {
        kind: {
            probe: 100.0 * scores[probe][kind].accuracy if kind in data.vectors else NOT_RUN
            for probe in (probes.EMOTION, probes.SPEAKER)
        }
        for name in kinds
        for kind in (name, name + RELATIVE)
    }


# ---------------------------------------------------------------- rows


def baseline_row(seen: str, unseen: str, num_workers: int = 1) -> dict[str, Any]:
    """Return the row of figures that need no model; the recipe is the working directory."""
    found: dict[str, dict[str, Figure]] = {}
    for data, voices in ((seen, "seen"), (unseen, "unseen")):
        for kind, figures in baseline_figures(Path("dump/raw", data), num_workers).items():
            columns = {f"{probe}, {voices} (%)": value for probe, value in figures.items()}
            found.setdefault(kind, {}).update(columns)
    return {"try": BASELINES, "seed": 0, "corpus": seen, "probes": found}


def try_row(
    name: str,
    p2v_exp: Path,
    inference_tag: str,
    seen: str,
    unseen: str,
    *,
    recogniser: str | None = None,
    num_workers: int = 1,
) -> dict[str, Any]:
    """Return the row of a trained model; the recipe is the working directory."""
    records = read_records(p2v_exp.parent / "results.jsonl")
    of_vectors = probe_figures(records, p2v_exp.name, {seen: "seen", unseen: "unseen"})
    curves = read_curves(p2v_exp)["valid"]
    best = int(curves["loss"][:, 1].argmin())
    config = yaml.safe_load((p2v_exp / "config.yaml").read_text(encoding="utf-8"))
    facts = [each for each in records if each.table == ENVIRONMENT and each.row not in DATED]
    commits = {each.commit for each in records if f"model {p2v_exp.name}/" in each.protocol}
    folders = (f"{seen}/same_voice", f"{seen}/other_voice", f"{unseen}/same_voice")
    return {
        "try": name,
        "seed": config["seed"],
        "corpus": seen,
        "commit": ", ".join(sorted(commits)),
        "environment": {each.row: each.value for each in facts},
        "training": {
            "updates": int(curves["loss"][best, 0]),
            "batch": config["batch_size"],
            "mel loss": float(curves["mel_loss"][best, 1]),
        },
        "sets": {
            part: set_figures(
                p2v_exp / inference_tag / folder,
                Path("dump/raw", folder).parent,
                recogniser,
                num_workers,
            )
            for part, folder in zip(SETS, folders, strict=True)
        },
        "probes": of_vectors,
        "voice": voice_figures(
            p2v_exp / inference_tag / seen / "other_voice",
            Path("dump/raw", seen),
            Path("data", seen, "pairs/other_voice"),
        ),
    }


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(
        "python tools/bench/prosody_path.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--recipe", type=Path, help="folder of the recipe, with data, dump and exp")
    parser.add_argument("--p2v_exp", type=Path, help="the training, relative to the recipe")
    parser.add_argument("--inference_tag", default="griffin_lim_valid.loss.best")
    parser.add_argument("--try", dest="name", help="what the row is called")
    parser.add_argument("--baselines", action="store_true", help="also the row without a model")
    parser.add_argument("--seen", default="mini_emo_test", help="test set of voices trained on")
    parser.add_argument("--unseen", default="mini_emo_esd_test", help="test set of other voices")
    parser.add_argument("--recogniser", type=Path, help="of emotions: weights, or a folder of them")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--render", action="store_true", help="write the page of the table")
    parser.add_argument("--nj", type=int, default=1, help="processes that look for F0")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Measure, write; without a try or baselines only the page is made."""
    parser = get_parser()
    arguments = parser.parse_args(cmd)
    if arguments.name and arguments.p2v_exp is None:
        parser.error("--try needs --p2v_exp")
    if (arguments.name or arguments.baselines) and arguments.recipe is None:
        parser.error("--try and --baselines need --recipe")
    table, test_sets = arguments.table.resolve(), (arguments.seen, arguments.unseen)
    recogniser = None if arguments.recogniser is None else str(arguments.recogniser.resolve())
    rows = []
    with contextlib.chdir(arguments.recipe or "."):  # the tables of a recipe are relative to it
        if arguments.baselines:
            rows.append(baseline_row(*test_sets, arguments.nj))
        if arguments.name:
            run = (arguments.name, arguments.p2v_exp, arguments.inference_tag, *test_sets)
            rows.append(try_row(*run, recogniser=recogniser, num_workers=arguments.nj))
    for row in rows:
        put_row(table, {**row, "measured at": git_commit()})
    if arguments.render:
        page = render(read_rows(table), "python tools/bench/prosody_path.py --render")
        with atomic_open(table.with_suffix(".md")) as stream:
            stream.write(page)
        print(page)


if __name__ == "__main__":
    main()
