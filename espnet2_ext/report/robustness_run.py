"""Convert and score the pairs under one condition, each in a folder that is kept."""

import hashlib
import json
import logging
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.metrics.conversion import SCORES, score_conversions
from espnet2_ext.metrics.measure_files import load_unit_encoder
from espnet2_ext.metrics.pair_score import COLUMNS, read_scores
from espnet2_ext.prosody2vec.generation import GenerationLimits
from espnet2_ext.prosody2vec.inference import convert_pairs
from espnet2_ext.report.robustness_conditions import CLEAN, Condition
from espnet2_ext.report.robustness_inputs import SourceDamage, input_error_rates
from espnet2_ext.report.robustness_results import ConditionResult
from espnet2_ext.report.robustness_set import StudySet
from espnet2_ext.units.centroids import Centroids

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConversionSettings:
    """With what is converted and scored; see ``convert_pairs`` for all of it.

    Attributes:
        centroids_path: with which the units were made.
        seed: of places, noises and rooms.
    """

    model_file: str | Path
    centroids_path: str | Path
    train_config: str | Path | None = None
    contrast_data_dir: str | Path | None = None
    contrast_speaker_dir: str | Path | None = None
    vocoder: str = "griffin_lim"
    limits: GenerationLimits = GenerationLimits()
    seed: int = 0
    num_workers: int = 1
    device: str = "cpu"

    def fingerprint(self, study: StudySet, pairs_dir: Path, condition: Condition) -> str:
        """Return all that the scores depend on, as text."""
        clean = {source: study.units[source].tolist() for source in study.sources}
        tables = [(path.name, path.read_bytes()) for path in sorted(pairs_dir.iterdir())]
        content = {
            "condition": asdict(condition),
            "model": _digest(Path(self.model_file).read_bytes()),
            "centroids": _digest(Path(self.centroids_path).read_bytes()),
            "data_dir": str(study.path),
            "units": _digest(repr((study.unit_tag, clean)).encode()),
            "pairs": _digest(repr(tables).encode()),
            "contrast": [str(self.contrast_data_dir or ""), str(self.contrast_speaker_dir or "")],
            "vocoder": self.vocoder,
            "limits": asdict(self.limits),
            "seed": self.seed,
            "scores": COLUMNS,
        }
        return json.dumps(content, indent=1)


class ConditionRunner:
    """Runs conditions; the unit encoder is loaded when the first of them needs it.

    Args:
        study: the clean data.
        pairs_dir: of ``choose_pairs``.
        out_dir: gets a folder a condition: ``data/``, ``conversion/`` and ``settings.json``.
        settings: see there.
    """

    def __init__(
        self,
        study: StudySet,
        pairs_dir: str | Path,
        out_dir: str | Path,
        settings: ConversionSettings,
    ) -> None:
        self.study = study
        self.pairs_dir = Path(pairs_dir)
        self.out_dir = Path(out_dir)
        self.settings = settings
        self._damage: SourceDamage | None = None

    def run(self, condition: Condition) -> ConditionResult:
        """Return the result of a condition; one that is complete is read, not run again.

        Raises:
            FileNotFoundError: model or centroids are missing.
            ValueError: see ``SourceDamage.write``, ``convert_pairs``, ``score_conversions``.
        """
        folder = self.out_dir / condition.folder
        fingerprint = self.settings.fingerprint(self.study, self.pairs_dir, condition)
        kept, scores_path = folder / "settings.json", folder / "conversion" / SCORES
        is_same = kept.is_file() and kept.read_text(encoding="utf-8") == fingerprint
        if is_same and scores_path.is_file():
            logger.info("%s: complete, kept", folder)
        else:
            if not is_same:
                # Conversions of other units would otherwise be taken for these.
                shutil.rmtree(scores_path.parent, ignore_errors=True)
                with atomic_open(kept) as stream:
                    stream.write(fingerprint)
            self._convert_and_score(condition, folder)
        # Always from the file, whose digits are fewer: a rerun gives the same records.
        pooled = [replace(score, condition="") for score in read_scores(scores_path)]
        return ConditionResult(condition, pooled, input_error_rates(self.study, folder / "data"))

    def _convert_and_score(self, condition: Condition, folder: Path) -> None:
        settings = self.settings
        self._load_damage().write(condition, folder / "data")
        convert_pairs(
            model_file=settings.model_file,
            train_config=settings.train_config,
            data_dir=folder / "data",
            unit_tag=self.study.unit_tag,
            pairs_dir=self.pairs_dir,
            output_dir=folder / "conversion",
            vocoder=settings.vocoder,
            limits=settings.limits,
            num_workers=settings.num_workers,
            device=settings.device,
            contrast_data_dir=settings.contrast_data_dir,
            contrast_speaker_dir=settings.contrast_speaker_dir,
        )
        score_conversions(
            folder / "conversion",
            self.study.path,  # Clean: what should have been said.
            self.pairs_dir,
            settings.centroids_path,
            unit_tag=self.study.unit_tag,
            row_name=condition.row,
            with_reference_rows=condition.kind == CLEAN,
            vocoder=settings.vocoder,
            num_workers=settings.num_workers,
            device=settings.device,
        )

    def _load_damage(self) -> SourceDamage:
        if self._damage is None:
            path = self.settings.centroids_path
            encoder = load_unit_encoder(str(path), self.settings.device)
            num_units = Centroids.load(path).num_clusters
            self._damage = SourceDamage(self.study, encoder, num_units, self.settings.seed)
        return self._damage


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
