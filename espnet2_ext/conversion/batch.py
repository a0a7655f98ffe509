"""Convert tables of pairs, or a list of recordings, to files on disk; reruns resume.

``convert_pairs`` works on a data directory of a recipe, ``convert_list`` on audio files.
"""

import csv
import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from espnet2_ext._compat import load_ark_scp
from espnet2_ext.conversion.compensation import model_compensation
from espnet2_ext.conversion.converter import (
    Conversion,
    ConversionRequest,
    Prosody2VecConverter,
    file_hash,
    weighted_prosody,
)
from espnet2_ext.conversion.recordings import AnyConverter, convert_file
from espnet2_ext.conversion.trained_model import find_trained_files
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.conversion_list import ListedConversion, read_conversion_list
from espnet2_ext.data.pairs import Pair, mix_text, read_pairs
from espnet2_ext.data.parallel import atomic_open, parallel_map, remove_leftovers
from espnet2_ext.data.tables import read_int_table, read_table, write_table
from espnet2_ext.metrics.content import attention_path
from espnet2_ext.prosody2vec.decoding import GenerationLimits
from espnet2_ext.vocoder import build_vocoder
from espnet2_ext.vocoder.settings import MelSettings, check_vocoder_mel, vocoder_fingerprint
from espnet2_ext.vocoder.vocode import write_waveform

logger = logging.getLogger(__name__)

BATCH_SIZE = 16
"""Utterances of mixes encoded at a time; their vectors do not depend on it."""
CONVERSIONS = "conversions.tsv"

# ---------------------------------------------------------------- pairs


class PairRequests:
    """The tables of a dump directory (wav.scp, units_<tag>, spk_embed.scp), looked up by pair.

    The converter encodes the prosody of mixes, each utterance once.

    Raises:
        FileNotFoundError: a table is missing.
    """

    def __init__(self, data_dir: Path, unit_tag: str, converter: Prosody2VecConverter):
        self.data_dir = data_dir
        self.converter = converter
        self.units_name = f"units_{unit_tag}"
        self.units = read_int_table(data_dir / self.units_name)
        self.wavs = read_table(data_dir / "wav.scp")
        self.speakers = load_ark_scp(data_dir / "spk_embed.scp")
        self._prosody: dict[str, np.ndarray] = {}

    def check(self, pairs: Iterable[Pair]) -> None:
        """Raise ValueError where a pair names an utterance that a table lacks."""
        for pair in pairs:
            needed: list[tuple[str, Mapping[str, object], str]] = [
                (self.units_name, self.units, pair.source),
                ("spk_embed.scp", self.speakers, pair.speaker),
                *(("wav.scp", self.wavs, name) for name in pair.prosody_utterances),
            ]
            for table_name, table, utterance in needed:
                if utterance not in table:
                    raise ValueError(
                        f"{self.data_dir / table_name}: {pair.pair_id} needs {utterance}, which "
                        "is not there; see rejected.tsv beside it"
                    )

    def requests(self, pairs: Sequence[Pair]) -> list[ConversionRequest]:
        """Return the requests to the converter, in the order of the pairs."""
        self._encode({name for pair in pairs if pair.mix for name in pair.prosody_utterances})
        return [
            ConversionRequest(
                np.array(self.units[pair.source]),
                None if pair.mix else read_audio(self.wavs[pair.prosody]),
                np.asarray(self.speakers[pair.speaker]),
                self._mixed(pair) if pair.mix else None,
            )
            for pair in pairs
        ]

    def _mixed(self, pair: Pair) -> np.ndarray:
        vectors = [self._prosody[name] for name, _ in pair.mix]
        return weighted_prosody(vectors, [weight for _, weight in pair.mix])

    def _encode(self, utterances: set[str]) -> None:
        """Add the prosody vectors (P,) of utterances that are not encoded yet."""
        new = sorted(utterances - self._prosody.keys())
        for start in range(0, len(new), BATCH_SIZE):
            names = new[start : start + BATCH_SIZE]
            waveforms = [read_audio(self.wavs[name]) for name in names]
            vectors = self.converter.prosody_embeddings(waveforms).float().cpu().numpy()
            self._prosody.update(zip(names, vectors, strict=True))


def convert_pairs(
    *,
    model_file: str | Path,
    train_config: str | Path | None,
    data_dir: str | Path,
    unit_tag: str,
    pairs_dir: str | Path,
    output_dir: str | Path,
    vocoder: str = "griffin_lim",
    limits: GenerationLimits = GenerationLimits(),
    batch_size: int = 16,
    num_workers: int = 1,
    device: str = "cpu",
    compensation_data_dir: str | Path | None = None,
    compensation_speaker_dir: str | Path | None = None,
) -> None:
    """Write mel, attention and audio of every pair, and ``generation.tsv`` over all.

    A rerun with the same model, tables and settings resumes; any other starts anew.
    Utterances that did not stop, did not consume their units or went back are counted in a
    warning.

    Args:
        model_file: see Prosody2VecConverter.from_file, as for train_config.
        data_dir: holds wav.scp, units_<tag> and spk_embed.scp of all utterances named.
        unit_tag: which units.
        pairs_dir: holds the table ``pairs`` and, for mixed prosody, ``prosody_mix``.
        output_dir: where ``wav.scp mel.scp attention.scp generation.tsv`` appear.
        vocoder: see build_vocoder.
        batch_size: pairs generated at a time.
        num_workers: processes of the vocoder.
        device: of the model.
        compensation_data_dir: validation set on which the lost variance is measured, to be
            restored (see compensation.py); None leaves mels as generated.
        compensation_speaker_dir: training set, whose utterances give voices there too.

    Raises:
        FileNotFoundError: a file of the model or a table is missing.
        ValueError: the vocoder was made for another mel than the model's, or a pair names
            an utterance that the data directory lacks.
    """
    model_file, data_dir, output_dir = Path(model_file), Path(data_dir), Path(output_dir)
    if not model_file.is_file():
        raise FileNotFoundError(f"{model_file}: no such model; train one first (stage 8)")
    config_path = train_config or model_file.parent / "config.yaml"
    check_vocoder_mel(vocoder, MelSettings.of_training(config_path))
    pairs = read_pairs(Path(pairs_dir) / "pairs")
    settings = {
        "model": file_hash(model_file),
        "data_dir": str(data_dir),
        "tables": _hash_of_tables(data_dir, unit_tag),
        "vocoder": f"{vocoder} {vocoder_fingerprint(vocoder)}".rstrip(),
        "limits": asdict(limits),
        "batch_size": batch_size,
        "pairs": hashlib.sha256(repr(list(pairs)).encode()).hexdigest(),
        "contrast": None,
    }
    if compensation_data_dir:
        settings["contrast"] = [
            str(compensation_data_dir),
            str(compensation_speaker_dir or ""),
            _hash_of_tables(Path(compensation_data_dir), unit_tag),
        ]
    _start_anew_if_changed(output_dir, pairs, settings)
    if not all(_record_path(output_dir, pair).exists() for pair in pairs):
        converter = Prosody2VecConverter.from_file(model_file, train_config, limits, device)
        if compensation_data_dir:
            converter.vocoder_name = vocoder
            model_compensation(
                converter,
                model_file,
                compensation_data_dir,
                unit_tag,
                build_vocoder(vocoder, device),
                speaker_dir=compensation_speaker_dir or None,
                batch_size=batch_size,
            )
        _generate(PairRequests(data_dir, unit_tag, converter), pairs, output_dir, batch_size)
    _vocode_missing(pairs, output_dir, vocoder, num_workers)
    _write_tables(output_dir, pairs)


def _hash_of_tables(data_dir: Path, unit_tag: str) -> str:
    """Return a hash of the tables of units, audio and vectors that are there."""
    digest = hashlib.sha256()
    for name in (f"units_{unit_tag}", "wav.scp", "utt2num_samples", "spk_embed.scp"):
        table = data_dir / name
        digest.update(table.read_bytes() if table.is_file() else b"")
    return digest.hexdigest()


def _generate(
    tables: PairRequests, pairs: Sequence[Pair], output_dir: Path, batch_size: int
) -> None:
    """Write mel, attention and a record for each pair, batches of like length together."""
    # The last bits of a result depend on its batch. So batches are the same in every run, and
    # one that was begun is done again whole.
    tables.check(pairs)
    ordered = sorted(pairs, key=lambda pair: len(tables.units[pair.source]))
    reduction_factor = tables.converter.model.decoder.reduction_factor
    with tqdm(total=len(ordered), desc="generate", dynamic_ncols=True) as bar:
        for start in range(0, len(ordered), batch_size):
            batch = ordered[start : start + batch_size]
            bar.update(len(batch))
            if all(_record_path(output_dir, pair).exists() for pair in batch):
                continue
            conversions = tables.converter.convert(tables.requests(batch))
            for pair, conversion in zip(batch, conversions, strict=True):
                _save(output_dir, pair, conversion, reduction_factor)


def _save(output_dir: Path, pair: Pair, conversion: Conversion, reduction_factor: int) -> None:
    """Write the arrays of a pair and, last, the record that says they are complete."""
    for kind, array in (("mel", conversion.mel), ("attention", conversion.attention)):
        with atomic_open(output_dir / kind / f"{pair.pair_id}.npy", "wb") as stream:
            np.save(stream, array)
    steps, unit_steps = conversion.attention.shape
    path = attention_path(conversion.attention)
    record = {
        **asdict(pair),
        "mix": mix_text(pair.mix),
        "unit_steps": unit_steps,
        "decoder_steps": steps,
        "reduction_factor": reduction_factor,
        "forward_share": round(path.forward_share, 6),
        "consumed_share": round(path.consumed_share, 6),
        "stopped": int(conversion.is_stopped),
        "looped": int(path.looped),
    }
    with atomic_open(_record_path(output_dir, pair)) as stream:
        json.dump(record, stream)


def _vocode_missing(
    pairs: Sequence[Pair], output_dir: Path, vocoder: str, num_workers: int
) -> None:
    """Write the audio of every pair that has none."""
    silent = [pair.pair_id for pair in pairs if not _wav_path(output_dir, pair.pair_id).exists()]
    for _ in parallel_map(
        partial(_vocode_file, vocoder=vocoder, output_dir=output_dir),
        silent,
        description="vocoder",
        num_workers=num_workers,
        initializer=torch.set_num_threads,
        initializer_arguments=(1,),
        # Griffin-Lim runs in torch, whose threads do not survive a fork.
        start_method="spawn",
    ):
        pass


def _vocode_file(pair_id: str, vocoder: str, output_dir: Path) -> None:
    """Write the audio of a pair's mel."""
    mel = np.load(output_dir / "mel" / f"{pair_id}.npy")
    waveform = build_vocoder(vocoder)(mel)
    write_waveform(_wav_path(output_dir, pair_id), waveform)


def _write_tables(output_dir: Path, pairs: Sequence[Pair]) -> None:
    """Write the tables over all pairs, and warn of those that went wrong."""
    records = [
        json.loads(_record_path(output_dir, pair).read_text(encoding="utf-8")) for pair in pairs
    ]
    for kind, suffix in (("wav", "wav"), ("mel", "npy"), ("attention", "npy")):
        write_table(
            output_dir / f"{kind}.scp",
            {pair.pair_id: output_dir / kind / f"{pair.pair_id}.{suffix}" for pair in pairs},
        )
    with atomic_open(output_dir / "generation.tsv") as stream:
        stream.write("\t".join(records[0]) + "\n")
        for record in records:
            stream.write("\t".join(str(value) for value in record.values()) + "\n")
    for what, bad in (
        ("did not stop", [r for r in records if not r["stopped"]]),
        (
            "have an attention coverage below 0.95",
            [r for r in records if r["consumed_share"] < 0.95],
        ),
        ("repeat attention", [r for r in records if r["looped"]]),
    ):
        if bad:
            names = ", ".join(record["pair_id"] for record in bad[:3])
            logger.warning(f"{output_dir}: {len(bad)} of {len(records)} {what}: {names}")


def _start_anew_if_changed(
    output_dir: Path, pairs: Sequence[Pair], settings: Mapping[str, object]
) -> None:
    """Remove the records of an earlier run that used another model or other settings."""
    path = output_dir / "settings.json"
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) == settings:
        return
    for pair in pairs:
        _record_path(output_dir, pair).unlink(missing_ok=True)
        _wav_path(output_dir, pair.pair_id).unlink(missing_ok=True)
    with atomic_open(path) as stream:
        json.dump(settings, stream, indent=1)


def _record_path(output_dir: Path, pair: Pair) -> Path:
    return output_dir / "record" / f"{pair.pair_id}.json"


def _wav_path(output_dir: Path, pair_id: str) -> Path:
    return output_dir / "wav" / f"{pair_id}.wav"


# ---------------------------------------------------------------- lists of recordings


MODEL_OPTIONS: dict[str, Any] = {
    "train_config": None,
    "centroids": None,
    "speaker_encoder": None,
    "vocoder": "griffin_lim",
    "max_segment_s": 10.0,
    "variance_compensation": None,
}
"""Defaults of ``AnyConverter.from_file``, on which conversions depend."""


def _model_hash(model_file: str | Path, options: Mapping[str, Any]) -> str:
    """Return a hash of the settings and the model's files; raises as find_trained_files."""
    settings = {**MODEL_OPTIONS, **options}
    names = ("train_config", "centroids", "speaker_encoder")
    files = find_trained_files(model_file, **{name: settings[name] for name in names})
    held = [file_hash(files.model_file), file_hash(files.centroids), repr(files.config)]
    restored = None if settings["variance_compensation"] is False else files.compensation
    held += [files.speaker_encoder, file_hash(restored) if restored else ""]
    # Hashed under its former name, so that existing conversions stay up to date.
    settings["restore_contrast"] = settings.pop("variance_compensation")
    return hashlib.sha256(repr((settings, held)).encode()).hexdigest()


@dataclass(frozen=True)
class ConvertedLine:
    """One line of ``conversions.tsv``; ``made_from`` is a hash of the model and the audio files."""

    name: str
    wav: str
    not_stopped: int  # segments that were cut by a limit on length
    made_from: str


COLUMNS = [field.name for field in fields(ConvertedLine)]


def convert_list(
    list_file: str | Path,
    out_dir: str | Path,
    *,
    model_file: str | Path,
    device: str = "cpu",
    **options: Any,
) -> list[ConvertedLine]:
    """Write ``wav/<name>.wav`` for every line of a list, and ``conversions.tsv`` over all.

    The model is loaded only if something is to be done. A conversion is kept if it was made
    from the same model, settings and audio; lines that left the list leave the table.
    ``list_file`` is read by ``read_conversion_list``; model and options are those of
    ``AnyConverter.from_file``.

    Raises:
        FileNotFoundError: the list or a file of the model is missing.
        ValueError: a line of the list is wrong or names a file without speech.
    """
    conversions = read_conversion_list(list_file)
    out_dir = Path(out_dir)
    remove_leftovers(out_dir)
    of_model = _model_hash(model_file, options)
    prints = {each.name: _made_from(each, of_model) for each in conversions}
    old = read_conversions(out_dir) if (out_dir / CONVERSIONS).is_file() else {}
    done = {
        name: line
        for name, line in old.items()
        if line.made_from == prints.get(name) and Path(line.wav).is_file()
    }
    missing = [each for each in conversions if each.name not in done]
    if missing:
        converter = AnyConverter.from_file(model_file, **options, device=device)
    for each in tqdm(missing, desc="convert", dynamic_ncols=True, disable=not missing):
        wav = out_dir / "wav" / f"{each.name}.wav"
        result = convert_file(
            converter,
            source=each.source,
            prosody=[each.prosody],
            speaker=each.speaker or None,
            out=wav,
        )
        line = ConvertedLine(each.name, str(wav), result.num_not_stopped, prints[each.name])
        done[each.name] = line
        _write_conversions(out_dir, list(done.values()))
    lines = [done[each.name] for each in conversions]
    _write_conversions(out_dir, lines)
    cut = [line.name for line in lines if line.not_stopped]
    if cut:
        logger.warning(f"{out_dir}: {len(cut)} of {len(lines)} found no end, as {cut[0]}")
    return lines


def read_conversions(out_dir: str | Path) -> dict[str, ConvertedLine]:
    """Return ``{name: line}`` of ``conversions.tsv``.

    Raises:
        FileNotFoundError: it is missing.
        ValueError: it is another table.
    """
    path = Path(out_dir) / CONVERSIONS
    if not path.is_file():
        raise FileNotFoundError(f"{path}: missing; run the conversion stage first")
    with open(path, encoding="utf-8", newline="") as stream:
        header, *rows = [*csv.reader(stream, delimiter="\t")] or [[]]
    if header != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
        raise ValueError(f"{path}: not a table of conversions; remove it and convert again")
    return {row[0]: ConvertedLine(row[0], row[1], int(row[2]), row[3]) for row in rows}


def _write_conversions(out_dir: Path, lines: Sequence[ConvertedLine]) -> None:
    with atomic_open(out_dir / CONVERSIONS) as stream:
        csv.writer(stream, delimiter="\t", lineterminator="\n").writerows(
            [COLUMNS, *map(astuple, lines)]
        )


def _made_from(conversion: ListedConversion, of_model: str) -> str:
    held = [file_hash(file) for file in conversion.files]
    return hashlib.sha256(" ".join([of_model, *held]).encode()).hexdigest()[:16]
