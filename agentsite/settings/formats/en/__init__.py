"""English, which the site is written in."""
