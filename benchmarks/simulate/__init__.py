"""A discrete-event simulation of the site, fed with what was measured: how far which fleet carries."""
