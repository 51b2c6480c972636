"""The JSON Schemas of a pack, and the check of a document against one: as much of JSON Schema as they use."""

import re

from minires.errors import require

TEXT, COUNT, HASH = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9a-f]{64}$"}
TEXTS = {"type": "array", "items": TEXT}


def record(required, optional=None, **more):
    """The schema of an object with these properties and no others."""
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required),
            "additionalProperties": False, **more}


ROLES = ["parameter", "input", "cotangent", "activation", "loss"]
ROW = record({"name": TEXT, "role": {"type": "string", "enum": ROLES}, "shape": {"type": "array", "items": COUNT},
              "dtype": TEXT, "sha256": HASH},
             {"axes": TEXTS, "clause": TEXT, "inputs": TEXTS, "aliases": TEXTS, "gradient": {"type": "boolean"}})
CERTIFICATE = record({"bits": COUNT, "log2_radius": {"type": ["number", "null"]}, "entries": COUNT,
                      "zeros": {"type": "object"}})
FILE = record({"bytes": COUNT, "sha256": HASH})
FLAG = record({"family": TEXT, "does": TEXT, "fix": TEXT, "seen": TEXTS, "listed": TEXTS,
               "gradient": {"type": "boolean"}, "cases": TEXTS})
HEAD = {"$schema": "http://json-schema.org/draft-07/schema#"}
SCHEMAS = {
    "case": record({
        "schema": COUNT, "id": TEXT, "superseded_by": {"type": ["string", "null"]}, "system": TEXT, "clauses": TEXTS,
        "tags": TEXTS, "config": {"type": "object"}, "certificate": CERTIFICATE, "mistakes": TEXTS, "decoys": TEXTS,
        "tensors": {"type": "array", "items": ROW}}, **HEAD, title="case.json: the tensors in the order of computation"),
    "manifest": record({
        "suite": TEXT, "specification": TEXT, "schema": COUNT, "licence": TEXT,
        "files": {"type": "object", "additionalProperties": FILE}}, **HEAD, title="MANIFEST.json"),
    "flags": {**HEAD, "title": "FLAGS.json: the mistakes", "type": "object", "additionalProperties": FLAG},
}
TYPES = {"string": str, "integer": int, "number": (int, float), "object": dict, "array": list, "boolean": bool,
         "null": type(None)}


def check(document, schema, where):
    """ValueError in one line, with the place, where the document is not of the schema."""
    kinds = schema.get("type", list(TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    fits = any(isinstance(document, TYPES[kind]) and (kind == "boolean" or not isinstance(document, bool)) for kind in kinds)
    require(fits, f"{where}: {shown(document)}, expected {' or '.join(kinds)}")
    require(document in schema.get("enum", [document]), f"{where}: {shown(document)}, expected one of {schema.get('enum')}")
    if isinstance(document, str) and "pattern" in schema:
        require(re.search(schema["pattern"], document), f"{where}: {shown(document)}, expected {schema['pattern']}")
    if "minimum" in schema:
        require(document >= schema["minimum"], f"{where}: {document}, expected at least {schema['minimum']}")
    if isinstance(document, list):
        for i, each in enumerate(document):
            check(each, schema.get("items", {}), f"{where}[{i}]")
    if isinstance(document, dict):
        check_object(document, schema, where)


def check_object(document, schema, where):
    """The names of an object, and what stands under each."""
    known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name in schema.get("required", ()):
        require(name in document, f"{where}: {name!r} is missing")
    for name, value in document.items():
        require(name in known or more is not False, f"{where}: {name!r} is unknown, expected one of {', '.join(known)}")
        inner = known.get(name, more)
        check(value, inner if isinstance(inner, dict) else {}, f"{where}.{name}")


def shown(document):
    """The beginning of it."""
    text = repr(document)
    return text if len(text) <= 40 else text[:37] + "..."
