"""Convert a list of recordings with one model, resumable line by line."""

import csv
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from functools import partial
from pathlib import Path

from tqdm import tqdm

from espnet2_ext.data.atomic import atomic_open, remove_leftovers
from espnet2_ext.data.conversion_list import ListedConversion, read_conversion_list
from espnet2_ext.tasks.any_conversion import AnyConverter
from espnet2_ext.tasks.file_conversion import convert_file
from espnet2_ext.tasks.trained_files import find_trained_files

logger = logging.getLogger(__name__)

CONVERSIONS = "conversions.tsv"


@dataclass(frozen=True)
class ModelChoice:
    """The model and how it speaks; see ``AnyConverter.from_file``."""

    model_file: str
    train_config: str | None = None
    centroids: str | None = None
    speaker_encoder: str | None = None
    vocoder: str = "griffin_lim"
    max_segment_s: float = 10.0
    restore_contrast: bool | None = None

    def fingerprint(self) -> str:
        """Return a hash over the settings and what the files of the model hold.

        Raises: see ``find_trained_files``.
        """
        files = find_trained_files(
            self.model_file,
            self.train_config,
            centroids=self.centroids,
            speaker_encoder=self.speaker_encoder,
        )
        held = [_hash(files.model_file), _hash(files.centroids), repr(files.config)]
        restored = None if self.restore_contrast is False else files.contrast
        held += [files.speaker_encoder, _hash(restored) if restored else ""]
        settings = asdict(self)
        # Where the weights lie does not matter, what they are does.
        del settings["model_file"]
        return hashlib.sha256(repr((settings, held)).encode()).hexdigest()

    def load(self, device: str) -> AnyConverter:
        """Return the converter. Raises: see there."""
        options = asdict(self)
        model = options.pop("model_file"), options.pop("train_config")
        return AnyConverter.from_file(*model, **options, device=device)


@dataclass(frozen=True)
class ConvertedLine:
    """One line of ``conversions.tsv``.

    Attributes:
        name: of the conversion.
        wav: its audio file.
        not_stopped: segments of it whose end the limit on length has cut.
        made_from: hash over the model and the audio files it was made from.
    """

    name: str
    wav: str
    not_stopped: int
    made_from: str


COLUMNS = [field.name for field in fields(ConvertedLine)]


def convert_list(
    list_file: str | Path, out_dir: str | Path, model: ModelChoice, device: str = "cpu"
) -> list[ConvertedLine]:
    """Write ``wav/<name>.wav`` for every line of a list, and ``conversions.tsv`` over all.

    The model is loaded once, and only if something is to be done. A conversion is kept if
    it was made from the same model, settings and audio; what left the list leaves the table.

    Args:
        list_file: see ``read_conversion_list``.
        out_dir: gets the files.
        model: what converts.
        device: of model and unit upstream.

    Raises:
        FileNotFoundError: the list or a file of the model is missing.
        ValueError: a line of the list is wrong, or holds no speech; the message names it.
    """
    conversions = read_conversion_list(list_file)
    out_dir = Path(out_dir)
    remove_leftovers(out_dir)
    of_model = model.fingerprint()
    prints = {each.name: _made_from(each, of_model) for each in conversions}
    old = read_conversions(out_dir) if (out_dir / CONVERSIONS).is_file() else {}
    done = {
        name: line
        for name, line in old.items()
        if line.made_from == prints.get(name) and Path(line.wav).is_file()
    }
    missing = [each for each in conversions if each.name not in done]
    if missing:
        _convert(missing, out_dir, partial(model.load, device), prints, done)
    lines = [done[each.name] for each in conversions]
    _write_conversions(out_dir, lines)
    cut = [line.name for line in lines if line.not_stopped]
    if cut:
        logger.warning(f"{out_dir}: {len(cut)} of {len(lines)} found no end, as {cut[0]}")
    return lines


def _convert(
    missing: Sequence[ListedConversion],
    out_dir: Path,
    load: Callable[[], AnyConverter],
    prints: dict[str, str],
    done: dict[str, ConvertedLine],
) -> None:
    """Convert what is missing and add it to ``done``; the table is written after each."""
    converter = load()
    for each in tqdm(missing, desc="convert", dynamic_ncols=True, mininterval=1.0):
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


def read_conversions(out_dir: str | Path) -> dict[str, ConvertedLine]:
    """Return ``{name: line}`` of ``conversions.tsv``.

    Raises:
        FileNotFoundError: nothing was converted.
        ValueError: the table is another one.
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
    held = [_hash(Path(file)) for file in conversion.files]
    return hashlib.sha256(" ".join([of_model, *held]).encode()).hexdigest()[:16]


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
