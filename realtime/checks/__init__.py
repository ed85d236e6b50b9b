"""Report configuration that cannot work, as Django system checks: one module for each field."""
