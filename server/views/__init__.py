"""Saved views: how customers, deals or leads are looked at, under a name, own or shared."""
