"""YAML without surprises: every scalar is text until a schema says what it is, and every value knows its line and column.

PyYAML's own loader turns `1.10` into 1.1, `NO` into False, `12:30` into 750, and silently keeps the last of two equal keys.
"""

from edge_bridge.strict_yaml.reading import DEEPEST, LARGEST_FILE, load, load_list, yaml_files
from edge_bridge.strict_yaml.section import ENTRIES, Key, Section, merged

__all__ = ["DEEPEST", "ENTRIES", "LARGEST_FILE", "Key", "Section", "load", "load_list", "merged", "yaml_files"]
