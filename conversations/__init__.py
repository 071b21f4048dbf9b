"""What is kept, in what order it is answered, and how it is seen."""
