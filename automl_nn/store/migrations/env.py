"""What Alembic runs to apply the steps, on the connection that `automl_nn.store.opening` hands over."""

from alembic import context

from automl_nn.store.schema import Base
from automl_nn.store.views import drop_views, make_views


def run() -> None:
    """Apply the steps that are missing and make the views anew, in one transaction."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        version_table="automl_version",
        transactional_ddl=True,
    )
    with context.begin_transaction():
        drop_views(connection)
        context.run_migrations()
        make_views(connection)


if __name__ == "env_py":  # the name under which Alembic loads this file
    run()
