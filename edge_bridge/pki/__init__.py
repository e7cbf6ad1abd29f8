"""Certificates: the gateway's own, and those of others that a person has accepted. Trust goes by fingerprint."""

from edge_bridge.pki.certificate import Certificate, Description, from_file, pairs, readable_fingerprint
from edge_bridge.pki.own import Identity, own_certificate, own_file, own_identity
from edge_bridge.pki.trust import Entry, Standing, TrustStore

__all__ = [
    "Certificate",
    "Description",
    "Entry",
    "Identity",
    "Standing",
    "TrustStore",
    "from_file",
    "own_certificate",
    "own_file",
    "own_identity",
    "pairs",
    "readable_fingerprint",
]
