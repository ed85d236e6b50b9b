"""Report configuration that cannot work, as Django system checks: each module those of a field."""
