"""Report configuration that cannot work, as Django system checks: `settings` and `databases`."""
