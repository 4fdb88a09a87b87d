"""What technicians run: a province's keys, tickets, enrolment, the sandbox."""
