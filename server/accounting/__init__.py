"""Accounting: the books' periods, the chart, and the vouchers that the platform's finance keeps."""
