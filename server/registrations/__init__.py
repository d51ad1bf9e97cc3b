"""Deal registration (报备): who may develop an end customer, and how disputes are decided."""
