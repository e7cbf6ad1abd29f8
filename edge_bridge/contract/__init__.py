"""The contract with the central platform: topics, envelope, schemas. Bytes are made here once and never again."""

from edge_bridge.contract.alike import seal_all
from edge_bridge.contract.data import VERBS
from edge_bridge.contract.envelope import CONTENT_TYPE, event_type, schema_urn, seal, source_urn
from edge_bridge.contract.topics import Topics

__all__ = ["CONTENT_TYPE", "VERBS", "Topics", "event_type", "schema_urn", "seal", "seal_all", "source_urn"]
