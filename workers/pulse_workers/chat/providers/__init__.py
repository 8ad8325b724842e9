"""What does the reading: the built-in lexical provider, and the protocol others follow."""
