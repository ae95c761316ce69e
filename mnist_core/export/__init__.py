"""What leaves the lab: formats, the report, the stand-alone script."""
