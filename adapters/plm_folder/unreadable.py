"""Why a file cannot be read as ECNs: one reason a person can act on, in English and Chinese."""

from __future__ import annotations

from adapters.plm_folder.refusals import REFUSALS

_REASONS: dict[str, tuple[str, str, str, str]] = {
    # kind: (what is wrong, what to do, 问题, 处理)
    "empty": (
        "the file is empty",
        "export it again; check the free space where it is written",
        "文件为空",
        "请重新导出，并检查导出位置的剩余空间",
    ),
    "no_rows": (
        "there is no ECN in the file",
        "export it again with at least one ECN",
        "文件中没有任何变更单",
        "请重新导出，至少包含一条变更单",
    ),
    "encoding": (
        "the text is not {encoding}",
        "save it as UTF-8, or set `encoding:` to what the PLM writes",
        "文本编码不是 {encoding}",
        "请另存为 UTF-8，或用 `encoding:` 指定 PLM 的实际编码",
    ),
    "control": (
        "a character that text does not have ({character}) in {field}",
        "export it again as text; it may be binary, or UTF-16 without a byte order mark",
        "{field} 中有文本不应出现的字符（{character}）",
        "请按文本格式重新导出；文件可能是二进制，或没有 BOM 的 UTF-16",
    ),
    "column": (
        "the column `{column}` is missing; found: {found}",
        "say which one it is: `columns: {{{column}: <header in the file>}}`; check `encoding:` if they look scrambled",
        "缺少列 `{column}`；文件中的列：{found}",
        "请在配置中写明：`columns: {{{column}: <文件中的列名>}}`；若列名为乱码，请检查 `encoding:`",
    ),
    "column_twice": (
        "the column `{column}` is there twice",
        "remove or rename one of them",
        "列 `{column}` 出现了两次",
        "请删除或重命名其中一列",
    ),
    "key_twice": (
        "the key `{key}` is twice in one object",
        "keep one of them",
        "同一对象中键 `{key}` 出现了两次",
        "请只保留一个",
    ),
    "quotes": (
        "the quotes do not match ({detail})",
        'close the quote, or write a quote inside a value twice ("")',
        "引号不匹配（{detail}）",
        '请补全引号；值中的引号应写两次（""）',
    ),
    "fields": (
        "{count} fields where the header has {expected}",
        "put a value that holds the delimiter into quotes",
        "该行有 {count} 个字段，而表头有 {expected} 个",
        "含分隔符的值请加引号",
    ),
    "cut_off": (
        "the last line is cut off: {count} fields of {expected}, and no line end",
        "export it again; write to a temporary name and rename it when it is complete",
        "最后一行不完整：只有 {count} 个字段（应为 {expected}），且没有换行",
        "请重新导出；建议先写入临时文件名，完成后再改名",
    ),
    "json": (
        "not valid JSON: {detail}",
        "export it again; it may have been cut off",
        "不是有效的 JSON：{detail}",
        "请重新导出；文件可能不完整",
    ),
    "shape": (
        "{detail}",
        'write an object, a list of objects, or {{"ecns": [...]}}, with text in every field',
        "JSON 结构不符：{detail}",
        '应为一个对象、对象列表或 {{"ecns": [...]}}，各字段为文本',
    ),
    "number": (
        "the ECN number is missing",
        "fill in the number; each row needs one",
        "缺少变更单号",
        "请填写变更单号；每一行都需要",
    ),
    "line_break": (
        "the ECN number has a line break in it",
        "look for a quote that is not closed",
        "变更单号中含有换行",
        "请检查是否有未闭合的引号",
    ),
    "conflict": (
        "`{field}` of {number} is {value!r} here and {other!r} at {place}",
        "one ECN has one {field}: correct the row, or use another number",
        "{number} 的 `{field}` 此处为 {value!r}，而在 {place} 为 {other!r}",
        "同一变更单的 {field} 必须一致：请更正该行，或使用不同的单号",
    ),
    "sha256": (
        "`sha256` is {value!r}: not 64 hexadecimal digits",
        "export the SHA-256 of the program, or leave it empty",
        "`sha256` 为 {value!r}：不是 64 位十六进制数",
        "请导出程序的 SHA-256，或留空",
    ),
    "too_long": (
        "`{field}` is longer than {limit} characters",
        "shorten it; a quote may not be closed",
        "`{field}` 超过 {limit} 个字符",
        "请缩短；也可能是引号未闭合",
    ),
    "too_large": (
        "the file is larger than {limit} bytes",
        "export fewer ECNs into one file",
        "文件超过 {limit} 字节",
        "请减少单个文件中的变更单数量",
    ),
    "too_many": (
        "more than {limit} rows",
        "export fewer ECNs into one file",
        "超过 {limit} 行",
        "请减少单个文件中的变更单数量",
    ),
    "symlink": (
        "it is a symbolic link, and links are not followed",
        "put the file itself into the folder",
        "这是符号链接，不会跟随读取",
        "请把文件本身放入该文件夹",
    ),
    "not_regular": (
        "it is not a regular file (pipe, socket or device)",
        "remove it from the folder",
        "这不是普通文件（管道、套接字或设备）",
        "请从该文件夹中移除",
    ),
    "no_access": (
        "it cannot be opened: {detail}",
        "give the service the right to read it; another program may hold it locked",
        "无法打开：{detail}",
        "请授予服务读取权限；也可能被其他程序锁定",
    ),
    "name": (
        "its name has a line break or another control character in it",
        "rename it",
        "文件名中含有换行或其他控制字符",
        "请重命名该文件",
    ),
    "read_error": (
        "it cannot be read: {detail}",
        "check the disk or the file server; export it again",
        "读取出错：{detail}",
        "请检查磁盘或文件服务器，并重新导出",
    ),
    "too_slow": (
        "reading it was given up after {limit} s",
        "look at what is in it: no sound export takes that long; export fewer ECNs into one file",
        "读取超过 {limit} 秒，已放弃",
        "请检查文件内容：正常导出不会这么慢；可减少单个文件中的变更单数量",
    ),
    "too_much_memory": (
        "reading it takes more than {limit} MB of memory",
        "look at what is in it; export fewer ECNs into one file",
        "读取所需内存超过 {limit} MB",
        "请检查文件内容；可减少单个文件中的变更单数量",
    ),
    "crashed": (
        "the program that reads it ended ({detail})",
        "look at what is in it; if it is a sound export, report it with this file",
        "读取该文件的程序异常结束（{detail}）",
        "请检查文件内容；若文件正常，请附此文件报告问题",
    ),
    "defect": (
        "reading it met a defect in edge-bridge ({detail})",
        "report it with this file and the log",
        "读取时遇到 edge-bridge 的缺陷（{detail}）",
        "请附此文件和日志报告问题",
    ),
    "unterminated": (
        "the last line has no line end yet",
        "wait: it may still be written",
        "最后一行尚无换行",
        "请等待：文件可能仍在写入",
    ),
    **REFUSALS,
}
NEVER_BETTER = frozenset({"symlink", "not_regular", "too_large", "name", "too_slow", "too_much_memory", "defect"})
"""Kinds that waiting cannot mend."""


class Unreadable(Exception):
    """A file that cannot be read as ECNs: `reason` in English, `where` in it (line, field or path)."""

    def __init__(self, kind: str, where: str = "", **facts: object) -> None:
        what, hint, chinese, chinese_hint = (text.format(**facts) for text in _REASONS[kind])
        super().__init__(f"{where}: {what}" if where else what)
        self.kind = kind
        self.where = where
        self.facts = facts
        self.what, self.hint = what, hint
        self.chinese, self.chinese_hint = chinese, chinese_hint

    def __reduce__(self) -> tuple[object, ...]:
        """Say how it is made again on the other side of a process."""
        return _again, (self.kind, self.where, self.facts)

    @staticmethod
    def kinds() -> tuple[str, ...]:
        """Return every kind there is."""
        return tuple(_REASONS)

    @property
    def reason(self) -> str:
        """What is wrong and what to do about it, in one line."""
        return f"{self.what} → {self.hint}"


def _again(kind: str, where: str, facts: dict[str, object]) -> Unreadable:
    return Unreadable(kind, where, **facts)
