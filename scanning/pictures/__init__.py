"""Pictures: decoding of codes and cleaning of photos, in a process of their own."""
