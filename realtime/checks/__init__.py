"""Report configuration that cannot work, as Django system checks: one module for each field.

`apps` imports them, which registers them; each id is used once. Begin with `settings`.
"""
