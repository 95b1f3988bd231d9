SELECT migration_name, finished_at IS NOT NULL FROM {ledger} WHERE rolled_back_at IS NULL
