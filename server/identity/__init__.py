"""Who people are: users, login names, passwords, sessions, tokens, enrolment codes, devices."""
