"""`groups:` in edge-bridge.yaml: one name for several machines, for routes and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from edge_bridge.config.routes import Names, unknown_machine
from edge_bridge.errors import ConfigError
from edge_bridge.strict_yaml import Key, Section

Groups = Mapping[str, tuple[str, ...]]


def groups_of(groups: Groups, names: Names) -> Groups:
    """Return folded name → machine ids; names that nobody has are left out, `group_problems` tells of them."""
    return {
        name.strip().casefold(): tuple(dict.fromkeys(m for member in members for m in names.ids(member) or ()))
        for name, members in groups.items()
    }


def group_problems(groups: Groups, names: Names, section: Section) -> Iterator[ConfigError]:
    """Yield what is wrong: a group called like a machine or another group, one with nobody in it, a member that is no machine."""
    called: dict[str, str] = {}
    for name, members in groups.items():
        key: Key = ("groups", name)
        if (other := called.setdefault(name.strip().casefold(), name)) != name:
            what = f"`groups`: {name!r} is also the group {other!r}"
            yield ConfigError(what, "give the group a name of its own", key=key, where=section.where(key))
        folders = {source.casefold() for source in names.sources}
        if (taken := names.ids(name)) or name.strip().casefold() in folders:
            what = (
                f"`groups`: {name!r} is also the machine {taken[0]!r}" if taken else f"`groups`: {name!r} is a folder"
            )
            yield ConfigError(what, "give the group a name of its own", key=key, where=section.where(key))
        if not members:
            what = f"`groups`: {name!r} has no machine in it"
            yield ConfigError(what, "name machines, or remove the group", key=key, where=section.where(key))
        for place, member in enumerate(members):
            if names.ids(member) is None:
                where = section.where((*key, place))
                what, hint = unknown_machine(member, names, option=f"groups.{name}")
                yield ConfigError(what, hint, key=(*key, place), where=where)
