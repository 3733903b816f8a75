"""Typed messages to and from the wire: JSON version 1, with seams for other codecs and ciphers.

Nothing outside this package sees a key of the wire format.
"""
