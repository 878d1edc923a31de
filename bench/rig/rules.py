"""rules.py - the same N rules for every system, of which one matches what is measured.

Two named sets: `anchored`, as publishing has them, and `loose`, whose patterns may begin anywhere.
The rule that matches stands in the middle; every rule sends to the farm that there is anyway, so
that what is measured is the looking. Letters are compared as they are, for all systems.
"""
import re
from dataclasses import dataclass

SETS = {"anchored": (r"^/app{}/section/.*", r"^/(k[0-9]+/|small).*"),
        "loose": (r".*foo{}[0-9]+bar.*", r".*(k[0-9]+/|small).*")}


class RulesFault(Exception):
    """What --rules got is no set of rules."""


@dataclass(frozen=True)
class Rules:
    n: int
    kind: str

    def __str__(self):
        return f"{self.n}:{self.kind}"

    def patterns(self):
        """Over a path with its slash."""
        other, matching = SETS[self.kind]
        made = [other.format(i) for i in range(self.n)]
        made[self.n // 2] = matching
        return made

    def nginx(self):
        return "\n".join(f"\t\tlocation ~ {pattern} {{ proxy_pass http://app; }}"
                         for pattern in self.patterns())

    def haproxy(self):
        return "\n".join(f"\tuse_backend app if {{ path_reg {pattern} }}"
                         for pattern in self.patterns())

    def penstock(self):
        """A named set; a pattern sees the path without its first slash."""
        return {"bench": [{"name": f"r{i}", "farm": "app", "match": {"path_regex": {
            "pattern": re.sub(r"^\^/", "^", pattern), "ignore_case": False}}}
            for i, pattern in enumerate(self.patterns())]}


def read(text):
    """N or N:anchored or N:loose; 0 is none."""
    n, _, kind = text.partition(":")
    if not n.isdecimal() or (kind or "anchored") not in SETS:
        raise RulesFault(f"'{text}' is no set of rules: N, N:anchored or N:loose is")
    return Rules(int(n), kind or "anchored") if int(n) else None
