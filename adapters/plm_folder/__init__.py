"""ECNs from a folder of CSV or JSON files that a PLM exports."""
