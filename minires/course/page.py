"""One page: our own small frame around a body, its style inside it."""

import html

from minires.errors import needs

STYLE = """
body { font: 17px/1.5 Georgia, serif; color: #1a1a1a; background: #fff; margin: 0 auto; padding: 1em; max-width: 50em; }
h1, h2, h3, nav { font-family: Helvetica, Arial, sans-serif; line-height: 1.25; }
nav { font-size: 14px; display: flex; flex-wrap: wrap; gap: 0.3em 1.5em; padding: 0.5em 0; border-bottom: 1px solid #ccc; }
a { color: #004c78; }
pre { font: 13.5px/1.4 Menlo, Consolas, monospace; margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
code { font: 0.9em Menlo, Consolas, monospace; }
div.highlight { background: #f5f5f2; padding: 0.6em 0.8em; border-left: 3px solid #0072b2; margin-top: 1em; }
div.output_area pre { padding: 0.5em 0.8em; border-left: 3px solid #ccc; }
div.prompt, div.input_prompt, div.output_prompt, a.anchor-link { display: none; }
img { max-width: 100%; height: auto; background: #fff; }
ul.index li { margin: 0.8em 0; }
table { border-collapse: collapse; } td, th { padding: 0.2em 0.7em; border: 1px solid #ccc; }
"""


def page(title, body, links):
    """The HTML of a page."""
    formatter = needs("pygments.formatters", "tutorials").HtmlFormatter(style="xcode")
    colours = formatter.get_style_defs(".highlight")
    nav = f"<nav>{' '.join(links)}</nav>\n" if links else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>{STYLE}{colours}
.highlight {{ background: #f5f5f2; }}
</style>
</head>
<body>
{nav}<main>
{body}
</main>
{nav}</body>
</html>
"""
