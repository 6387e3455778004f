"""What people do: one file per domain. No Flask."""
