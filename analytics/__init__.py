"""Analytics: hourly and daily statistics, the dashboard and exports."""
