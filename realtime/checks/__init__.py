"""Name what cannot work, as Django's system checks: `settings` and `databases`."""
