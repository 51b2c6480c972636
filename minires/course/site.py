"""Static pages of the rendered tutorials: readable from the disk, no scripts, no network; pictures are inside the pages."""

import html
import re
from pathlib import Path

from minires.course.headers import headers
from minires.course.notebooks import difference, read
from minires.course.page import page
from minires.errors import needs, require
from minires.files import writable_folder, write_atomically


def build(directory, tutorials="tutorials"):
    """Write index.html and NN_title.html; returns their paths.

    ValueError in one line: a notebook that is missing or not its source's; a picture without alt text; a broken link.
    """
    every = headers(tutorials)
    for header in every:
        line = difference(header.path)
        require(line is None, line)
    pages = {f"{header.path.stem}.html": tutorial(header, every) for header in every}
    pages["index.html"] = index(every)
    for line in (*broken(pages), *nameless(pages)):
        raise ValueError(line)
    writable_folder(str(directory))
    for name, text in pages.items():
        write_atomically(Path(directory) / name, lambda file: file.write(text.encode()))
    return [str(Path(directory) / name) for name in pages]


def tutorial(header, every):
    """The page of one tutorial."""
    exporter = needs("nbconvert", "tutorials").HTMLExporter(template_name="basic")
    body, _ = exporter.from_notebook_node(read(header.path.with_suffix(".ipynb")))
    body = re.sub(r'href="(\d\d_\w+)\.(?:ipynb|py)(#[^"]*)?"', r'href="\1.html\2"', body)
    body = re.sub(r"<script\b.*?</script>", "", body, flags=re.DOTALL)
    place = every.index(header)
    near = [(every[i], word) for i, word in ((place - 1, "before"), (place + 1, "next")) if 0 <= i < len(every)]
    links = ['<a href="index.html">all tutorials</a>', *(f"{word}: {link(other)}" for other, word in near)]
    return page(f"{header.number} {header.title}", body, links)


def index(every):
    """The page that lists them, each with its sentence and its time."""
    items = "\n".join(f"<li>{link(each)} ({each.minutes} minutes)<br>{html.escape(each.promise)}</li>" for each in every)
    words = "Residual paths in Transformers and echo-state reservoirs, in plain NumPy: predict, run, explain, change, make."
    title = "minires: the tutorials"
    return page(title, f'<h1>{title}</h1>\n<p>{words}</p>\n<ul class="index">\n{items}\n</ul>', [])


def link(header):
    """A link to the page of a tutorial."""
    return f'<a href="{header.path.stem}.html">{header.number} {html.escape(header.title)}</a>'


def broken(pages):
    """A line for each link inside the site that leads nowhere; links to the network are not followed."""
    anchors = {name: set(map(html.unescape, re.findall(r'\bid="([^"]*)"', text))) for name, text in pages.items()}
    lines = []
    for name, text in pages.items():
        for link in re.findall(r'\b(?:href|src)="([^"]*)"', text):
            if re.match(r"(https?|data|mailto):", link):
                continue
            target, _, anchor = html.unescape(link).partition("#")
            if (target or name) not in pages or anchor and anchor not in anchors[target or name]:
                lines.append(f"{name}: link {link!r} leads nowhere, expected a page of the site")
    return lines


def nameless(pages):
    """A line for each picture without a text that says what it shows."""
    images = [(name, image) for name, text in pages.items() for image in re.findall(r"<img\b[^>]*>", text)]
    return [f"{name}: a picture without alt text, expected minires.course.show(figure, alt)" for name, image in images
            if not re.search(r'alt="(?!No description)[^"]+"', image)]
