"""Why a version or a machine cannot be told, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping

from edge_bridge.cards.sentences import catalogue
from edge_bridge.domain.evidence import Blind

BLIND: Mapping[str, Mapping[Blind, str]] = {
    "en": {
        Blind.NOT_LOADED: "another program is selected",
        Blind.NO_EXTRACTOR: "nothing configured gives the program's version",
        Blind.UNBOUND: "the version variable may be left over from the program before",
        Blind.UNFIT: "the value that was read is no version",
        Blind.NO_DIGEST: "the control does not show the program's content",
        Blind.UNREADABLE: "the field that names the program cannot be read",
        Blind.STALE: "the last reading is too old",
        Blind.UNREACHABLE: "the machine cannot be reached",
        Blind.GATEWAY_DOWN: "edge-bridge was off when it fell due",
    },
    "zh-CN": {
        Blind.NOT_LOADED: "当前选中的是其他程序",
        Blind.NO_EXTRACTOR: "没有配置可给出该程序版本的来源",
        Blind.UNBOUND: "版本变量可能是上一个程序留下的",
        Blind.UNFIT: "读到的值不是有效版本",
        Blind.NO_DIGEST: "数控系统不提供程序内容",
        Blind.UNREADABLE: "无法读取程序名字段",
        Blind.STALE: "最后一次读数过旧",
        Blind.UNREACHABLE: "机床无连接",
        Blind.GATEWAY_DOWN: "到期时 edge-bridge 未运行",
    },
}
STAGES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "released": "released",
        "programming": "NC programming",
        "review": "program review",
        "approved": "program approved",
        "available": "program on the share",
        "loaded": "program on the machine",
    },
    "zh-CN": {
        "released": "已发布",
        "programming": "NC 编程",
        "review": "程序审核",
        "approved": "程序已批准",
        "available": "程序已上共享目录",
        "loaded": "程序已在机床上",
    },
}


def stage(name: str, language: str) -> str:
    """Return a stage as its reader says it; a site's own word stays as it is."""
    return STAGES[language].get(name, name)


def told(reason: str, language: str) -> str:
    """Return a reason as its reader says it; one that nobody knows stays as it is."""
    if reason in set(Blind):
        return BLIND[language][Blind(reason)]
    return reason if language == "en" else catalogue(language).told(reason)
