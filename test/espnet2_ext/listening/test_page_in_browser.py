"""The page in a real browser, by keyboard alone.

Needs a Chromium with its driver and the package selenium; on Debian that is
``apt-get install chromium chromium-driver`` and ``pip install selenium``.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from espnet2_ext.listening.design import ListeningTest, Trial
from espnet2_ext.listening.manifest import SIMILARITY, SIMILARITY_ANSWERS, answers_of
from espnet2_ext.listening.results import read_result

selenium = pytest.importorskip("selenium", reason="no selenium; pip install selenium")

from selenium.webdriver import Chrome, ChromeOptions, ChromeService  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
DRIVER = shutil.which("chromedriver")
WAIT_S = 30

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None or DRIVER is None,
        reason="no Chromium with chromedriver; apt-get install chromium chromium-driver",
    ),
]


class Listener:
    """Somebody with a keyboard, and eyes for what has the focus."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def focus(self) -> str:
        """Return the id, or for an answer its value, of what has the focus."""
        script = "const e = document.activeElement; return e.id || e.value || e.tagName"
        return self.driver.execute_script(script)

    def tab_to(self, *names: str) -> None:
        """Go forward until one of the names has the focus; fail after a whole round."""
        for _ in range(15):
            self.press(Keys.TAB)
            if self.focus() in names:
                return
        raise AssertionError(f"the keyboard does not reach {names}, it is at {self.focus()}")

    def text(self, name: str) -> str:
        return self.driver.find_element("id", name).text

    def is_enabled(self, name: str) -> bool:
        return not self.driver.execute_script(
            "return document.getElementById(arguments[0]).disabled", name
        )

    def wait(self, until: Callable[[], object]) -> None:
        WebDriverWait(self.driver, WAIT_S, poll_frequency=0.05).until(lambda _: until())

    def begin(self, number: str) -> None:
        self.tab_to("listener")
        self.press(Keys.CONTROL + "a", number + Keys.ENTER)
        self.wait(lambda: self.text("heading") or self.text("finish_heading"))

    def play(self, what: str) -> None:
        self.tab_to(f"play_{what}")
        self.press(Keys.SPACE)
        heard = f"{what}_heard"
        before = self.text(heard)
        self.wait(lambda: self.text(heard) != before)

    def listen(self, trial: Trial) -> None:
        if trial.kind == SIMILARITY:
            assert not self.is_enabled("play_audio")
            self.play("reference")
        assert not self.is_enabled("choices") and not self.is_enabled("next")
        self.play("audio")
        assert self.is_enabled("choices")

    def choose(self, answer: str, choices: tuple[str, ...]) -> None:
        """Go into the group, take what has the focus, then walk by arrows."""
        self.tab_to(*choices)
        self.press(Keys.SPACE)
        while self.focus() != answer:
            self.press(Keys.ARROW_DOWN)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    options = ChromeOptions()
    options.binary_location = BROWSER
    for option in ("--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio"):
        options.add_argument(option)
    options.add_argument(f"--user-data-dir={tmp_path / 'profile'}")
    options.add_experimental_option(
        "prefs", {"download.default_directory": str(tmp_path / "downloads")}
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=ChromeService(DRIVER))
    try:
        yield Listener(driver)
    finally:
        driver.quit()


def planted(trial: Trial, test: ListeningTest) -> str:
    """Return some answer that differs from trial to trial."""
    choices = answers_of(trial.kind, test.emotions)
    return choices[int(trial.trial_id[1:]) % len(choices)]


def test_a_whole_session(
    listener: Listener, test_dir: Path, tiny_test: ListeningTest, tmp_path: Path
) -> None:
    """Everything by keyboard, the page left twice in the middle; the file says what was said."""
    page = (test_dir / "page" / "index.html").as_uri()
    listener.driver.get(page)
    assert listener.driver.title == listener.text("title") == "Emotions <in> speech"
    listener.begin("3")
    order = tiny_test.orders[2]
    for place, trial_id in enumerate(order):
        trial = tiny_test.trials[trial_id]
        choices = answers_of(trial.kind, tiny_test.emotions)
        answer = planted(trial, tiny_test)
        heading = f"uestion {place + 1} of {len(order)}"
        assert listener.text("heading").endswith(heading)
        assert listener.text("heading").startswith("Practice") == (trial.role == "practice")
        assert listener.focus() == "heading"
        listener.listen(trial)
        if place == 2:
            # Heard, but not answered: neither has to be done again.
            listener.driver.refresh()
            listener.tab_to("begin")
            listener.press(Keys.ENTER)
            listener.wait(lambda: listener.text("heading"))
            assert listener.text("heading").endswith(heading)
            assert listener.is_enabled("choices") and not listener.is_enabled("next")
        listener.choose(answer, choices)
        if place == 5:
            # Another visit, answered but not sent.
            listener.driver.get("about:blank")
            listener.driver.get(page)
            listener.begin("3")
            assert listener.text("heading").endswith(heading)
            assert (
                listener.driver.execute_script(
                    "return document.querySelector('input[name=answer]:checked').value"
                )
                == answer
            )
        if place == 7:
            listener.play("audio")
        listener.tab_to("next")
        listener.press(Keys.ENTER)
    assert listener.focus() == "finish_heading"
    listener.tab_to("save")
    listener.press(Keys.ENTER)
    saved = tmp_path / "downloads" / f"listening_{tiny_test.digest}_listener_3.json"
    listener.wait(saved.is_file)
    result = read_result(saved, tiny_test)
    assert [answer.trial.trial_id for answer in result.answers] == list(order)
    for place, answer in enumerate(result.answers):
        assert answer.answer == planted(answer.trial, tiny_test)
        assert answer.plays_reference == (answer.trial.kind == SIMILARITY)
        assert answer.plays_audio == (2 if place == 7 else 1)
        assert answer.seconds > 0.1
    assert json.loads(saved.read_text())["page_loads"] == 3
    assert listener.driver.get_log("browser") == []


def test_what_has_the_focus_is_seen_and_named(listener: Listener, test_dir: Path) -> None:
    listener.driver.get((test_dir / "page" / "index.html").as_uri())
    script = """
        const style = getComputedStyle(document.activeElement);
        const width = style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth);
        const labels = document.activeElement.labels;
        return [width, labels?.length ? labels[0].textContent : document.activeElement.textContent];
    """
    seen = {}
    for _ in range(2):
        listener.press(Keys.TAB)
        width, seen[listener.focus()] = listener.driver.execute_script(script)
        assert width >= 2
    assert seen == {"listener": "Your listener number", "begin": "Start or go on"}
    listener.begin("1")
    width, text = listener.driver.execute_script(script)
    assert width >= 2 and re.search(r"uestion 1 of \d+", text)
    listener.play("reference")
    assert listener.driver.execute_script(script) == [3, "Play first recording"]
    listener.play("audio")
    listener.tab_to(*SIMILARITY_ANSWERS)
    assert listener.driver.execute_script(script) == [3, "−2: absolutely different"]


@pytest.mark.parametrize("number", ["0", "5", "1.5", ""])
def test_only_the_numbers_given_out_begin(listener: Listener, test_dir: Path, number: str) -> None:
    listener.driver.get((test_dir / "page" / "index.html").as_uri())
    listener.tab_to("listener")
    listener.press(number + Keys.ENTER)
    assert listener.text("heading") == ""
    assert listener.driver.find_element("id", "begin").is_displayed()


def test_a_broken_recording_is_told_and_cannot_be_answered(
    listener: Listener, test_dir: Path, tiny_test: ListeningTest
) -> None:
    first = tiny_test.trials[tiny_test.orders[0][0]]
    (test_dir / "page" / "audio" / first.reference).unlink()
    listener.driver.get((test_dir / "page" / "index.html").as_uri())
    listener.begin("1")
    listener.tab_to("play_reference")
    listener.press(Keys.SPACE)
    listener.wait(lambda: "cannot be played" in listener.text("problem"))
    assert "number 1 of listener 1" in listener.text("problem")
    assert not listener.is_enabled("play_audio") and not listener.is_enabled("choices")
