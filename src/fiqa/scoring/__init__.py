"""From images to rows of scores."""
