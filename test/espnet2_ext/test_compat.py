"""What is done to other packages when they are imported."""

import importlib.util
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nltk") is None, reason="this ESPnet does without NLTK"
)


def run(code: str, **environment: str) -> None:
    """Run code in a process of its own, which imports everything anew."""
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **environment})


def test_nltk_is_not_imported_before_anybody_asks_and_its_downloads_are_answered():
    run(
        "import sys; from espnet2_ext import _compat; assert 'nltk' not in sys.modules;"
        "import nltk; assert nltk.download('punkt') is False and nltk.word_tokenize"
    )


def test_nltk_that_is_there_already_is_answered_too():
    run("import nltk; from espnet2_ext import _compat; assert nltk.download('punkt') is False")


def test_downloads_can_be_allowed():
    run(
        "from espnet2_ext import _compat; import nltk, nltk.downloader;"
        "assert nltk.download == nltk.downloader.download",
        ESPNET2_EXT_ALLOW_NLTK_DOWNLOAD="1",
    )
