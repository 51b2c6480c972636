"""Reading files strictly: each complaint is one line that names the file, the line and the field. Nothing is half read."""

import csv
import io
import json
import os
from collections import Counter

from minires.errors import require
from minires.tasks.conversations.conversation import Utterance


def read_text(path, encodings=("utf-8",)):
    """The text of a file in the first of the encodings that fits, without byte order mark and with newlines \\n."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise ValueError(f"{path!r} cannot be read ({getattr(error, 'strerror', error)}): expected a file") from None
    for encoding in encodings:
        try:
            text = content.decode(encoding).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            line, byte = content.count(b"\n", 0, error.start) + 1, error.start
            continue
        require(text.strip() != "", f"{path!r} is empty: expected text")
        return text.replace("\r\n", "\n").replace("\r", "\n")
    raise ValueError(f"{path!r} line {line} is not {' nor '.join(encodings)}, at byte {byte}: expected text in {encodings[0]}")


def read_rows(path, columns, encodings=("utf-8",)):
    """The rows of a CSV file as (where, {column: cell}); where is "'file' line 7" for messages, `columns` must be there."""
    text, rows, header = read_text(path, encodings), [], None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in filter(None, reader):
            where = f"{path!r} line {reader.line_num}"
            if header is None:
                header = [name.strip() for name in cells]
                continue
            require(len(cells) == len(header), f"{where} has {len(cells)} cells: expected {len(header)} as the header")
            rows.append((where, dict(zip(header, cells))))
    except csv.Error as error:
        raise ValueError(f"{path!r} line {reader.line_num} is not CSV ({error}): expected cells separated by commas") from None
    for column in columns:
        require(header.count(column) == 1, f"{path!r} line 1 has {header.count(column)} columns {column!r}: "
                                           f"expected one each of {', '.join(columns)}")
    require(len(rows) > 0, f"{path!r} has a header and no rows: expected utterances")
    return rows


def read_json(path):
    """What a JSON file holds."""
    return parse_json(read_text(path), path)


def parse_json(text, path, line=0):
    """What a JSON text holds; a key that is there twice is refused, as one of the two would be lost."""
    def once(pairs):
        if len(dict(pairs)) < len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            place = f"{path!r} line {line}" if line else repr(path)
            raise ValueError(f"{place} has a key twice in one object, {twice!r}: expected keys that differ")
        return dict(pairs)
    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path!r} line {line or error.lineno} is not JSON ({error.msg}): expected JSON") from None
    except RecursionError:
        raise ValueError(f"{path!r} is nested too deeply: expected conversations in JSON") from None


def field(record, name, kind, where):
    """record[name], of this type; ValueError that names the place and the field."""
    require(isinstance(record, dict), f"{where} is {str(record)[:40]!r}: expected an object with the field {name!r}")
    require(name in record, f"{where} lacks the field {name!r}: it has {', '.join(map(str, record)) or 'none'}")
    require(isinstance(record[name], kind) and not isinstance(record[name], bool),
            f"{where}, field {name!r} is {str(record[name])[:40]!r}: expected {NAMES[kind]}")
    return record[name]


NAMES = {str: "a text", list: "a list", dict: "an object", (str, int): "a text or a whole number",
         (str, type(None)): "a text or null", (str, dict): "an object or a text"}


def whole(cell, column, where):
    """The whole number in a cell of a CSV file."""
    require(cell.strip().isdecimal(), f"{where}, field {column!r} is {cell[:40]!r}: expected a whole number")
    return int(cell)


def utterance(text, label, speaker, name, where):
    """An Utterance that has words; `name` is the field that holds them."""
    require(text.strip() != "", f"{where}, field {name!r} is {text[:40]!r}: expected words")
    return Utterance(text, label, speaker)


def split_files(path, names):
    """{split: file}: the files of a folder that have the published names {split: name}, or one file by itself.

    A single file with a name of its own counts as "train".
    """
    if not os.path.isdir(path):
        return {next((split for split, name in names.items() if name == os.path.basename(path)), "train"): path}
    found = {split: os.path.join(path, name) for split, name in names.items() if os.path.isfile(os.path.join(path, name))}
    require(len(found) > 0, f"folder {path!r} has none of the published files: expected {', '.join(names.values())}")
    return found


def gather(rows):
    """{key: utterances by position}, sorted by key, of (key, position, Utterance, where); a position stands once."""
    found = {}
    for key, position, said, where in rows:
        turns = found.setdefault(key, {})
        require(position not in turns, f"{where} is utterance {position} of a conversation that has one: expected each once")
        turns[position] = said
    return {key: tuple(said for _, said in sorted(found[key].items())) for key in sorted(found)}
