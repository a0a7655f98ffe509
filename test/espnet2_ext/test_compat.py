"""What is done to other packages when they are imported."""

import importlib.util
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nltk") is None, reason="this ESPnet does without NLTK"
)


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        # Not imported before anybody asks; its downloads are answered, also if it is there already.
        (
            "import sys; from espnet2_ext import _compat; assert 'nltk' not in sys.modules;"
            "import nltk; assert nltk.download('punkt') is False and nltk.word_tokenize",
            "",
        ),
        ("import nltk; from espnet2_ext import _compat; assert not nltk.download('punkt')", ""),
        (
            "from espnet2_ext import _compat; import nltk, nltk.downloader;"
            "assert nltk.download == nltk.downloader.download",
            "1",
        ),
    ],
)
def test_nltk_downloads_nothing_unless_allowed(code: str, allowed: str) -> None:
    environment = {**os.environ, "ESPNET2_EXT_ALLOW_NLTK_DOWNLOAD": allowed}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
