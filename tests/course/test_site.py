"""The site: pages without scripts or network, links that lead somewhere, pictures with a text; shown by a real browser."""

import re
import shutil
import subprocess

import pytest
from test_tutorials import FOLDER, TUTORIALS
from toy_course import TEXT, toy

from minires.course.notebooks import difference
from minires.course.site import broken, build

pytest.importorskip("nbconvert")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """{name: text} of the toy's site."""
    source, folder = tmp_path_factory.mktemp("from"), tmp_path_factory.mktemp("to") / "site"
    build(folder, toy(source))
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_a_page_holds_the_tutorial_and_the_index_its_sentence_and_time(pages):
    assert set(pages) == {"index.html", "04_toy.html"}
    assert "04 A toy &amp; more</a> (20 minutes)<br>You see a picture of nothing." in pages["index.html"]
    assert 'alt="a point"' in pages["04_toy.html"] and "data:image/png;base64," in pages["04_toy.html"]


def test_pages_need_no_script_and_no_network(pages):
    for text in pages.values():
        assert not re.search(r"<script|@import|url\(|src=\"http|<link[^>]*href=\"http", text)
        assert text.startswith("<!DOCTYPE html>") and '<html lang="en">' in text and "<title>" in text


def test_a_link_to_a_notebook_leads_to_its_page(pages):
    assert 'href="04_toy.html"' in pages["04_toy.html"] and ".ipynb" not in pages["04_toy.html"]


def test_a_link_that_leads_nowhere_is_found():
    page = '<h1 id="a"></h1><a href="#a"></a><a href="b.html"></a><a href="#c"></a><a href="https://x.org"></a>'
    page += '<img src="d.png">'
    assert [line.split("'")[1] for line in broken({"a.html": page})] == ["b.html", "#c", "d.png"]


@pytest.mark.parametrize("changes, line", [
    ({"alt": None}, "a picture without alt text"), ({"run": False}, "was not run"),
    ({"text": TEXT.replace("04_toy.ipynb", "05_toy.ipynb")}, "leads nowhere")])
def test_a_site_that_would_lack_something_is_refused_and_not_written(changes, line, tmp_path):
    (tmp_path / "from").mkdir()
    with pytest.raises(ValueError, match=line):
        build(tmp_path / "site", toy(tmp_path / "from", **changes))
    assert not (tmp_path / "site").exists()


def test_a_notebook_that_is_not_its_source_is_told(tmp_path):
    path = toy(tmp_path) / "04_toy.py"
    assert difference(path) is None
    path.write_text(TEXT.replace("(2, 3)", "(2, 4)"))
    assert "cell 1 is not that of 04_toy.py" in difference(path)
    path.write_text(TEXT + "\n# %%\nprint(1)\n")
    assert "has 5 cells, 04_toy.py 6" in difference(path)
    path.with_suffix(".ipynb").unlink()
    assert "04_toy.ipynb is missing: minires course notebooks 04" in difference(path)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site of all tutorials."""
    folder = tmp_path_factory.mktemp("site") / "site"
    build(folder, FOLDER)
    return folder


@pytest.mark.slow
def test_the_site_of_all_tutorials_has_a_page_for_each(site):
    assert {path.stem for path in site.iterdir()} == {"index", *(path.stem for path in TUTORIALS)}


PROBE = """<script>addEventListener("load", () => { const images = [...document.images];
document.body.dataset.images = images.length;
document.body.dataset.loaded = images.filter(image => image.complete && image.naturalWidth > 0).length;
document.body.dataset.wide = document.documentElement.scrollWidth > innerWidth + 1; });</script>"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here")
@pytest.mark.parametrize("name", ["index", *(path.stem for path in TUTORIALS)])
def test_a_real_browser_shows_the_page(name, site, tmp_path):
    """Nothing on the console, all pictures loaded, the text there, nothing wider than the window. The script is the test's."""
    page = tmp_path / f"{name}.html"
    page.write_text((site / f"{name}.html").read_text().replace("</body>", f"{PROBE}</body>"))
    words = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--window-size=1000,900",
             f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    body = re.search(r"<body([^>]*)>", done.stdout)[1]
    images = (site / f"{name}.html").read_text().count("<img")
    assert f'data-images="{images}"' in body and f'data-loaded="{images}"' in body and 'data-wide="false"' in body
    assert "CONSOLE" not in done.stderr
    assert ("Exercises" if name != "index" else "minutes)") in done.stdout
