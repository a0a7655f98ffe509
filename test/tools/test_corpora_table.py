"""The page of the corpora: it is the command's, and no recipe or parser is missing."""

from pathlib import Path

import pytest

from espnet2_ext.corpora.catalogue import CORPORA
from tools.corpora_table import DEFAULT_OUT, EGS2, main, recipes_by_corpus, render


def write_recipe(egs2: Path, name: str, script: str) -> None:
    (egs2 / name / "local").mkdir(parents=True)
    (egs2 / name / "run.sh").touch()
    (egs2 / name / "local/data.sh").write_text(script)


def test_committed_page_is_what_the_command_gives(tmp_path: Path, capsys: pytest.CaptureFixture):
    main(["--out", str(tmp_path / "page.md")])
    assert capsys.readouterr().out == f"wrote {tmp_path / 'page.md'}\n"
    assert (tmp_path / "page.md").read_text() == DEFAULT_OUT.read_text(), (
        "tools/corpora.md: old; run python -m tools.corpora_table"
    )


def test_every_recipe_every_corpus_and_every_unconfirmed_fact_is_there():
    page = render()
    recipes = [path.parent for path in EGS2.glob("*/*/run.sh") if "TEMPLATE" not in path.parts]
    assert len(recipes) > 15
    for recipe in recipes:
        assert f"(../egs2/{recipe.relative_to(EGS2)})" in page
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    for row, corpus in zip(rows, CORPORA.values(), strict=True):
        assert row.split(" | ")[0][2:] == corpus.name and row.count(" | ") == 8
        assert row.count("(unconfirmed)") == len(corpus.unconfirmed)


def test_recipes_are_found_by_the_parsers_they_call(tmp_path: Path):
    for name, script in {
        "emodb/style1": "python -m espnet2_ext.bin.prepare emodb_style\n",
        "both/p2v1": 'add_corpus omg "${OMG}" omg\n  add_corpus lrs3\nbin.prepare esd',
        "crema_d/ser1": "# of espnet2_ext.bin.prepare crema_d\n"
        'size="0.6 GB" prepare_corpus crema_d CREMA_D "$@"\n',
        "TEMPLATE/p2v1": "bin.prepare ravdess\n",
    }.items():
        write_recipe(tmp_path, name, script)
    found = {name: paths for name, paths in recipes_by_corpus(tmp_path).items() if paths}
    assert found == {
        "emodb": [Path("emodb/style1")],
        "crema_d": [Path("crema_d/ser1")],
        **dict.fromkeys(("omg", "esd"), [Path("both/p2v1")]),
    }


def test_recipe_of_no_known_corpus_is_refused(tmp_path: Path):
    for name, script, message in (
        ("a/ser1", "bin.prepare unheard_of\n", "unheard_of: not in espnet2_ext/corpora/catalogue"),
        ("0/ser1", "echo nothing\n", "0/ser1/local: no script calls bin.prepare CORPUS"),
    ):
        write_recipe(tmp_path, name, script)
        with pytest.raises(ValueError, match=message):
            recipes_by_corpus(tmp_path)
