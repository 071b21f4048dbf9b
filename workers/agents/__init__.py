"""The agents that the site offers: registry, models, and two that are ready to use."""
