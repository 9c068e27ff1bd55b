"""Views to read with SQL: nothing but what is made anew after every step, from `automl_nn.store.views`."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Leave the tables as they are."""
