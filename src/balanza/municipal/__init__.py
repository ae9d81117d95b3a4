"""What a page says of one municipality beyond its own counts: its peers, and what is not known of it."""
