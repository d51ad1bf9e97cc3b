"""How deals are won: processes with stages, steps and gates, opportunities, pipeline totals."""
