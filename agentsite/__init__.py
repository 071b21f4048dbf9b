"""The site: settings and wiring. Nothing imports it."""
