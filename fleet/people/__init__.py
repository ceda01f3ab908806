"""Sign-in, roles, regions and companies."""
