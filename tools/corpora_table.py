"""Write tools/corpora.md, one row a corpus: ``python -m tools.corpora_table``.

The facts are those of ``espnet2_ext/corpora/catalogue.yaml``; which recipe uses a corpus is found
in the shell scripts below ``egs2``.
"""

import argparse
import re
from pathlib import Path

from espnet2_ext.corpora.catalogue import CORPORA, Corpus, corpus_of
from espnet2_ext.data.parallel import atomic_open

DEFAULT_OUT = Path(__file__).with_name("corpora.md")
EGS2 = Path(__file__).resolve().parents[1] / "egs2"
HEADER = (
    *("corpus", "licence", "to get it", "language", "utterances", "hours", "of the size"),
    *("recipes", "checked"),
)
MARK = " (unconfirmed)"

# A recipe names its command, or hands a name to common/mixture.sh or common/prepare_corpus.sh.
_COMMAND = re.compile(
    r"\bbin\.prepare (?!download\b)([a-z0-9_]+)"
    r"|^(?:[a-z]+=.* )?(?:add_corpus|prepare_corpus) ([a-z0-9_]+)",
    re.MULTILINE,
)


def recipe_directories(egs2: Path) -> list[Path]:
    """Return the directories of recipes, relative to ``egs2`` and sorted."""
    scripts = (path.relative_to(egs2).parent for path in egs2.glob("*/*/run.sh"))
    return sorted(path for path in scripts if path.parts[0] != "TEMPLATE")


def recipes_by_corpus(egs2: Path) -> dict[str, list[Path]]:
    """Return the recipes that prepare each corpus, by its name in the catalogue.

    Raises:
        ValueError: a recipe prepares no corpus, or one that is not in the catalogue.
    """
    recipes: dict[str, list[Path]] = {name: [] for name in CORPORA}
    for recipe in recipe_directories(egs2):
        scripts = sorted((egs2 / recipe / "local").glob("*.sh"))
        text = "\n".join(path.read_text(encoding="utf-8") for path in scripts)
        modules = {either or other for either, other in _COMMAND.findall(text)}
        if not modules:
            raise ValueError(f"{egs2 / recipe}/local: no script calls bin.prepare CORPUS")
        for name in sorted({corpus_of(module) for module in modules}):
            recipes[name].append(recipe)
    return recipes


def render(egs2: Path = EGS2) -> str:
    """Return the page as markdown, with links from ``tools``."""
    recipes = recipes_by_corpus(egs2)
    lines = [
        "# Corpora",
        "",
        "<!-- Made by `python -m tools.corpora_table`; do not edit. -->",
        "",
        "What is marked as unconfirmed stands in no source that could be opened: ask the authors.",
        "What is checked is compared before anything is written; a difference ends the run in one",
        "line. Nothing of a corpus is part of this project. mini_emo alone was run, the other",
        "parsers were tested on synthetic fixtures.",
        "",
        _line(HEADER),
        "|---|---|---|---|---:|---:|---|---|---|",
        *(_row(corpus, recipes[name]) for name, corpus in CORPORA.items()),
    ]
    return "\n".join(lines) + "\n"


def _row(corpus: Corpus, recipes: list[Path]) -> str:
    def mark(attribute: str) -> str:
        return MARK if attribute in corpus.unconfirmed else ""

    way = f"[{corpus.how_to_get}]({corpus.url})" if corpus.url else corpus.how_to_get
    utterances = "" if corpus.utterances is None else f"{corpus.utterances:,}"
    return _line(
        (
            corpus.name,
            corpus.licence + mark("licence"),
            way + mark("how_to_get"),
            corpus.language + mark("language"),
            utterances + mark("utterances"),
            ("" if corpus.hours is None else f"{corpus.hours:g}") + mark("hours"),
            corpus.size_note,
            ", ".join(f"[{path}](../egs2/{path})" for path in recipes),
            corpus.checks + mark("checks"),
        )
    )


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def main(cmd: list[str] | None = None) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser("python -m tools.corpora_table", description="List corpora.")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="page to write")
    out = parser.parse_args(cmd).out
    with atomic_open(out) as stream:
        stream.write(render())
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
