"""log.sh, parse_options.sh and help.sh behave as Kaldi's and ESPnet's do."""

import re
import subprocess
from pathlib import Path

import pytest
from reference.fake_recipe import EGS2, shell

COMMON = EGS2 / "TEMPLATE/common"
SCRIPT = f"""#!/usr/bin/env bash
set -euo pipefail
. {COMMON}/log.sh
. {COMMON}/help.sh
# options
## Head
foo_bar=1      # a number
flag=false     # a switch
empty=         # nothing yet
# more text
# end of options
inner=kept
help_message="Usage: x
$(options_help "$0")"
option_aliases="old_bar=foo_bar older=flag"
. {COMMON}/parse_options.sh
printf '%s|' "${{foo_bar}}" "${{flag}}" "${{empty}}" "${{inner}}" "$@"
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (tmp_path / "config.sh").write_text("foo_bar=7\nempty=filled\nolder=true\n")
    (tmp_path / "script.sh").write_text(SCRIPT)
    return tmp_path / "script.sh"


def run(script: Path, *arguments: str) -> subprocess.CompletedProcess:
    return shell(script.parent, "bash", script, *arguments)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "1|false||kept|"),
        (["--foo_bar", "2 3"], "2 3|false||kept|"),
        (["--foo-bar", "2 3"], "2 3|false||kept|"),
        (["--foo_bar", "", "--empty", "--x 1"], "|false|--x 1|kept|"),
        (["--flag", "true", "word", "--foo_bar", "2"], "1|true||kept|word|--foo_bar|2|"),
        (["--foo_bar", "2", "--foo_bar", "3"], "3|false||kept|"),
        (["--foo_bar", "2", "--config", "config.sh"], "2|true|filled|kept|"),
    ],
)
def test_options_set_variables_up_to_the_first_other_word(script, arguments, expected):
    assert run(script, *arguments).stdout == expected


def test_former_names_are_taken_with_a_warning(script, monkeypatch):
    monkeypatch.setenv("older", "of the environment")
    for arguments, expected, names in (
        (["--old-bar", "2"], "2|false||kept|", "old_bar is now foo_bar"),
        (["--config", "config.sh"], "7|true|filled|kept|", "older is now flag"),
    ):
        result = run(script, *arguments)
        assert result.stdout == expected
        [warning] = result.stderr.splitlines()
        assert f"WARNING: {names}" in warning
    assert "takes true or false" in run(script, "--older", "yes").stderr


def test_options_of_a_long_list_are_found(script):
    """More than a pipe holds: what reads the list must not be cut off at the first match."""
    more = "".join(f"# {number} {'x' * 70}\n" for number in range(3000))
    script.write_text(SCRIPT.replace("# more text\n", more))
    assert run(script, "--foo_bar", "2").stdout == "2|false||kept|"


def test_printed_options_are_a_config_of_the_same_options(script, tmp_path):
    given = ["--foo_bar", "it's 2", "--flag", "true"]
    printed = run(script, "--print_config", *given).stdout
    assert re.findall(r"^(\w+)=", printed, re.M) == ["foo_bar", "flag", "empty"]
    (tmp_path / "printed.sh").write_text(printed)
    assert run(script, "--config", "printed.sh").stdout == run(script, *given).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--HOME", "1"], "unknown option --HOME"),
        (["--inner", "1"], "unknown option --inner"),
        (["--foo_bar"], "--foo_bar needs a value"),
        (["--flag", "yes"], "--flag takes true or false, not 'yes'"),
        (["--foo_bar=2"], "write '--foo_bar 2' instead"),
        (["--config", "/nowhere"], "cannot read '/nowhere'"),
        (["--a.b", "1"], "--a.b is no option"),
    ],
)
def test_errors_end_the_script_and_say_why(script, arguments, message):
    result = run(script, *arguments)
    assert (result.returncode, result.stdout) == (1, "")
    assert message in result.stderr


def test_help_lists_what_stands_between_the_marks(script):
    assert run(script, "-h").stdout == run(script, "--foo_bar", "2", "--help").stdout
    assert run(script, "-h").stdout.splitlines() == [
        "Usage: x",
        "",
        "Head",
        "  --foo_bar                    a number (1)",
        "  --flag                       a switch (false)",
        "  --empty                      nothing yet (none)",
        "  more text",
    ]


def test_log_names_file_line_and_function(tmp_path):
    path = tmp_path / "logging.sh"
    path.write_text(f". {COMMON}/log.sh\ninner() {{ log a  b; }}\ninner\ndie 'bad end'\necho no\n")
    result = run(path)
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
    assert re.fullmatch(rf"{time} \(logging\.sh:2:inner\) a b\n", result.stdout)
    assert re.fullmatch(rf"{time} \(logging\.sh:4:main\) ERROR: bad end\n", result.stderr)
    assert result.returncode == 2
