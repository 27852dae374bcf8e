"""What training leaves behind and serving reads: layout, manifest, publish, swap."""
