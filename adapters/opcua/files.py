"""Finds a program's file on a control: by the id that a rule makes of its name, or by looking through a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from adapters.opcua.instances import Finds, Resolved, Root, plain
from adapters.opcua.nodes import resolve
from adapters.opcua.notation import parse
from adapters.opcua.options import PLACEHOLDER, FileOptions
from adapters.opcua.session import Reads
from edge_bridge.domain import program
from edge_bridge.domain.extract import spellings
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.ports import Clock

MOST_FILES = 20_000
DEEPEST = 8
LOOK_THROUGH_AGAIN: Milliseconds = 30_000  # a name that was not found may be a program that was just sent
_DIRECTORY = ua.NodeId(ua.Int32(ObjectIds.FileDirectoryType))
_FOLDER = ua.NodeId(ua.Int32(ObjectIds.FolderType))
_TYPE_METHODS = {  # of FileType itself: a server need not give each file its own (OPC 10000-4 5.12.2.2)
    "Open": ua.NodeId(ua.Int32(ObjectIds.FileType_Open)),
    "Read": ua.NodeId(ua.Int32(ObjectIds.FileType_Read)),
    "Close": ua.NodeId(ua.Int32(ObjectIds.FileType_Close)),
}


class Locates(Reads, Finds, Protocol):
    """What finding a file needs of a session."""


class NoFileError(Exception):
    """There is no such file, or not only one, in words."""


@dataclass(frozen=True, slots=True)
class File:
    """A file on the server: as the settings would write it, its node, its three methods, and what says that it changed."""

    place: str
    node: ua.NodeId
    open: ua.NodeId
    read: ua.NodeId
    close: ua.NodeId
    size: ua.NodeId | None = None
    modified: ua.NodeId | None = None


@dataclass(slots=True)
class _Listing:
    """What one folder holds: each file's names on the way to it. at: when it was looked through."""

    files: list[tuple[tuple[str, ...], ua.NodeId]]
    at: Milliseconds
    cut: bool = False


class Locator:
    """Finds files on one connection. A folder is looked through once, and again when a name is not in it."""

    def __init__(
        self, rules: Sequence[FileOptions], session: Locates, clock: Clock, namespace: str | None, root: Root | None
    ) -> None:
        self._rules = rules
        self._session = session
        self._clock = clock
        self._namespace = namespace
        self._root = root
        self._listings: dict[str, _Listing] = {}

    async def file(self, raw: str) -> File:
        """Return the one file of a program as the control writes it. Raises NoFileError when there is none or are several."""
        found: dict[ua.NodeId, str] = {}
        why = "no rule of `files` fits its name"
        for rule in self._rules:
            fits = rule.program.search(raw) if rule.program is not None else None
            if rule.program is not None and fits is None:
                continue
            why = "it is in none of the places that `files` names"
            if rule.file is not None:
                place = filled(rule.file, raw, fits)
                node = await self._resolved(place)
                if isinstance(node, ua.NodeId):
                    found[node] = place
            elif rule.folder is not None:
                found.update(await self._in_folder(rule.folder, raw))
        files = [file for node, place in found.items() if (file := await self._file(node, place)) is not None]
        if not files:
            raise NoFileError(f"no file found: {why}")
        if len(files) > 1:
            places = ", ".join(file.place for file in files)
            raise NoFileError(
                f"{len(files)} files have its name, and the control does not say which it means: {places}"
            )
        return files[0]

    def forget(self) -> None:
        """Look through all folders anew: a file is no longer where it was."""
        self._listings.clear()

    async def _resolved(self, place: str) -> Resolved:
        try:
            reference = parse(place)
        except ValueError as error:  # a program with a name that no rule could foresee
            return str(error)
        (node,) = await resolve(self._session, [reference], self._namespace, self._root)
        return node

    async def _file(self, node: ua.NodeId, place: str) -> File | None:
        """Return the file at a node, None when there is none: an unknown node has no children."""
        parts = {one.BrowseName.Name: plain(one.NodeId) for one in await self._session.children(node, 100)}
        if not parts:
            return None
        methods = {name: parts.get(name, default) for name, default in _TYPE_METHODS.items()}
        return File(
            place,
            node,
            methods["Open"],
            methods["Read"],
            methods["Close"],
            parts.get("Size"),
            parts.get("LastModifiedTime"),
        )

    async def _in_folder(self, folder: str, raw: str) -> dict[ua.NodeId, str]:
        listing = self._listings.get(folder)
        now = self._clock.now().boottime
        found = {} if listing is None else _matching(listing, folder, raw)
        if listing is None or (not found and now - listing.at >= LOOK_THROUGH_AGAIN):
            listing = self._listings[folder] = await self._listed(folder)
            found = _matching(listing, folder, raw)
        if listing.cut:
            raise NoFileError(f"{folder} holds more than {MOST_FILES} files: name a folder further down")
        return found

    async def _listed(self, folder: str) -> _Listing:
        listing = _Listing([], self._clock.now().boottime)
        start = await self._resolved(folder)
        if isinstance(start, str):
            raise NoFileError(f"the folder {folder} is not there ({start})")
        level: list[tuple[tuple[str, ...], ua.NodeId]] = [((), start)]
        seen = {start}
        for _ in range(DEEPEST):
            below: list[tuple[tuple[str, ...], ua.NodeId]] = []
            for names, node in level:
                for one in await self._session.children(node, MOST_FILES):
                    if one.NodeClass != ua.NodeClass.Object or (target := plain(one.NodeId)) in seen:
                        continue
                    seen.add(target)
                    type_ = plain(one.TypeDefinition) if one.TypeDefinition is not None else None
                    folders = type_ in (_DIRECTORY, _FOLDER)
                    (below if folders else listing.files).append(((*names, one.BrowseName.Name or ""), target))
            listing.cut = len(seen) > MOST_FILES
            if not below or listing.cut:
                break
            level = below
        return listing


def filled(template: str, raw: str, fits: re.Match[str] | None) -> str:
    """Return a rule's file for one program."""
    name = spellings(raw)[-1]
    words = {"name": name, "NAME": name.upper(), "STEM": program.normalised(raw)}
    words.update({key: value or "" for key, value in (fits.groupdict() if fits else {}).items()})
    return PLACEHOLDER.sub(lambda word: words[word[1]], template)


def _matching(listing: _Listing, folder: str, raw: str) -> dict[ua.NodeId, str]:
    """Return the files that a program may mean: of its name, and in its folders as far as both say which."""
    wanted = _parts(raw)
    return {
        node: "/".join((folder, *names))
        for names, node in listing.files
        if all(map(_same, reversed(wanted), reversed(names)))
    }


def _parts(raw: str) -> list[str]:
    return [part for part in re.split(r"[/\\]", raw.strip()) if part]


def _same(ours: str, theirs: str) -> bool:
    return program.normalised(ours) == program.normalised(theirs)
