#!/usr/bin/python3
"""test_schema.py PENSTOCKCTL TEST_BROKEN TOP - the JSON Schema of penstock.yaml against good and
broken configurations, read by Debian's jsonschema.

Every good configuration of the tree is accepted, and so is the example of every key. Of the broken
ones of test_broken.c each is refused, unless it is broken in a way that a schema cannot tell: those
are below, by reason, and the list has no more than that.
"""
import glob
import json
import os
import re
import subprocess
import sys

import jsonschema
import yaml

# What a schema of single values cannot see. Keyed by words of the error, from test_broken.c.
BLIND = {
    "what YAML's reader hides: names given twice, anchors, tags": [
        "anchors", "tags", "is already given in line 5"],
    "what a key's type does not say, but a check of its own: addresses of PCI, names of drivers": [
        "is no PCI address", "is no device of DPDK's", "' is refused"],
    "one value against another": ["same device"],
}


class Loader(yaml.SafeLoader):
    """YAML as editors read it: 1.2 has no dates, and no numbers of base 60 as 10:30 is."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in known
            if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int",
                           "tag:yaml.org,2002:float")]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), "-+0123456789")
Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+\.[0-9]+$"),
                             "-+0123456789")
FAULTS = []


def fault(text):
    FAULTS.append(text)
    print(text)


def read(text):
    return yaml.load(text, Loader)


def errors_of(validator, value):
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}"
            for e in validator.iter_errors(value)]


def good_files(top):
    """The whole configurations of the tree."""
    yield from sorted(glob.glob(f"{top}/drivers-conf/*.yaml"))
    yield from sorted(set(glob.glob(f"{top}/tests/fuzz/corpus/conf/*.yaml")) - broken_seeds(top))


def broken_seeds(top):
    """Seeds of the fuzzer that are broken on purpose."""
    return {f"{top}/tests/fuzz/corpus/conf/iis.yaml"}


def check_good(validator, top):
    n = 0
    for path in good_files(top):
        with open(path, encoding="utf-8") as file:
            errors = errors_of(validator, read(file.read()))
        if errors:
            fault(f"{path} is good, but:\n  " + "\n  ".join(errors))
        n += 1
    for path in broken_seeds(top):
        with open(path, encoding="utf-8") as file:
            if not errors_of(validator, read(file.read())):
                fault(f"{path} is accepted")
    return n


def lab_config(top):
    """What the quick start and the wire tests apply."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, f"{top}/tests/wire")
    import lab  # pylint: disable=import-outside-toplevel

    class Stage(lab.Lab):
        def __init__(self):  # pylint: disable=super-init-not-called
            self.origins = {"a": None, "b": None}

        def path(self, *parts):
            return os.path.join("/tmp", *parts)

    return Stage().config()


def check_rules(validator, top):
    """The sets of rules of the reference: what penstockctl explains in tests/rules."""
    n = 0
    with open(f"{top}/tests/rules/21-native.yaml", encoding="utf-8") as file:
        sections = read(file.read())
    for section in sections:
        for case in section["cases"]:
            native = case.get("native", section.get("native"))
            if native is None or "refused" in case:
                continue
            value = {"machine": {"ports": []}, "rules": {"s": native}}
            errors = errors_of(validator, value)
            if errors:
                fault(f"21-native.yaml, {case.get('what')}: {errors}")
            n += 1
    return n


def properties(schema):
    yield from schema["properties"].items()
    for body in schema["$defs"].values():
        yield from body.get("properties", {}).items()


def check_examples(schema):
    """Every key has a description with an example, which its own schema accepts."""
    n = 0
    for name, value in properties(schema):
        found = re.search(r"\nExample: (.*)$", value.get("description", ""), re.S)
        if not found:
            fault(f"{name}: no example")
            continue
        example = read(found[1])
        if list(example) != [name]:
            fault(f"{name}: the example is not one of it: {found[1]}")
        if example[name] is None:
            continue  # "machine:", whose inside would be long
        own = jsonschema.Draft202012Validator({**value, "$defs": schema["$defs"]})
        for error in errors_of(own, example[name]):
            fault(f"{name}: {found[1]}: {error}")
        if "default" in value:
            for error in errors_of(own, value["default"]):
                fault(f"{name}: the default {value['default']}: {error}")
        n += 1
    return n


def broken(program):
    words = subprocess.run([program, "--print"], check=True, capture_output=True).stdout
    words = words.decode("utf-8").split("\0")[:-1]
    return [words[i:i + 3] for i in range(0, len(words), 3)]


def is_refused(validator, text):
    try:
        return bool(errors_of(validator, read(text)))
    except (yaml.YAMLError, ValueError):
        return True


def check_broken(validator, program):
    refused, passed, used = 0, 0, set()
    for part, text, wrong in broken(program):
        reasons = [words for listed in BLIND.values() for words in listed if words in wrong]
        if is_refused(validator, text):
            refused += 1
            continue
        passed += 1
        if part == "checked":
            continue  # one value against another: what check.c is for
        used.update(reasons)
        if not reasons:
            fault(f"accepted ({wrong}):\n{text}")
    for listed in BLIND.values():
        for words in listed:
            if words not in used:
                fault(f"the schema tells '{words}': it need not be listed")
    return refused, passed


def main():
    ctl, program, top = sys.argv[1:]
    text = subprocess.run([ctl, "schema"], check=True, capture_output=True, text=True).stdout
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    good = check_good(validator, top)
    for error in errors_of(validator, lab_config(top)):
        fault(f"the quick start's configuration: {error}")
    rules = check_rules(validator, top)
    examples = check_examples(schema)
    refused, passed = check_broken(validator, program)
    print(f"accepted: {good} files, {rules} sets of rules, {examples} examples; of the broken ones "
          f"{refused} refused, {passed} only by penstockctl check; {len(text)} bytes")
    return 1 if FAULTS or good < 4 or rules < 20 or examples < 100 or refused < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
