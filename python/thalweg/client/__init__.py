"""Running graphs: sessions and their configuration."""
