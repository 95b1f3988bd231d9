EXISTS TABLE {database:Identifier}.{table:Identifier}
