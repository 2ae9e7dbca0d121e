// ElectroDB makes the commands of AWS's client with this. It is given a client of our own, and makes none.
