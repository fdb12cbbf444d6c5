"""Where several models differ on the same structures, and whether that warns of errors."""
