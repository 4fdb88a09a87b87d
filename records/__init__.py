"""What an office records, pure: commands, events, rules, codes, calendars, fees."""
