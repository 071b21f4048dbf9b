"""A conversation as it is shown: from its rows, from the logs of its turns, and as both go on."""
