"""Released NC programs on a DNC or program share: what lies ready for the machines."""
