"""The processes that live: proof that they do, who buries the dead, what each pool has to do."""
