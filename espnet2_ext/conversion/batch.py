"""Convert tables of pairs, or a list of recordings, to files on disk; reruns resume.

``convert_pairs`` works on a data directory of a recipe, ``convert_list`` on audio files.
"""

import csv
import hashlib
import inspect
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from espnet2_ext._compat import load_ark_scp
from espnet2_ext.conversion.compensation import model_compensation
from espnet2_ext.conversion.converter import (
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
from espnet2_ext.prosody2vec.contour_tables import SpeakerStatisticsTable
from espnet2_ext.prosody2vec.decoding import GenerationLimits
from espnet2_ext.prosody2vec.explicit_model import ExplicitProsody2VecModel
from espnet2_ext.vocoder import build_vocoder
from espnet2_ext.vocoder.settings import MelSettings, check_vocoder_mel, vocoder_fingerprint
from espnet2_ext.vocoder.vocode import vocode_file

logger = logging.getLogger(__name__)

BATCH_SIZE = 16
"""Utterances of mixes encoded at a time; their vectors do not depend on it."""
CONVERSIONS = "conversions.tsv"

# ---------------------------------------------------------------- pairs


class PairRequests:
    """The tables of a dump directory (wav.scp, units_<tag>, spk_embed.scp), looked up by pair.

    The converter encodes the prosody of mixes, each utterance once. FileNotFoundError where a
    table is missing, ValueError where it lacks an utterance of a pair.
    """

    def __init__(
        self,
        data_dir: Path,
        unit_tag: str,
        converter: Prosody2VecConverter,
        pairs: Sequence[Pair],
        targets: Mapping[str, str],
    ):
        self.converter = converter
        self.units = read_int_table(data_dir / f"units_{unit_tag}")
        self.wavs = read_table(data_dir / "wav.scp")
        self.speakers = load_ark_scp(data_dir / "spk_embed.scp")
        self.targets = targets
        self.statistics: SpeakerStatisticsTable | None = None
        if isinstance(converter.model, ExplicitProsody2VecModel):
            self.statistics = SpeakerStatisticsTable.from_directory(data_dir)
        self._prosody: dict[tuple[str, str], np.ndarray] = {}
        self._samples: dict[str, int] = {}
        tables: dict[str, Mapping[str, object]] = {
            f"units_{unit_tag}": self.units,
            "spk_embed.scp": self.speakers,
            "wav.scp": self.wavs,
        }
        for pair in pairs:
            heard = [*pair.prosody_utterances, *([pair.source] if self.statistics else [])]
            needed = [[pair.source], [pair.speaker], heard]
            for (name, table), utterances in zip(tables.items(), needed, strict=True):
                for utterance in utterances:
                    if utterance not in table:
                        raise ValueError(
                            f"{data_dir / name}: {pair.pair_id} needs {utterance}, which is not "
                            "there; see rejected.tsv beside it"
                        )

    def requests(self, pairs: Sequence[Pair]) -> list[ConversionRequest]:
        """Return the requests to the converter, in the order of the pairs."""
        if self.statistics is not None:
            return self._explicit_requests(pairs, self.statistics)
        self._encode([(name, "") for pair in pairs if pair.mix for name in pair.prosody_utterances])
        return [
            ConversionRequest(
                np.array(self.units[pair.source]),
                None if pair.mix else read_audio(self.wavs[pair.prosody]),
                np.asarray(self.speakers[pair.speaker]),
                self._mixed(pair) if pair.mix else None,
            )
            for pair in pairs
        ]

    def _explicit_requests(
        self, pairs: Sequence[Pair], table: SpeakerStatisticsTable
    ) -> list[ConversionRequest]:
        """Return the requests of the explicit prosody path.

        Statistics are of the speakers' other utterances, the ground-truth target left out too: it
        would not be there in use.
        """
        sources = [(pair.source, self.targets.get(pair.pair_id, "")) for pair in pairs]
        self._encode([(name, "") for pair in pairs for name in pair.prosody_utterances] + sources)
        return [
            ConversionRequest(
                np.array(self.units[pair.source]),
                None,
                np.asarray(self.speakers[pair.speaker]),
                self._mixed(pair) if pair.mix else self._prosody[pair.prosody, ""],
                speaker_statistics=table.of_others(pair.speaker, source[1]),
                source_embedding=self._prosody[source],
                source_samples=self._samples[pair.source],
            )
            for pair, source in zip(pairs, sources, strict=True)
        ]

    def _mixed(self, pair: Pair) -> np.ndarray:
        return weighted_prosody([(self._prosody[name, ""], weight) for name, weight in pair.mix])

    def _encode(self, utterances: Iterable[tuple[str, str]]) -> None:
        """Add prosody vectors (P,) of utterances, each with one that its statistics leave out."""
        new = sorted({*utterances} - self._prosody.keys())
        for start in range(0, len(new), BATCH_SIZE):
            keys = new[start : start + BATCH_SIZE]
            waveforms = [read_audio(self.wavs[name]) for name, _ in keys]
            self._samples |= {
                name: len(waveform) for (name, _), waveform in zip(keys, waveforms, strict=True)
            }
            table = self.statistics
            rows = None if table is None else [table.of_others(*key) for key in keys]
            vectors = self.converter.prosody_embeddings(waveforms, rows).float().cpu().numpy()
            self._prosody.update(zip(keys, vectors, strict=True))


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

    A rerun with the same model, tables and settings resumes; any other starts anew. A warning
    counts the utterances whose attention went wrong.

    Args:
        model_file, train_config: see Prosody2VecConverter.from_file.
        data_dir: holds wav.scp, units_<unit_tag> and spk_embed.scp of all utterances named.
        pairs_dir: holds the table ``pairs`` and, for mixed prosody, ``prosody_mix``; of
            ``targets``, where there, none has a say in speaker statistics (explicit path).
        output_dir: where ``wav.scp mel.scp attention.scp generation.tsv`` appear.
        num_workers: processes of the vocoder, see build_vocoder; ``device`` is the model's.
        compensation_data_dir: validation set on which the lost variance is measured, to be
            restored (see compensation.py); None leaves mels as generated.
        compensation_speaker_dir: training set, whose utterances give voices there too.
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
        # As before the window of attention went, so that conversions stay up to date.
        "limits": {**asdict(limits), "backward_units": None, "forward_units": None},
        "batch_size": batch_size,
        "pairs": hashlib.sha256(repr(list(pairs)).encode()).hexdigest(),
        "contrast": None,
    }
    targets_path = Path(pairs_dir) / "targets"
    targets = read_table(targets_path) if targets_path.is_file() else {}
    if (data_dir / "utt2prosody").is_file():
        settings["targets"] = hashlib.sha256(repr(targets).encode()).hexdigest()
    if compensation_data_dir:
        settings["contrast"] = [
            str(compensation_data_dir),
            str(compensation_speaker_dir or ""),
            _hash_of_tables(Path(compensation_data_dir), unit_tag),
        ]
    settings_path = output_dir / "settings.json"
    if not settings_path.exists() or json.loads(settings_path.read_text()) != settings:
        for pair in pairs:
            _file(output_dir, "record", pair).unlink(missing_ok=True)
            _file(output_dir, "wav", pair).unlink(missing_ok=True)
        with atomic_open(settings_path) as stream:
            json.dump(settings, stream, indent=1)
    if not all(_file(output_dir, "record", pair).exists() for pair in pairs):
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
        tables = PairRequests(data_dir, unit_tag, converter, pairs, targets)
        _generate(tables, pairs, output_dir, batch_size)
    wavs = {_file(output_dir, "mel", pair): _file(output_dir, "wav", pair) for pair in pairs}
    for _ in parallel_map(
        partial(vocode_file, vocoder=vocoder),
        [(mel, wav) for mel, wav in wavs.items() if not wav.exists()],
        description="vocoder",
        num_workers=num_workers,
        initializer=torch.set_num_threads,
        initializer_arguments=(1,),
        # Griffin-Lim runs in torch, whose threads do not survive a fork.
        start_method="spawn",
    ):
        pass
    _write_tables(output_dir, pairs)


def _hash_of_tables(data_dir: Path, unit_tag: str) -> str:
    """Return a hash of the tables of units, audio and vectors that are there."""
    digest = hashlib.sha256()
    for name in (f"units_{unit_tag}", "wav.scp", "utt2num_samples", "spk_embed.scp", "utt2prosody"):
        table = data_dir / name
        digest.update(table.read_bytes() if table.is_file() else b"")
    return digest.hexdigest()


def _generate(
    tables: PairRequests, pairs: Sequence[Pair], output_dir: Path, batch_size: int
) -> None:
    """Write mel, attention and, last, a record for each pair, batches of like length together."""
    # The last bits of a result depend on its batch. So batches are the same in every run, and
    # one that was begun is done again whole.
    ordered = sorted(pairs, key=lambda pair: len(tables.units[pair.source]))
    with tqdm(total=len(ordered), desc="generate", dynamic_ncols=True) as bar:
        for start in range(0, len(ordered), batch_size):
            batch = ordered[start : start + batch_size]
            bar.update(len(batch))
            if all(_file(output_dir, "record", pair).exists() for pair in batch):
                continue
            conversions = tables.converter.convert(tables.requests(batch))
            for pair, conversion in zip(batch, conversions, strict=True):
                for kind, array in (("mel", conversion.mel), ("attention", conversion.attention)):
                    with atomic_open(_file(output_dir, kind, pair), "wb") as stream:
                        np.save(stream, array)
                steps, unit_steps = conversion.attention.shape
                path = attention_path(conversion.attention)
                record = {
                    **asdict(pair),
                    "mix": mix_text(pair.mix),
                    "unit_steps": unit_steps,
                    "decoder_steps": steps,
                    "reduction_factor": tables.converter.model.decoder.reduction_factor,
                    "forward_share": round(path.forward_share, 6),
                    "consumed_share": round(path.consumed_share, 6),
                    "stopped": int(conversion.is_stopped),
                    "looped": int(path.looped),
                }
                with atomic_open(_file(output_dir, "record", pair)) as stream:
                    json.dump(record, stream)


def _write_tables(output_dir: Path, pairs: Sequence[Pair]) -> None:
    """Write the tables over all pairs, and warn of those that went wrong."""
    for kind in ("wav", "mel", "attention"):
        files = {pair.pair_id: _file(output_dir, kind, pair) for pair in pairs}
        write_table(output_dir / f"{kind}.scp", files)
    records = [json.loads(_file(output_dir, "record", pair).read_text()) for pair in pairs]
    with atomic_open(output_dir / "generation.tsv") as stream:
        for row in [records[0], *(record.values() for record in records)]:
            stream.write("\t".join(map(str, row)) + "\n")
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


def _file(output_dir: Path, kind: str, pair: Pair) -> Path:
    """Return the ``wav``, ``mel``, ``attention`` or ``record`` of a pair."""
    suffix = {"wav": "wav", "record": "json"}.get(kind, "npy")
    return output_dir / kind / f"{pair.pair_id}.{suffix}"


# ---------------------------------------------------------------- lists of recordings

MODEL_OPTIONS = {
    name: parameter.default
    for name, parameter in inspect.signature(AnyConverter.from_file).parameters.items()
    if name not in ("model_file", "limits", "device")
}
"""Defaults of the options on which conversions depend."""


class ConvertedLine(NamedTuple):
    """One line of ``conversions.tsv``; ``made_from`` is a hash of the model and the audio files."""

    name: str
    wav: str
    not_stopped: int  # segments that were cut by a limit on length
    made_from: str


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
        done[each.name] = ConvertedLine(
            each.name, str(wav), result.num_not_stopped, prints[each.name]
        )
        _write_conversions(out_dir, list(done.values()))
    lines = [done[each.name] for each in conversions]
    _write_conversions(out_dir, lines)
    cut = [line.name for line in lines if line.not_stopped]
    if cut:
        logger.warning(f"{out_dir}: {len(cut)} of {len(lines)} found no end, as {cut[0]}")
    return lines


def read_conversions(out_dir: str | Path) -> dict[str, ConvertedLine]:
    """Return ``{name: line}`` of ``conversions.tsv``."""
    path = Path(out_dir) / CONVERSIONS
    if not path.is_file():
        raise FileNotFoundError(f"{path}: missing; run the conversion stage first")
    with open(path, encoding="utf-8", newline="") as stream:
        header, *rows = [*csv.reader(stream, delimiter="\t")] or [[]]
    columns = ConvertedLine._fields
    if tuple(header) != columns or any(len(row) != len(columns) for row in rows):
        raise ValueError(f"{path}: not a table of conversions; remove it and convert again")
    return {name: ConvertedLine(name, wav, int(cut), made) for name, wav, cut, made in rows}


def _write_conversions(out_dir: Path, lines: Sequence[ConvertedLine]) -> None:
    with atomic_open(out_dir / CONVERSIONS) as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerows([ConvertedLine._fields, *lines])


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


def _made_from(conversion: ListedConversion, of_model: str) -> str:
    held = [of_model, *map(file_hash, conversion.files)]
    return hashlib.sha256(" ".join(held).encode()).hexdigest()[:16]
