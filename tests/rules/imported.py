"""imported.py - the rules of a case twice: as IIS has them, and as `penstockctl import iis` writes them.

Both go into a penstock.yaml that is otherwise the same, and explain is asked about both: the answers
must be equal, but for the places of rules and the words of reasons. What one of them refuses the
other refuses too; import may also say of a rule that YAML cannot have it.
"""
import json
import os
import re
import subprocess

SECONDS = 30
# Names of YAML are there once: import numbers those that IIS has in several folders.
NUMBERED = re.compile(r" \(\d+\)$")


def ask(argv, home):
    done = subprocess.run([part.encode("utf-8", "surrogateescape") for part in argv], cwd=home,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
    return done.returncode, *(text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))


def is_for(case):
    """Cases of IIS whose URL a listener for HTTP can be asked about."""
    return "native" not in case.given and case.url().startswith("http://")


def configurations(case, home):
    """Writes the two; the second includes what import writes."""
    app = os.path.exists(os.path.join(home, "applicationHost.config"))
    entry = {"iis": "web.config", "at": case.given.get("folder", "/")}
    if app:
        entry["app_host"] = "applicationHost.config"
    as_iis = {"plain_hosts": True, **json.loads(case.penstock_yaml([entry]))}
    as_yaml = {**as_iis, "include": "imported.yaml"}
    del as_yaml["rules"]
    for name, value in (("as-iis.yaml", as_iis), ("as-yaml.yaml", as_yaml)):
        with open(os.path.join(home, name), "w", encoding="utf-8") as out:
            json.dump(value, out)
    argv = ["import", "iis", "web.config", "--set", "publish", "-o", "imported.yaml"]
    argv += ["--app-host", "applicationHost.config"] if app else []
    return argv + (["--site-path", case.given["folder"]] if "folder" in case.given else [])


def question(case, home, name):
    argv = case.arguments(home)
    while argv[0] in ("--config", "--web-config", "--app-host", "--site-path"):
        argv = argv[2:]
    return ["--config", name, *argv]


def plain(value):
    """An answer without what may differ."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    dropped = {"file", "line", "warnings", "why", "preconditions"}
    if value.get("scope") == "outbound":  # YAML has `when` in each rule, in that rule's syntax
        dropped |= {"conditions", "pattern"}
    kept = {key: plain(item) for key, item in value.items() if key not in dropped}
    if "scope" in kept:
        kept["name"] = NUMBERED.sub("", kept["name"])
    return kept


def differences(one, other, path=""):
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(set(one) | set(other)):
            yield from differences(one.get(key), other.get(key), f"{path}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for i, (a, b) in enumerate(zip(one, other)):
            yield from differences(a, b, f"{path}[{i}]")
    elif one != other:
        yield f"{path[1:]}: as IIS {one!r}, as YAML {other!r}"


def failures(ctl, case, home):
    """What the two say otherwise than each other: lines, none when all is well."""
    code, out, err = ask([ctl, *configurations(case, home)], home)
    iis_code, iis_out, iis_err = ask([ctl, "explain", "--json", *question(case, home, "as-iis.yaml")],
                                     home)
    if code != 0:
        is_said = iis_code == 1 or "YAML" in err
        return ([] if is_said else [f"import refuses what IIS' own form does: {out}{err}"]), err
    yaml_code, yaml_out, yaml_err = ask([ctl, "explain", "--json",
                                         *question(case, home, "as-yaml.yaml")], home)
    said = iis_out + iis_err + yaml_out + yaml_err
    if min(iis_code, yaml_code) < 0:
        return [f"penstockctl ended with {iis_code} and {yaml_code}"], said
    if iis_code != yaml_code:
        return [f"exit code {iis_code} as IIS, {yaml_code} as YAML"], said
    if iis_code != 0:
        return [], said
    return list(differences(plain(json.loads(iis_out)), plain(json.loads(yaml_out)))), said
