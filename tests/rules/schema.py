"""schema.py - whether a JSON value is as a schema says: the words of JSON Schema that
explain.schema.json uses, and no library."""
import re

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
WORDS = {"$schema", "$defs", "$ref", "title", "description", "type", "enum", "const", "required",
         "properties", "patternProperties", "additionalProperties", "items", "minItems",
         "maxItems", "minimum", "maximum", "allOf", "if", "then"}


def is_type(value, name):
    if name == "integer" and isinstance(value, bool):
        return False
    return isinstance(value, TYPES[name])


def wrong(schema, value, root=None, at="answer"):
    """What of the value is not as the schema says: lines, none when all is well."""
    root = root or schema
    unknown = set(schema) - WORDS
    if unknown:
        raise ValueError(f"schema.py does not know {', '.join(sorted(unknown))}")
    if "$ref" in schema:
        target = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        yield from wrong(target, value, root, at)
    if "type" in schema and not is_type(value, schema["type"]):
        yield f"{at}: {value!r} is no {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{at}: {value!r} is not {schema['const']!r}"
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{at}: {value!r} is below {schema['minimum']}"
    if "maximum" in schema and value > schema["maximum"]:
        yield f"{at}: {value!r} is above {schema['maximum']}"
    if isinstance(value, dict):
        yield from wrong_object(schema, value, root, at)
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{at}: {len(value)} items"
        for i, item in enumerate(value):
            yield from wrong(schema.get("items", {}), item, root, f"{at}[{i}]")
    for part in schema.get("allOf", []):
        yield from wrong(part, value, root, at)
    if "if" in schema and not list(wrong(schema["if"], value, root, at)):
        yield from wrong(schema["then"], value, root, at)


def wrong_object(schema, value, root, at):
    for key in schema.get("required", []):
        if key not in value:
            yield f"{at}: no {key}"
    for key, member in value.items():
        parts = [part for name, part in schema.get("properties", {}).items() if name == key]
        parts += [part for name, part in schema.get("patternProperties", {}).items()
                  if re.search(name, key)]
        if not parts and schema.get("additionalProperties") is False:
            yield f"{at}: {key} is not in the schema"
        for part in parts:
            yield from wrong(part, member, root, f"{at}.{key}")
