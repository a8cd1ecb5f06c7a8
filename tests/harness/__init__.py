"""What the integration tests share: throwaway Postgres, the sluice program, independent readers, a metadata check."""
