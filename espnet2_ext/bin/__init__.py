"""Entry points, run as ``python -m espnet2_ext.bin.NAME``; they only parse options."""
