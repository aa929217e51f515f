"""The one root of every refusal a user can act on."""


class BrainbrrError(Exception):
    """A refusal, told as what was expected, what was found and what to do about it.

    Subclasses are named after the fact (`StaleCache`, `MissingElectrodes`) and live beside the code
    that raises them.
    The command line turns each into one line and exit code 2.
    """

    def __init__(self, expected: str, got: str, remedy: str) -> None:
        super().__init__(expected, got, remedy)
        self.expected = expected
        self.got = got
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{type(self).__name__}: expected {self.expected}; got {self.got}. {self.remedy}"
