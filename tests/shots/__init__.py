"""Pictures of every page, taken in a browser on a desk that is made for it and thrown away (`make shots`)."""
