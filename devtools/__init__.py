"""Local servers, the local stack and the checks; never deployed."""
