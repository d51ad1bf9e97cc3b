"""The protection wall (我的保护墙): what the company has registered, and where it is disputed."""
