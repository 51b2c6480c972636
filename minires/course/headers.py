"""What a tutorial says of itself, in its first cell.

    # %% [markdown]
    # # 04 RealFormer: attention scores that add up
    #
    # One sentence: what you will have done at the end.
    #
    # - Time: 45 minutes
    # - Needs: 02, 03
    # - You learn: to .., to ..
    # - Paper: .. (2012.11747)
"""

import re
from pathlib import Path
from typing import NamedTuple

from minires.errors import require

LINES = ("Time", "Needs", "You learn", "Paper")


class Header(NamedTuple):
    """The header of one tutorial."""

    path: Path
    number: str    # "04"
    title: str
    promise: str   # one sentence
    minutes: int
    needs: str
    learn: str
    paper: str


def headers(folder):
    """The Headers of the tutorials NN_title.py in a folder, in order; ValueError where there is none."""
    paths = sorted(Path(folder).glob("[0-9][0-9]_*.py"))
    require(paths, f"folder {str(folder)!r}: holds no tutorial, expected files such as 04_realformer.py")
    return [header(path) for path in paths]


def header(path):
    """The Header of one file, or a ValueError of one line that says what is missing."""
    path = Path(path)
    cell = path.read_text(encoding="utf-8").split("# %%")[1:2]
    require(cell and cell[0].startswith(" [markdown]"), f"{path.name}: expected a first cell `# %% [markdown]` with the title")
    text = re.sub(r"^# ?", "", cell[0].removeprefix(" [markdown]"), flags=re.MULTILINE)
    title = re.search(r"^# (\d\d) (.+)$", text, re.MULTILINE)
    require(title, f"{path.name}: expected a title `# {path.stem[:2]} ..` in the first cell")
    require(title[1] == path.stem[:2], f"{path.name}: has the number {title[1]} in its title, expected {path.stem[:2]}")
    facts = dict(re.findall(r"^- (\w[\w ]*): (.+(?:\n  .+)*)", text, re.MULTILINE))
    for name in LINES:
        require(name in facts, f"{path.name}: expected a line `- {name}: ..` in the first cell")
    promise = " ".join(text[title.end():].strip().split("\n\n")[0].split())
    minutes = re.fullmatch(r"(\d+) minutes", facts["Time"])
    require(minutes, f"{path.name}: Time: {facts['Time']!r}, expected e.g. 45 minutes")
    return Header(path, title[1], title[2], promise, int(minutes[1]),
                  *(" ".join(facts[name].split()) for name in LINES[1:]))
