"""What builds the front end, the fonts and the catalogue of screen words."""
