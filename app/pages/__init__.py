"""What people see: one file per domain. The only storey that knows Flask and forms."""
