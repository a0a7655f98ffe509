"""Systems by protocols by folds by seeds: every training of an experiment, in one list."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from espnet2_ext.data.table import read_table
from espnet2_ext.ser.fold_run import FoldRun
from espnet2_ext.ser.folds import FoldSet, fold_hash, read_folds


@dataclass(frozen=True)
class System:
    """A row of the result table.

    Attributes:
        tag: names its folder ``ser_<tag>``.
        config: its ESPnet configuration.
        max_seeds: it is trained with so many of a protocol's seeds, the first ones; None
            for all.
    """

    tag: str
    config: Path
    max_seeds: int | None = None

    @classmethod
    def of_config(cls, config: str | Path) -> "System":
        """Return the system of ``conf/train_ser_<tag>.yaml`` or ``<path>:<max_seeds>``.

        Raises:
            ValueError: there is no such file, or the limit is no number above 0.
        """
        name, _, limit = str(config).partition(":")
        path = Path(name)
        if not path.is_file():
            raise ValueError(f"{path}: no such configuration")
        if limit and not (limit.isdecimal() and int(limit) > 0):
            raise ValueError(f"{config}: expected FILE or FILE:SEEDS, as {path}:1")
        tag = path.stem.removeprefix("train_").removeprefix("ser_")
        return cls(tag, path, int(limit) if limit else None)

    def takes(self, place: int) -> bool:
        """Return whether it is trained with the seed at this place of a protocol."""
        return self.max_seeds is None or place < self.max_seeds


@dataclass(frozen=True)
class ProtocolRuns:
    """Folds of one protocol and the seeds that train on each.

    Attributes:
        folds: see FoldSet.
        seeds: of the trainings.
    """

    folds: FoldSet
    seeds: tuple[int, ...]

    @property
    def tag(self) -> str:
        """Return the protocol's name with the limit of its training lists, if there is one."""
        limit = self.folds.max_train
        return self.folds.protocol + (f"_train{limit}" if limit else "")


def read_protocols(
    folds_dir: str | Path, wanted: Sequence[str], utt2emo: str | Path
) -> list[ProtocolRuns]:
    """Return the protocols that ``<name>`` or ``<name>:<seed>,<seed>`` ask for.

    Args:
        folds_dir: has a folder for each protocol.
        wanted: such as ``loso:0,1,2``; a name alone means seed 0.
        utt2emo: labels, which the lists' hashes cover.

    Raises:
        ValueError: a seed is no number, or a list does not agree with its hash.
        OSError: a protocol's folds are not there.
    """
    labels = read_table(Path(utt2emo))
    protocols = []
    for entry in wanted:
        name, _, listed = entry.partition(":")
        seeds = (listed or "0").split(",")
        if not all(seed.isdecimal() for seed in seeds):
            raise ValueError(f"protocol {entry!r}: expected NAME or NAME:SEED,SEED, as loso:0,1,2")
        folds = read_folds(Path(folds_dir) / name, labels)
        protocols.append(ProtocolRuns(folds, tuple(int(seed) for seed in seeds)))
    return protocols


def list_runs(
    systems: Sequence[System],
    protocols: Sequence[ProtocolRuns],
    expdir: str | Path,
    emotions: Sequence[str],
    *,
    balanced: bool = False,
    extra: Sequence[str] = (),
) -> list[FoldRun]:
    """Return every training, seeds outermost: an interrupted experiment has whole tables of few.

    Args:
        systems: rows.
        protocols: folds and seeds.
        expdir: gets ``ser_<system>/<protocol>/<fold>/seed_<seed>``.
        emotions: classes in their order.
        balanced: see FoldRun.
        extra: see FoldRun.

    Raises:
        ValueError: two systems of one name, or folds with an emotion that is no class.
    """
    _check_experiment(systems, protocols, emotions)
    return [
        FoldRun(
            system=system.tag,
            config=system.config,
            directory=Path(expdir)
            / f"ser_{system.tag}"
            / protocol.tag
            / fold.name
            / f"seed_{protocol.seeds[place]}",
            fold=fold,
            fold_hash=fold_hash(fold, protocol.folds.labels),
            labels=protocol.folds.labels,
            emotions=tuple(emotions),
            seed=protocol.seeds[place],
            balanced=balanced,
            extra=tuple(extra),
        )
        for place in range(max(len(protocol.seeds) for protocol in protocols))
        for protocol in protocols
        if place < len(protocol.seeds)
        for fold in protocol.folds.folds
        for system in systems
        if system.takes(place)
    ]


def _check_experiment(
    systems: Sequence[System], protocols: Sequence[ProtocolRuns], emotions: Sequence[str]
) -> None:
    """Raise ValueError for two systems of one name, or folds with an emotion that is no class."""
    tags = [system.tag for system in systems]
    if len(set(tags)) < len(tags):
        raise ValueError(f"two configurations give one name: {', '.join(tags)}; rename one")
    for protocol in protocols:
        unknown = set(protocol.folds.emotions) - set(emotions)
        if unknown:
            raise ValueError(
                f"{protocol.tag}: emotions {', '.join(sorted(unknown))} are none of"
                f" {', '.join(emotions)}; give them as classes, or leave them out of the data"
            )
