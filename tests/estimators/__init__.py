"""What single estimators promise beyond the contract."""
