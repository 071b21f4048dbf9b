"""The page from the server's side: accounts, the list, the posts behind it."""
