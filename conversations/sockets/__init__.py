"""What all websockets of ours do alike, the browser's and the programs'."""
