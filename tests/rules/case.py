"""case.py - one case: the files it needs, the question, and what the answer must say.

A group of cases shares its rules; README.md describes the keys. Whatever is not a known key is an
error: a case that is misspelt must not pass.
"""
import base64
import json
import os
import re
from xml.sax.saxutils import quoteattr

import yaml

from coding import CODINGS, chunks

SECTIONS = ("1.1", "1.2", "1.3", "2", "3.1", "3.2", "3.3", "3.4", "4", "5.1", "5.2", "5.3", "6",
            "7", "8", "9", "10", "11.1", "11.2", "11.3", "12.1", "12.2", "12.3", "12.4", "12.5",
            "12.6", "13", "14.1", "14.2", "14.3", "14.4", "14.5", "14.6", "14.7", "14.8", "15",
            "16", "17", "18", "19", "seeds", "native")
CHOICES = 26

SHARED = {"section", "what", "note", "choice", "cases"}
CONFIG = {"rules", "global", "outbound", "maps", "allowed", "providers", "web", "app", "folder",
          "farms", "files", "native", "top", "repeat"}
SHOW = {"show", "match", "syntax", "case", "negate", "conds", "any", "track", "in"}
REQUEST = {"get", "method", "headers", "client", "target", "response"}
EXPECT = {"to", "redirect", "answer", "aborts", "fails", "gives", "refused", "line", "warns",
          "quiet", "action", "changed", "url", "farm", "status", "substatus", "reason", "cause",
          "location", "body", "up", "res", "matched", "unmatched", "tried", "captures",
          "conditions", "contains", "lacks"}
KNOWN = SHARED | CONFIG | SHOW | REQUEST | EXPECT
PAGE_HOST = "http://h"
BYTE = re.compile(r"\\x([89A-F][0-9A-F])")  # in a header or body: no character


class Bad(Exception):
    """A file of cases is not written as README.md says."""


class Loader(yaml.CSafeLoader):
    """Nothing but strings, numbers, null and true, false: yes, on and 1:30 stay text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known
            if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp",
                           "tag:yaml.org,2002:float")]
    for first, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def read_all(folder):
    found = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".yaml"):
            found += read(os.path.join(folder, name))
    return found


def read(path):
    name = os.path.basename(path)
    try:
        with open(path, encoding="utf-8") as file:
            groups = yaml.load(file, Loader)
    except yaml.YAMLError as fault:
        raise Bad(f"{name}: {fault}") from None
    found = []
    for i, group in enumerate(groups):
        where = f"{name}: {i + 1}. group"
        if not isinstance(group, dict):
            raise Bad(f"{where} is {group!r}")
        where += f" ({group.get('what')})"
        shared = {key: value for key, value in group.items() if key != "cases"}
        for j, own in enumerate(group.get("cases", [{}])):
            unknown = (set(own) | set(group)) - KNOWN
            if unknown:
                raise Bad(f"{where}: no such key: {', '.join(sorted(map(str, unknown)))}")
            words = [str(words) for words in (group.get("what"), own.get("what")) if words]
            found.append(Case(f"{name}, {i + 1}.{j + 1}", {**shared, **own,
                                                           "what": ": ".join(words)}))
    return found


def bytes_in(text):
    return BYTE.sub(lambda found: chr(0xDC00 + int(found[1], 16)), text)


def as_list(value):
    return value if isinstance(value, list) else [] if value is None else [value]


class Case:
    def __init__(self, place, given):
        self.place, self.given = place, given
        self.section = str(given.get("section", ""))
        self.what = given["what"]
        self.choices = as_list(given.get("choice"))
        self.refused = given.get("refused")
        if not self.section or not self.what:
            raise Bad(f"{place}: a case has a section and words")
        if "web" in given and set(given) & {"rules", "outbound", "maps", "providers", "show"}:
            raise Bad(f"{place}: a whole web.config, and parts of one")
        if not EXPECT & set(given):
            raise Bad(f"{place}: nothing is expected")
        if any(str(n) != n and not 1 <= n <= CHOICES for n in self.choices):
            raise Bad(f"{place}: no choice {self.choices}")

    def is_named(self, text):
        return self.section == text or self.section.startswith(text + ".") or text in self.what

    # ---- files ----

    def write(self, home):
        """The case's files in a folder of its own."""
        folder = os.path.join(home, re.sub(r"\W+", "-", self.place))
        os.makedirs(folder)
        for name, text in self.files().items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as out:
                out.write(text if isinstance(text, bytes) else
                          self.repeated(text).encode("utf-8", "surrogateescape"))
        return folder

    def repeated(self, text):
        for mark, (n, part) in (self.given.get("repeat") or {}).items():
            text = text.replace(mark, n * part)
        return text

    def files(self):
        given = self.given
        files = dict(given.get("files") or {})
        if "native" in given:
            files["penstock.yaml"] = self.penstock_yaml(given["native"])
            return {**files, **self.response_file()}
        files["web.config"] = given["web"] if "web" in given else self.web_config()
        app = given.get("app") or self.app_host()
        if app:
            files["applicationHost.config"] = app
        if "farms" in given:
            entry = {"iis": "web.config", "at": given.get("folder", "/")}
            if app:
                entry["app_host"] = "applicationHost.config"
            files["penstock.yaml"] = self.penstock_yaml([entry])
        return {**files, **self.response_file()}

    def response_file(self):
        response = self.given.get("response")
        return {} if response is None else {"response": response_bytes(response, self.repeated)}

    def web_config(self):
        parts = [wrapped("rules", self.given.get("rules")),
                 wrapped("outboundRules", self.given.get("outbound")),
                 wrapped("rewriteMaps", self.given.get("maps")),
                 wrapped("providers", self.given.get("providers"))]
        if "show" in self.given and self.given.get("in") != "global":
            parts[0] = wrapped("rules", (self.given.get("rules") or "") + self.show_rule())
        return configuration(parts)

    def app_host(self):
        allowed = self.given.get("allowed")
        parts = [wrapped("globalRules", self.given.get("global"))]
        if "show" in self.given and self.given.get("in") == "global":
            parts[0] = wrapped("globalRules", (self.given.get("global") or "") + self.show_rule())
        if allowed is not None:
            parts.append(wrapped("allowedServerVariables", "".join(
                f"<add name={quoteattr(name)}/>" for name in allowed) or " "))
        return configuration(parts) if any(parts) else None

    def show_rule(self):
        """A rule that answers with an expression between square brackets: the value is seen."""
        given = self.given
        rule = f'<rule name="show" patternSyntax={quoteattr(given.get("syntax", "ECMAScript"))}>'
        rule += f'<match url={quoteattr(given.get("match", ".*"))}'
        rule += ' ignoreCase="false"' if given.get("case") else ""
        rule += ' negate="true"/>' if given.get("negate") else "/>"
        if "conds" in given:
            rule += '<conditions' + (' logicalGrouping="MatchAny"' if given.get("any") else "")
            rule += ' trackAllCaptures="true">' if given.get("track") else ">"
            for one in given["conds"]:
                rule += f"<add input={quoteattr(one[0])} pattern={quoteattr(one[1])}"
                rule += "".join(f' {what}="{"false" if what == "ignoreCase" else "true"}"'
                                for what in one[2:]) + "/>"
            rule += "</conditions>"
        return rule + ('<action type="CustomResponse" statusCode="299" statusReason="Shown" '
                       f'statusDescription={quoteattr("[" + given["show"] + "]")}/></rule>')

    def penstock_yaml(self, rules):
        """One listener with these rules; its farm is main."""
        farms = [{"name": name, "scheme": "http",
                  "servers": [{"name": f"s{i}", "address": f"10.2.0.{11 + i}", "http_port": 8080,
                               "https_port": 4443}]}
                 for i, name in enumerate(["main", *(self.given.get("farms") or [])])]
        return json.dumps({
            "machine": {"cores": [1], "ports": [
                {"name": "outside", "device": "packet:out0", "addresses": ["10.1.0.10/24"]},
                {"name": "inside", "device": "packet:in0", "addresses": ["10.2.0.5/24"]}]},
            "rules": {"publish": rules},
            "listeners": [{"name": "web", "address": "10.1.0.10:80", "protocol": "http",
                           "rules": ["publish"], "farm": "main"}],
            "farms": farms, **(self.given.get("top") or {})})

    # ---- the question ----

    def arguments(self, home):
        given = self.given
        argv = []
        if "native" in given or "farms" in given:
            argv += ["--config", "penstock.yaml"]
        else:
            argv += ["--web-config", "web.config"]
            if os.path.exists(os.path.join(home, "applicationHost.config")):
                argv += ["--app-host", "applicationHost.config"]
            if "folder" in given:
                argv += ["--site-path", given["folder"]]
        if "method" in given:
            argv += ["-X", given["method"]]
        for line in as_list(given.get("headers")):
            argv += ["-H", bytes_in(line)]
        for key in ("client", "target"):
            if key in given:
                argv += [f"--{key}", given[key]]
        if "response" in given:
            argv += ["--response", "response"]
        return [*argv, self.url()]

    def url(self):
        url = self.repeated(self.given.get("get", "/"))
        return PAGE_HOST + url if url.startswith("/") else url

    def asked(self):
        given = self.given
        return " ".join([given.get("method", "GET"), self.url(),
                         *(f"{key} {given[key]!r}" for key in ("target", "headers", "show", "match")
                           if key in given)])

    # ---- the answer ----

    def unrefused(self, code, answer, said):
        """Of a configuration that must be refused: words, and the line if the case has one."""
        said = "\n".join("{file}:{line}:{column}: {text}".format_map(one)
                         for one in (answer or {}).get("errors", [])) or said
        if code != 1:
            return [f"wanted  refused: {self.refused}", f"came    exit code {code}"]
        wrong = [f"wanted  the word {word!r} in the refusal" for word in as_list(self.refused)
                 if word.lower() not in said.lower()]
        if "line" in self.given and not re.search(rf"\.(config|yaml):{self.given['line']}\b", said):
            wrong.append(f"wanted  line {self.given['line']}")
        return wrong and [*wrong, f"came    {' '.join(said.split())[:400]}"]

    def differences(self, answer, said):
        wrong = []
        if "fails" in self.given and "error" in (answer.get("response") or {}):
            answer = {**answer, "action": "error", **answer["response"]}  # an outbound rule did
        for key, want in self.wanted().items():
            got = answer.get(key, 0 if key == "substatus" else None)
            is_right = re.search(want, str(got)) if key == "cause" else got == want
            if not is_right:
                wrong.append(f"{key}: wanted {want!r}, came {got!r}")
        given = self.given
        if "up" in given:
            wrong += header_differences("upstream", given["up"], answer.get("upstream_headers"))
        if "res" in given:
            wrong += response_differences(given["res"], answer.get("response") or {})
        wrong += self.rule_differences(answer.get("rules") or [])
        for is_there, key in ((True, "contains"), (False, "lacks")):
            for member, parts in (given.get(key) or {}).items():
                wrong += [f"{member}: wanted {'' if is_there else 'no '}{part!r}, "
                          f"came {answer.get(member)!r}" for part in as_list(parts)
                          if (part in str(answer.get(member))) != is_there]
        for word in as_list(given.get("warns")):
            if word.lower() not in said.lower():
                wrong.append(f"wanted  a warning with {word!r}, came {' '.join(said.split())[:300]}")
        for word in as_list(given.get("quiet")):
            if word.lower() in said.lower():
                wrong.append(f"wanted  no word of {word!r}, came {' '.join(said.split())[:300]}")
        if wrong and answer.get("action") in ("error", "respond"):
            wrong.append(f"cause: {answer.get('cause')!r}, status {answer.get('status')!r}."
                         f"{answer.get('substatus')!r}")
        return wrong

    def wanted(self):
        """Members of the answer that must be so, from the short words too."""
        given = self.given
        want = {key: given[key] for key in ("action", "changed", "url", "farm", "status",
                                            "substatus", "reason", "cause", "location", "body")
                if key in given}
        if given.get("to") == "same":
            want |= {"action": "route", "changed": False}
        elif "to" in given:
            want |= {"action": "proxy" if "://" in given["to"].split("?")[0] else "route",
                     "changed": True, "url": given["to"]}
        if "gives" in given and given["gives"] is None:
            want |= {"action": "route", "changed": False}
        elif "gives" in given:
            want |= {"action": "respond", "status": 299, "body": f"[{given['gives']}]"}
        if "redirect" in given:
            status, location = given["redirect"]
            want |= {"action": "redirect", "status": status, "location": location}
        if "answer" in given:
            status, *rest = as_list(given["answer"])
            want |= {"action": "respond", "status": status,
                     **dict(zip(("substatus", "reason"), rest))}
        if given.get("aborts"):
            want |= {"action": "abort"}
        if "fails" in given:
            status, _, sub = str(given["fails"]).partition(".")
            want |= {"action": "error", "status": int(status), "substatus": int(sub or 0)}
        return want

    def rule_differences(self, rules):
        given = self.given
        matched = [rule.get("name") for rule in rules if rule.get("matched")]
        missed = [rule.get("name") for rule in rules if not rule.get("matched")]
        if "matched" in given and matched != as_list(given["matched"]):
            yield f"matched: wanted {given['matched']}, came {matched}"
        for name in as_list(given.get("unmatched")):
            if name not in missed:
                yield f"unmatched: wanted {name}, came {missed}"
        tried = [rule.get("name") for rule in rules if "folder" not in rule.get("why", "")]
        if "tried" in given and tried != as_list(given["tried"]):
            yield f"tried: wanted {given['tried']}, came {tried}"
        for name, want in (given.get("captures") or {}).items():
            got = next((rule.get("captures") or {} for rule in rules if rule.get("name") == name),
                       None)
            if got is None or any(got.get(key) != value for key, value in want.items()):
                yield f"captures of {name}: wanted {want}, came {got}"
        for name, want in (given.get("conditions") or {}).items():
            got = next((rule.get("conditions") or [] for rule in rules
                        if rule.get("name") == name), [])
            if len(got) != len(want) or any(one.get(key) != value for one, wish in zip(got, want)
                                            for key, value in wish.items()):
                yield f"conditions of {name}: wanted {want}, came {got}"


def header_differences(which, want, lines):
    """Headers by name: a value, several in order, or null: none of that name."""
    for name, values in want.items():
        got = [value for one, value in lines or [] if one.lower() == name.lower()]
        if got != as_list(values):
            yield f"{which} {name}: wanted {values!r}, came {got!r}"


def response_differences(want, got):
    """status and body as they are; every other key is a header."""
    want = dict(want)
    if BYTE.search(want.get("body", "")):
        text = base64.b64encode(bytes_in(want.pop("body")).encode("utf-8", "surrogateescape"))
        if got.get("body_base64") != text.decode():
            yield f"response body: wanted {text.decode()}, came {got}"
    for key in ("status", "body"):
        if key in want and got.get(key) != want[key]:
            yield f"response {key}: wanted {want[key]!r}, came {got.get(key)!r}"
        want.pop(key, None)
    yield from header_differences("response", want, got.get("headers"))


def configuration(parts):
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<configuration><system.webServer><rewrite>\n'
            + "".join(part for part in parts if part)
            + "</rewrite></system.webServer></configuration>\n")


def wrapped(element, inner):
    """An element around its inner text, unless that is the element itself."""
    if not inner:
        return ""
    if re.match(rf"\s*<{element}[\s>]", inner):
        return inner
    return f"<{element}>\n{inner}\n</{element}>\n"


def response_bytes(response, repeated):
    """A raw HTTP/1.1 response from its text, or from status, headers, body, coding and chunks."""
    if isinstance(response, str):
        head, _, body = response.partition("\n\n")
        response = {"head": head.split("\n"), "body": body}
    else:
        response = {"head": [f"HTTP/1.1 {response.get('status', '200 OK')}",
                             *as_list(response.get("headers",
                                                   "Content-Type: text/html"))], **response}
    body = bytes_in(repeated(response.get("body") or "")).encode("utf-8", "surrogateescape")
    coding = response.get("coding")
    lines = response["head"]
    if coding:
        body = CODINGS[coding](body)
        lines = [*lines, f"Content-Encoding: {coding.removesuffix(' raw')}"]
    if response.get("chunks"):
        lines = [*lines, "Transfer-Encoding: chunked"]
        body = b"".join(chunks(body, response["chunks"]))
    elif not any(line.lower().startswith("content-length:") for line in lines):
        lines = [*lines, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body

