"""One reader for each format: text or bytes in, records with their places out. Pure; all refuse with Unreadable only."""
