"""From files to units × periods arrays, with every fault reported where it stands."""
