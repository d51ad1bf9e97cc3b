"""Take customers out as CSV or as a workbook; what comes back in changes nothing."""
