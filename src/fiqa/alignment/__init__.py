"""From photographs to aligned crops on disk, and the manifest that lists them."""
