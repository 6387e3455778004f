"""The world as plain data: paper, storage, locks. No tables, no Flask."""
