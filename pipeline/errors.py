"""The error a user reads: what is wrong, where, and the way out."""


class UserError(Exception):
    """Something the user can mend; the message names the file and the way out.

    Stages print the message without a traceback and exit with status 1.
    """
