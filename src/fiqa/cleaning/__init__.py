"""What is wrong with a folder of faces, and putting it aside."""
