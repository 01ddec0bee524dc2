"""What people are shown and what is left on disk: text, pictures and files."""
