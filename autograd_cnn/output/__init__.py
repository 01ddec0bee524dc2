"""What users see and what stays on disk: text, pictures and files."""
