"""What can be wrong with a spreadsheet, with XML and with fixed-width text: the reasons that `unreadable` adds to its own."""

from __future__ import annotations

REFUSALS: dict[str, tuple[str, str, str, str]] = {
    # kind: (what is wrong, what to do, 问题, 处理)
    "declared": (
        "the XML declares an encoding that nobody knows: {encoding}",
        "set `encoding:` to what the PLM really writes",
        "XML 声明了未知的编码：{encoding}",
        "请用 `encoding:` 指定 PLM 的实际编码",
    ),
    "xml": (
        "not valid XML: {detail}",
        "export it again; it may have been cut off",
        "不是有效的 XML：{detail}",
        "请重新导出；文件可能不完整",
    ),
    "html": (
        "this is a web page, not an export",
        "look what the PLM or the web server says in it: a login or an error, most likely",
        "这是网页，不是导出文件",
        "请查看其中内容：多半是登录页或错误信息",
    ),
    "dtd": (
        "the XML has a DOCTYPE, which can hold entities that never end or read other files",
        "export it without a DTD; such a file is never opened further",
        "XML 含有 DOCTYPE，其中的实体可能无限展开或读取其他文件",
        "请导出不含 DTD 的文件；此类文件不会继续解析",
    ),
    "too_deep": (
        "elements are nested more than {limit} deep",
        "this is no ECN export; look where it comes from",
        "元素嵌套超过 {limit} 层",
        "这不是变更单导出文件，请检查来源",
    ),
    "too_many_parts": (
        "more than {limit} elements, cells or sheets",
        "export fewer ECNs into one file",
        "元素、单元格或工作表超过 {limit} 个",
        "请减少单个文件中的变更单数量",
    ),
    "no_paths": (
        "this is XML, and nothing says where the ECNs are in it",
        "set `xml.rows` and `columns:`, or a `preset:`",
        "这是 XML 文件，但没有配置变更单所在的位置",
        "请设置 `xml.rows` 与 `columns:`，或使用 `preset:`",
    ),
    "no_row_element": (
        "nothing in the file matches `{path}`; its top element is <{root}>",
        "correct `xml.rows`, or look whether another kind of file got into this folder",
        "文件中没有与 `{path}` 匹配的内容；顶层元素为 <{root}>",
        "请更正 `xml.rows`，或检查是否有其他类型的文件进入该文件夹",
    ),
    "several": (
        "`{column}` has {count} different values here: {values}",
        "make its path in `columns:` more precise, with a condition such as [@name='…']",
        "`{column}` 在此处有 {count} 个不同的值：{values}",
        "请在 `columns:` 中写出更精确的路径，例如加条件 [@name='…']",
    ),
    "no_header": (
        "this item names the ECN {number!r}, which the file does not describe",
        "export the ECN with its items; check `xml.header`",
        "该条目属于变更单 {number!r}，但文件中没有该变更单的说明",
        "请将变更单与条目一起导出；并检查 `xml.header`",
    ),
    "headers": (
        "{count} ECNs are described and nothing says which one an item belongs to",
        "set `xml.header.key` and `xml.header.match`, or export one ECN a file",
        "文件描述了 {count} 个变更单，但无法判断条目属于哪一个",
        "请设置 `xml.header.key` 与 `xml.header.match`，或每个文件只导出一个变更单",
    ),
    "workbook": (
        "not a workbook that can be opened: {detail}",
        "save it again as .xlsx; it may have been cut off",
        "无法打开的工作簿：{detail}",
        "请重新另存为 .xlsx；文件可能不完整",
    ),
    "no_workbook": (
        "this is text with the name of a workbook",
        "many systems write such files: set `format: csv`, or `format: auto`",
        "这是以工作簿命名的文本文件",
        "许多系统会这样导出：请设置 `format: csv` 或 `format: auto`",
    ),
    "password": (
        "the workbook is protected by a password",
        "save it without one",
        "工作簿有密码保护",
        "请取消密码后另存",
    ),
    "archive": (
        "the archive inside is not sound: {detail}",
        "save it again with Excel; do not open a file like this by hand if you do not know where it comes from",
        "内部压缩包异常：{detail}",
        "请用 Excel 重新保存；来源不明时请勿手工打开",
    ),
    "no_sheet": (
        "there is no sheet {sheet!r}; found: {found}",
        "correct `sheet:`",
        "没有工作表 {sheet!r}；现有：{found}",
        "请更正 `sheet:`",
    ),
    "sheets": (
        "several sheets look like lists of ECNs: {found}",
        "say which count: `sheet: [NAME, …]`",
        "有多个工作表像是变更单列表：{found}",
        "请指定：`sheet: [名称, …]`",
    ),
    "damaged_number": (
        "the ECN number {value!r} is not what was typed: {reason}",
        "make the column text and export again; if it is right, `as_written: [number]`",
        "变更单号 {value!r} 不是原来的内容：{chinese}",
        "请将该列设为文本后重新导出；若内容无误，请设置 `as_written: [number]`",
    ),
    "formula": (
        "the formula of `{column}` failed: {value}",
        "mend it in the spreadsheet, or put the value itself there",
        "`{column}` 的公式出错：{value}",
        "请在电子表格中修正，或直接填写数值",
    ),
    "crosses": (
        "a value crosses the border of `{column}`: {value!r}",
        "correct `positions:`; with Chinese text try `width: display`",
        "有内容跨越了列 `{column}` 的边界：{value!r}",
        "请更正 `positions:`；含中文时可尝试 `width: display`",
    ),
    "short_line": (
        "the last line ends at {count} of {expected} characters, and has no line end",
        "export it again; write to a temporary name and rename it when it is complete",
        "最后一行只有 {count} 个字符（应为 {expected}），且没有换行",
        "请重新导出；建议先写入临时文件名，完成后再改名",
    ),
    "no_end": (
        "the last line is not {expected!r}, so that the file is not complete",
        "export it again; correct `last_line:` if the PLM ends its files in another way",
        "最后一行不是 {expected!r}，文件不完整",
        "请重新导出；若 PLM 的文件结尾不同，请更正 `last_line:`",
    ),
    "other_half": (
        "there are items of {number} here, but the ECN itself is missing (`join` has waited {timeout} for it)",
        "export the ECN itself, too; its items are taken as soon as it is there",
        "此处有 {number} 的条目，但缺少变更单本身（`join` 已等待 {timeout}）",
        "请同时导出变更单本身；收到后即处理其条目",
    ),
    "no_items": (
        "its items are missing (`join` has waited {timeout} for them)",
        "export its items, too; they are taken as soon as they are there",
        "缺少其条目（`join` 已等待 {timeout}）",
        "请同时导出其条目；收到后即处理",
    ),
}
