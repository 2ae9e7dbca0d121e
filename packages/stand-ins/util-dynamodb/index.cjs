// ElectroDB reads the rows of streams and of cancelled transactions with this. There are none here.
