"""What can be wrong with a spreadsheet, with XML and with fixed-width text: the reasons that `unreadable` adds to its own."""

from __future__ import annotations

REFUSALS: dict[str, tuple[str, str]] = {
    # kind: (what is wrong, what to do); in other languages: reasons.*.yaml
    "declared": (
        "the XML declares an encoding that nobody knows: {encoding}",
        "set `encoding:` to what the PLM really writes",
    ),
    "xml": (
        "not valid XML: {detail}",
        "export it again; it may have been cut off",
    ),
    "html": (
        "this is a web page, not an export",
        "look what the PLM or the web server says in it: a login or an error, most likely",
    ),
    "dtd": (
        "the XML has a DOCTYPE, which can hold entities that never end or read other files",
        "export it without a DTD; such a file is never opened further",
    ),
    "too_deep": (
        "elements are nested more than {limit} deep",
        "this is no ECN export; look where it comes from",
    ),
    "too_many_parts": (
        "more than {limit} elements, cells or sheets",
        "export fewer ECNs into one file",
    ),
    "no_paths": (
        "this is XML, and nothing says where the ECNs are in it",
        "set `xml.rows` and `columns:`, or a `preset:`",
    ),
    "no_row_element": (
        "nothing in the file matches `{path}`; its top element is <{root}>",
        "correct `xml.rows`, or look whether another kind of file got into this folder",
    ),
    "several": (
        "`{column}` has {count} different values here: {values}",
        "make its path in `columns:` more precise, with a condition such as [@name='…'], or let `xml.rows` lead to each item",
    ),
    "no_header": (
        "this item names the ECN {number!r}, which the file does not describe",
        "export the ECN with its items; check `xml.header`",
    ),
    "headers": (
        "{count} ECNs are described and nothing says which one an item belongs to",
        "set `xml.header.key` and `xml.header.match`, or export one ECN a file",
    ),
    "workbook": (
        "not a workbook that can be opened: {detail}",
        "save it again as .xlsx; it may have been cut off",
    ),
    "no_workbook": (
        "this is text with the name of a workbook",
        "many systems write such files: set `format: csv`, or `format: auto`",
    ),
    "is_workbook": (
        "this is a workbook or another archive, not text",
        "set `format: xlsx`, `xls` or `auto`, and a `pattern:` that fits its name",
    ),
    "password": (
        "the workbook is protected by a password",
        "save it without one",
    ),
    "archive": (
        "the archive inside is not sound: {detail}",
        "save it again with Excel; do not open a file like this by hand if you do not know where it comes from",
    ),
    "no_sheet": (
        "there is no sheet {sheet!r}; found: {found}",
        "correct `sheet:`",
    ),
    "sheets": (
        "several sheets look like lists of ECNs: {found}",
        "say which count: `sheet: [NAME, …]`",
    ),
    "header_over": (
        "the name of `{column}` stands over several columns ({values}): which one is meant cannot be told",
        "give each of them a name of its own in the row below, and say which one counts: `columns: {{{column}: NAME}}`",
    ),
    "damaged_number": (
        "the ECN number {value!r} is not what was typed: {reason}",
        "make the column text and export again; if it is right, `as_written: [number]`",
    ),
    "formula": (
        "the formula of `{column}` failed: {value}",
        "mend it in the spreadsheet, or put the value itself there",
    ),
    "crosses": (
        "a value crosses the border of `{column}`: {value!r}",
        "correct `positions:`; with Chinese text try `width: display`",
    ),
    "short_line": (
        "the last line ends at {count} of {expected} characters, and has no line end",
        "export it again; write to a temporary name and rename it when it is complete",
    ),
    "no_end": (
        "the last line is not {expected!r}, so that the file is not complete",
        "export it again; correct `last_line:` if the PLM ends its files in another way",
    ),
    "other_half": (
        "there are items of {number} here, but the ECN itself is missing (`join` has waited {timeout} for it)",
        "export the ECN itself, too; its items are taken as soon as it is there",
    ),
    "no_items": (
        "its items are missing (`join` has waited {timeout} for them)",
        "export its items, too; they are taken as soon as they are there",
    ),
}
