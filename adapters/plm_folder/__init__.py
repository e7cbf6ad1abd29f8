"""ECNs from a folder of files that a PLM exports: CSV, fixed-width text, JSON, XML, XLSX, XLS."""
