"""plan.py - the rig file: which cores, interfaces and addresses a run uses.

YAML or JSON; whatever is left out is as here, which suits any machine with two cores and no
network card. A key that is not known is an error.
"""
from dataclasses import dataclass, field, fields

import yaml

ROLES = ("client", "outside", "inside", "origin")


class PlanFault(Exception):
    """The rig file cannot be used; the text says where and why."""


@dataclass
class Cores:
    load: int = 0  # the clients and the origin
    proxy: int = 1  # the proxy alone
    control: int = 0  # penstock-control


@dataclass
class Addresses:
    client: str = "10.1.0.2/24"
    outside: str = "10.1.0.10/24"
    inside: str = "10.2.0.5/24"
    origin: str = "10.2.0.11/24"

    def bare(self, role):
        return getattr(self, role).split("/")[0]


@dataclass
class Interfaces:
    """Kernel interfaces that are cabled client - outside and inside - origin; empty: veth pairs."""
    client: str = ""
    outside: str = ""
    inside: str = ""
    origin: str = ""

    def all_given(self):
        return all(getattr(self, role) for role in ROLES)


@dataclass
class Devices:
    """Penstock's ports for the system penstock-nic, as in penstock.yaml."""
    outside: str = ""
    inside: str = ""


@dataclass
class Penstock:
    lanes: int = 1
    memory: str = "512MiB"
    hugepages: bool = True


@dataclass
class Plan:
    name: str = "virtual wires"
    cores: Cores = field(default_factory=Cores)
    addresses: Addresses = field(default_factory=Addresses)
    interfaces: Interfaces = field(default_factory=Interfaces)
    devices: Devices = field(default_factory=Devices)
    penstock: Penstock = field(default_factory=Penstock)


def read(path):
    """A plan from a file."""
    try:
        with open(path, encoding="utf-8") as file:
            given = yaml.safe_load(file)
    except (OSError, yaml.YAMLError) as fault:
        raise PlanFault(f"{path}: {fault}") from None
    made = Plan()
    fill(made, given if given is not None else {}, path)
    check(made, path)
    return made


def fill(part, given, where):
    if not isinstance(given, dict):
        raise PlanFault(f"{where}: a mapping is wanted, not {given!r}")
    known = {f.name: getattr(part, f.name) for f in fields(part)}
    for key, value in given.items():
        if key not in known:
            raise PlanFault(f"{where}: no such key: {key}; there are {', '.join(known)}")
        if hasattr(known[key], "__dataclass_fields__"):
            fill(known[key], value, f"{where}: {key}")
        elif type(value) is not type(known[key]):
            raise PlanFault(f"{where}: {key} is {value!r}; {type(known[key]).__name__} is wanted")
        else:
            setattr(part, key, value)


def check(made, where):
    if made.cores.proxy in (made.cores.load, made.cores.control):
        raise PlanFault(f"{where}: cores: the proxy's core is its own; "
                        f"load and control take another than {made.cores.proxy}")
    given = [role for role in ROLES if getattr(made.interfaces, role)]
    if given and len(given) != len(ROLES):
        raise PlanFault(f"{where}: interfaces: all of {', '.join(ROLES)} or none")
    for role in ROLES:
        if "/" not in getattr(made.addresses, role):
            raise PlanFault(f"{where}: addresses: {role}: with its prefix, as in 10.1.0.2/24")
