"""All orders in which the statements of two use cases of the books may meet."""
