"""Pages of training. Access is the first line of each view."""
