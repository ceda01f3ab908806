"""The register of vehicles: who held each when, its plates, its days in service."""
